import { parseIp } from './ip-address.ts';

/** Whether `host` is a wildcard in Istio's sense: it begins with `*`. */
export function isWildcard(host: string): boolean {
  return host.charCodeAt(0) === 42;
}

/** Istio's `Name.Matches`: whether some name is covered by both. Symmetric; case-sensitive, so callers lower the case first. */
export function hostMatches(a: string, b: string): boolean {
  if (isWildcard(a)) {
    if (isWildcard(b)) return a.length < b.length ? b.endsWith(a.slice(1)) : a.endsWith(b.slice(1));
    return b.endsWith(a.slice(1));
  }
  return isWildcard(b) ? a.endsWith(b.slice(1)) : a === b;
}

/** Istio's `Name.SubsetOf`: whether every name that `a` covers is covered by `b`. */
export function hostSubsetOf(a: string, b: string): boolean {
  if (!isWildcard(b)) return a === b;
  return isWildcard(a) && a.length < b.length ? false : a.endsWith(b.slice(1));
}

/**
 * Orders hosts as Istio's `MoreSpecific` does: exact names before wildcards, longer before shorter, then by code unit.
 * For `Array.prototype.sort`: the most specific comes first.
 */
export function compareSpecificity(a: string, b: string): number {
  const wildcards = Number(isWildcard(a)) - Number(isWildcard(b));
  if (wildcards !== 0 && a !== '' && b !== '') return wildcards;
  if (a.length !== b.length) return b.length - a.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Istio's `MoreSpecific`, which also holds between two empty names. */
export function moreSpecific(a: string, b: string): boolean {
  return (a === '' && b === '') || compareSpecificity(a, b) < 0;
}

/** Istio's `MostSpecificHostMatch`: the entry of `specific` or `wildcard` that fits `needle` (name or wildcard) most closely. */
export function mostSpecificHostMatch<T>(
  needle: string,
  specific: ReadonlyMap<string, T>,
  wildcard: ReadonlyMap<string, T>,
): { readonly host: string; readonly value: T } | undefined {
  const exact = isWildcard(needle) ? wildcard : specific;
  if (exact.has(needle)) return { host: needle, value: exact.get(needle) as T };
  const name = isWildcard(needle) ? needle.slice(1) : needle;
  let best: string | undefined;
  for (const host of wildcard.keys()) {
    if (!name.endsWith(host.slice(1))) continue;
    if (best === undefined || compareSpecificity(host, best) < 0) best = host;
  }
  return best === undefined ? undefined : { host: best, value: wildcard.get(best) as T };
}

/** Istio's `Names.Intersection`: for every pair that meets, the narrower of the two, without repetition. */
export function intersectHosts(left: readonly string[], right: readonly string[]): string[] {
  const result = new Set<string>();
  for (const a of left) {
    for (const b of right) {
      if (hostSubsetOf(a, b)) result.add(a);
      else if (hostSubsetOf(b, a)) result.add(b);
    }
  }
  return [...result];
}

/** Istio's `NamesForNamespace`: of Gateway hosts written `namespace/host`, those that bind in `namespace`, without the prefix. */
export function hostsForNamespace(hosts: readonly string[], namespace: string): string[] {
  const result: string[] = [];
  for (const host of hosts) {
    const slash = host.indexOf('/');
    const scope = host.slice(0, Math.max(slash, 0));
    if (slash < 0) result.push(host);
    else if (scope === '*' || scope === namespace) result.push(host.slice(slash + 1));
  }
  return result;
}

/**
 * Istio's `ResolveShortnameToFQDN`: a name without a dot belongs to the namespace of the resource that wrote it.
 * IP addresses, wildcards and names with a dot are complete already.
 */
export function expandShortName(host: string, namespace: string, clusterDomain: string): string {
  if (host === '' || host === '*' || host.includes('.') || parseIp(host) !== undefined) return host;
  const inNamespace = namespace === '' ? host : `${host}.${namespace}`;
  return clusterDomain === '' ? inNamespace : `${inNamespace}.svc.${clusterDomain}`;
}

/** `namespace/name` of a Gateway as a VirtualService in `namespace` names it; `mesh` is no Gateway and stays. */
export function resolveGatewayName(gateway: string, namespace: string): string {
  if (gateway === 'mesh') return gateway;
  if (gateway.startsWith('./')) return `${namespace}/${gateway.slice(2)}`;
  if (gateway.includes('/')) return gateway;
  // Before `namespace/name` there was `name.namespace` with or without the cluster's domain.
  const [name = '', ownNamespace = namespace] = gateway.split('.', 2);
  return `${ownNamespace}/${name}`;
}
