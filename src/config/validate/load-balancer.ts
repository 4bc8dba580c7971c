import type { LoadBalancerFields } from '../schema/destination-rule.ts';
import { validateLocalityLb, validateZoneAwareLb } from './locality-lb.ts';
import type { Report } from './problem.ts';
import { validateDuration } from './time.ts';

const MAX_TABLE_SIZE = 5_000_011;

export function validateLoadBalancer(
  report: Report,
  field: string,
  settings: LoadBalancerFields | undefined,
  hasOutlierDetection: boolean,
): void {
  if (settings === undefined) return;
  if (settings.consistentHash !== undefined)
    validateConsistentHash(report, `${field}.consistentHash`, settings.consistentHash);
  if (settings.localityLbSetting !== undefined && settings.zoneAwareLbSetting !== undefined) {
    report.error('locality', field, 'localityLbSetting and zoneAwareLbSetting exclude each other', 'keep one of them');
  }
  validateLocalityLb(report, `${field}.localityLbSetting`, settings.localityLbSetting, hasOutlierDetection);
  validateZoneAwareLb(report, `${field}.zoneAwareLbSetting`, settings.zoneAwareLbSetting, hasOutlierDetection);
  validateDuration(report, `${field}.warmupDurationSecs`, settings.warmupDurationSecs);
  if (settings.warmup !== undefined) validateWarmup(report, `${field}.warmup`, settings.warmup);
}

function validateConsistentHash(
  report: Report,
  field: string,
  hash: NonNullable<LoadBalancerFields['consistentHash']>,
): void {
  const cookie = hash.httpCookie;
  if (cookie !== undefined) {
    if ((cookie.name ?? '') === '') report.error('cookie', `${field}.httpCookie.name`, 'the cookie needs a name');
    const seen = new Set<string>();
    for (const [index, { name }] of (cookie.attributes ?? []).entries()) {
      const at = `${field}.httpCookie.attributes[${index}].name`;
      if ((name ?? '') === '') report.error('cookie', at, 'a cookie attribute needs a name');
      else if (seen.has(name)) report.error('cookie', at, `cookie attribute ${name} stands twice`);
      seen.add(name);
    }
  }
  if ((hash.minimumRingSize ?? 0) !== 0) {
    report.warning(
      'deprecatedField',
      `${field}.minimumRingSize`,
      'minimumRingSize is deprecated here',
      'use ringHash.minimumRingSize',
    );
    if (hash.ringHash !== undefined || hash.maglev !== undefined) {
      report.error(
        'hashAlgorithm',
        `${field}.minimumRingSize`,
        'minimumRingSize excludes ringHash and maglev',
        'remove it',
      );
    }
  }
  if (hash.maglev !== undefined)
    report.check('hashAlgorithm', `${field}.maglev.tableSize`, tableSizeProblem(hash.maglev.tableSize ?? 0));
}

/** Envoy takes primes below 5,000,011. */
export function tableSizeProblem(size: number): string | undefined {
  if (size === 0) return 'maglev needs a tableSize';
  if (size >= MAX_TABLE_SIZE) return `${size} is not below ${MAX_TABLE_SIZE}`;
  return isPrime(size) ? undefined : `${size} is not a prime number`;
}

/** 1 counts, as it does for Envoy. */
function isPrime(value: number): boolean {
  if (value < 4) return value > 0;
  if (value % 2 === 0) return false;
  for (let factor = 3; factor * factor <= value; factor += 2) {
    if (value % factor === 0) return false;
  }
  return true;
}

function validateWarmup(report: Report, field: string, warmup: NonNullable<LoadBalancerFields['warmup']>): void {
  if (warmup.duration === undefined) report.error('warmup', `${field}.duration`, 'warmup needs a duration');
  else validateDuration(report, `${field}.duration`, warmup.duration);
  if ((warmup.minimumPercent ?? 0) > 100)
    report.error('warmup', `${field}.minimumPercent`, `${warmup.minimumPercent} is more than 100 percent`);
  if ((warmup.aggression ?? 1) <= 0) report.error('warmup', `${field}.aggression`, 'aggression must be more than 0');
}
