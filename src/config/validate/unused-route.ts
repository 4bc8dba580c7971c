import type {
  HTTPMatchFields,
  HTTPRouteFields,
  StringMatchFields,
  VirtualServiceFields,
} from '../schema/virtual-service.ts';
import type { Report } from './problem.ts';

type Route = { readonly name?: string | undefined; readonly match?: readonly object[] | undefined };

/** Routes and matches that Istio says can never be reached. It looks at equal matches and at URI prefixes only. */
export function warnUnusedRoutes(report: Report, spec: VirtualServiceFields): void {
  warnRepeatedMatches(report, 'spec.http', spec.http ?? []);
  warnCoveredPrefixes(report, spec.http ?? []);
  warnRepeatedMatches(report, 'spec.tcp', spec.tcp ?? []);
  warnRepeatedMatches(report, 'spec.tls', spec.tls ?? []);
}

function warnRepeatedMatches(report: Report, field: string, routes: readonly Route[]): void {
  const seen = new Map<string, number>();
  let catchAll: number | undefined;
  for (const [index, route] of routes.entries()) {
    const at = `${field}[${index}]`;
    const matches = route.match ?? [];
    if (matches.length === 0) {
      if (catchAll !== undefined)
        report.warning(
          'unreachableRoute',
          at,
          `${field}[${catchAll}] has no match and takes everything before it`,
          'remove one of them, or give the first a match',
        );
      catchAll ??= index;
      continue;
    }
    if (catchAll !== undefined)
      report.warning(
        'unreachableRoute',
        at,
        `${field}[${catchAll}] has no match and takes everything before it`,
        `move it before ${field}[${catchAll}]`,
      );
    let repeated = 0;
    for (const [position, match] of matches.entries()) {
      const key = canonicalMatch(match);
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, index);
        continue;
      }
      repeated += 1;
      report.warning(
        'ineffectiveMatch',
        `${at}.match[${position}]`,
        `the same match stands in ${field}[${first}] already`,
        'remove it',
      );
    }
    if (repeated === matches.length)
      report.warning(
        'unreachableRoute',
        at,
        'routes before it have all of its matches',
        'remove it, or move it to the front',
      );
  }
}

/** The match without its name, and without fields that hold nothing. */
function canonicalMatch(match: object): string {
  return canonicalText({ ...match, name: undefined });
}

function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, field]) => !isUnset(field));
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalText(field)}`)
    .join(',')}}`;
}

function isUnset(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === 0 ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}

interface PrefixMatch {
  readonly route: number;
  readonly position: number;
  readonly match: HTTPMatchFields;
  readonly prefix: string;
}

function warnCoveredPrefixes(report: Report, routes: readonly HTTPRouteFields[]): void {
  const seen = new Set<string>();
  const prefixes: PrefixMatch[] = [];
  for (const [route, { match: matches = [] }] of routes.entries()) {
    for (const [position, match] of matches.entries()) {
      const key = canonicalMatch(match);
      const prefix = match.uri?.prefix ?? '';
      if (!seen.has(key) && prefix !== '') prefixes.push({ route, position, match, prefix });
      seen.add(key);
    }
  }
  for (const [index, earlier] of prefixes.entries()) {
    for (const later of prefixes.slice(index + 1)) {
      if (earlier.prefix === later.prefix || !covers(earlier, later)) continue;
      report.warning(
        'ineffectiveMatch',
        `spec.http[${later.route}].match[${later.position}]`,
        `prefix ${later.prefix} is covered by prefix ${earlier.prefix} of spec.http[${earlier.route}].match[${earlier.position}]`,
        'move the longer prefix before the shorter one',
      );
    }
  }
}

/** Istio's comparison, which goes by the text of the other conditions rather than by what they match. */
function covers({ match: earlier, prefix }: PrefixMatch, { match: later, prefix: longer }: PrefixMatch): boolean {
  return (
    longer.startsWith(prefix) &&
    (earlier.port ?? 0) === (later.port ?? 0) &&
    conditionText(earlier.method, 'exact:GET').startsWith(conditionText(later.method, 'exact:GET')) &&
    conditionText(earlier.authority).startsWith(conditionText(later.authority)) &&
    conditionsCover(earlier.headers, later.headers) &&
    conditionsCover(earlier.queryParams, later.queryParams) &&
    conditionsCover(earlier.withoutHeaders, later.withoutHeaders)
  );
}

type Conditions = Readonly<Record<string, StringMatchFields>> | undefined;

function conditionsCover(earlier: Conditions = {}, later: Conditions = {}): boolean {
  const names = Object.keys(earlier);
  if (names.length !== Object.keys(later).length) return false;
  return names.every((name) => {
    const own = earlier[name];
    const other = later[name];
    return other !== undefined && conditionText(own).startsWith(conditionText(other));
  });
}

function conditionText(match: StringMatchFields | undefined, absent = ''): string {
  if ((match?.exact ?? '') !== '') return `exact:${match?.exact}`;
  return (match?.prefix ?? '') === '' ? absent : `prefix:${match?.prefix}`;
}
