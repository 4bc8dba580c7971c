import type { LocalityLbFields, ZoneAwareLbFields } from '../schema/destination-rule.ts';
import type { Report } from './problem.ts';

const REGION = 'topology.kubernetes.io/region';
const ZONE = 'topology.kubernetes.io/zone';
const SUBZONE = 'topology.istio.io/subzone';
const TOPOLOGY_LABELS: readonly string[] = [REGION, ZONE, SUBZONE];

/** `hasOutlierDetection`: without it nothing ever fails over. */
export function validateLocalityLb(
  report: Report,
  field: string,
  setting: LocalityLbFields | undefined,
  hasOutlierDetection: boolean,
): void {
  if (setting === undefined) return;
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  if (distribute.length > 0 && failover.length > 0) {
    report.error('locality', field, 'distribute and failover exclude each other', 'keep one of them');
    return;
  }
  const topology = failoverPriority.find((label) => TOPOLOGY_LABELS.includes(label));
  if (failover.length > 0 && topology !== undefined) {
    report.error(
      'locality',
      `${field}.failoverPriority`,
      `failover already orders regions; ${topology} must not be a priority as well`,
    );
    return;
  }
  for (const [index, { to = {} }] of distribute.entries()) {
    const at = `${field}.distribute[${index}].to`;
    const weights = Object.values(to);
    if (weights.some((weight) => weight < 1 || weight > 100)) {
      report.error('locality', at, 'each weight must be 1 to 100');
      return;
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total !== 100) {
      report.error('locality', at, `the weights add up to ${total} instead of 100`);
      return;
    }
    report.check('locality', at, localitiesProblem(Object.keys(to)));
  }
  report.check('locality', `${field}.distribute`, localitiesProblem(distribute.map(({ from = '' }) => from)));
  warnWithoutOutlierDetection(report, field, setting, hasOutlierDetection);
  validateFailover(report, `${field}.failover`, failover);
}

export function validateZoneAwareLb(
  report: Report,
  field: string,
  setting: ZoneAwareLbFields | undefined,
  hasOutlierDetection: boolean,
): void {
  if (setting === undefined) return;
  for (const [index, label] of (setting.failoverPriority ?? []).entries()) {
    if (TOPOLOGY_LABELS.includes(label)) {
      report.error(
        'locality',
        `${field}.failoverPriority[${index}]`,
        `regions and zones are ordered already; ${label} must not be a priority`,
      );
    }
  }
  warnWithoutOutlierDetection(report, field, setting, hasOutlierDetection);
  validateFailover(report, `${field}.failover`, setting.failover ?? []);
}

function warnWithoutOutlierDetection(
  report: Report,
  field: string,
  { failover = [], failoverPriority = [] }: Pick<LocalityLbFields, 'failover' | 'failoverPriority'>,
  hasOutlierDetection: boolean,
): void {
  if (hasOutlierDetection || failover.length + failoverPriority.length === 0) return;
  report.warning(
    'localityWithoutOutlierDetection',
    field,
    'without outlierDetection no endpoint is ever unhealthy and nothing fails over',
    'add outlierDetection beside loadBalancer',
  );
}

function validateFailover(report: Report, field: string, failover: NonNullable<LocalityLbFields['failover']>): void {
  for (const [index, { from = '', to = '' }] of failover.entries()) {
    const at = `${field}[${index}]`;
    if (from === to) report.error('locality', at, `fails over from ${JSON.stringify(from)} to itself`);
    if (from.includes('/') || to.includes('/'))
      report.error('locality', at, 'failover is between regions; zones follow by themselves');
    if (from.includes('*') || to.includes('*'))
      report.error('locality', at, 'a region of failover must not be a wildcard');
  }
}

/** `region/zone/subzone`, each part given; the index of the last is the depth. */
export function splitLocality(locality: string): readonly string[] | undefined {
  const [region = '', zone, ...subzone] = locality.split('/');
  const parts = [region, ...(zone === undefined ? [] : [zone]), ...(subzone.length === 0 ? [] : [subzone.join('/')])];
  return parts.includes('') ? undefined : parts;
}

/** No locality may lie in one listed before it; `*` ends a locality only. */
export function localitiesProblem(localities: readonly string[]): string | undefined {
  // Region -> zone -> subzones; `*` stands for all of that level.
  const taken = new Map<string, Map<string, Set<string>>>();
  for (const locality of localities) {
    const stars = locality.split('*').length - 1;
    if (stars > 1 || (stars === 1 && !locality.endsWith('*')))
      return `locality ${JSON.stringify(locality)} may have one * only, at its end`;
    const overlap = `locality ${JSON.stringify(locality)} overlaps with one before it`;
    if (taken.has('*')) return overlap;
    const parts = splitLocality(locality);
    if (parts === undefined) return `locality ${JSON.stringify(locality)} has an empty part`;
    if (!take(taken, parts)) return overlap;
  }
  return undefined;
}

function take(taken: Map<string, Map<string, Set<string>>>, [region = '', zone, subzone]: readonly string[]): boolean {
  const zones = taken.get(region);
  if (zone === undefined) {
    if (zones !== undefined) return false;
    taken.set(region, new Map([['*', new Set(['*'])]]));
    return true;
  }
  if (zones === undefined) {
    taken.set(region, new Map([[zone, new Set([subzone ?? '*'])]]));
    return true;
  }
  const subzones = zones.get(zone);
  if (
    zones.has('*') ||
    (subzones !== undefined && (subzone === undefined || subzones.has('*') || subzones.has(subzone)))
  )
    return false;
  zones.set(zone, new Set([...(subzones ?? []), subzone ?? '*']));
  return true;
}
