import {
  annotationScopes,
  completeHost,
  isExportedEverywhere,
  isInScope,
  parseScopedHost,
  resourceOfHost,
  scopedHost,
  scopedHostText,
  splitKubernetesName,
} from '../../src/config/analyze/scoped-host.ts';
import {
  compareSpecificity,
  expandShortName,
  hostMatches,
  hostsForNamespace,
  hostSubsetOf,
  intersectHosts,
  isWildcard,
  moreSpecific,
  mostSpecificHostMatch,
  resolveGatewayName,
} from '../../src/core/match/hostname.ts';
import { compare, notApplicable, type TableCase, type Verdict, withoutNulls } from './table.ts';

/** Hosts against hosts, and names that resources write in short. */
export function hostnamesTable(tableCase: TableCase): Verdict[] {
  const answer = answers[tableCase.function ?? ''];
  if (answer === undefined) return [notApplicable('unknown function')];
  return [compare(tableCase['result'], answer(withoutNulls(tableCase['input'] ?? [])))];
}

interface Meta {
  readonly namespace?: string;
  readonly domain?: string;
}

const answers: Readonly<Record<string, (input: unknown) => unknown>> = {
  'Name.IsWildCarded': (input) =>
    isWildcard(typeof input === 'string' ? input : (input as { receiver: string }).receiver),
  'Name.Matches': (input) => hostMatches(...pair(input)),
  'Name.SubsetOf': (input) => hostSubsetOf(...pair(input)),
  MoreSpecific: (input) => moreSpecific((input as { a: string }).a, (input as { b: string }).b),
  sort: (input) => [...(input as string[])].sort(compareSpecificity),
  'Names.Intersection': (input) => {
    const { receiver, other } = input as { receiver?: string[]; other?: string[] };
    return intersectHosts(receiver ?? [], other ?? []);
  },
  NamesForNamespace: (input) => {
    const { hosts, namespace } = input as { hosts?: string[]; namespace: string };
    return hostsForNamespace(hosts ?? [], namespace);
  },
  MostSpecificHostMatch: (input) => {
    const { needle, specific, wildcard } = input as { needle: string; specific?: string[]; wildcard?: string[] };
    const found = mostSpecificHostMatch(needle, named(specific), named(wildcard));
    return [found?.host ?? '', found !== undefined];
  },
  ResolveShortnameToFQDN: (input) => {
    const { hostname, meta } = input as { hostname: string; meta: Meta };
    return expandShortName(hostname, meta.namespace ?? '', meta.domain ?? '');
  },
  resolveGatewayName: (input) => {
    const { gwname, meta } = input as { gwname: string; meta: Meta };
    return resolveGatewayName(gwname, meta.namespace ?? '');
  },
  IsExportToAllNamespaces: (input) => isExportedEverywhere(input as string[]),
  ConvertHostToFQDN: (input) => {
    const { host, namespace, customDomain } = input as HostInNamespace;
    return completeHost(host, namespace, customDomain === '' ? undefined : customDomain);
  },
  NewScopedFqdn: (input) => {
    const { scope, host, namespace, customDomain } = input as HostInNamespace & { scope: string };
    return scopedHostText(scopedHost(scope, host, namespace, customDomain === '' ? undefined : customDomain));
  },
  'ScopedFqdn.GetScopeAndFqdn': (input) => {
    const { scope, host } = parseScopedHost(input as string);
    return [scope, host];
  },
  'ScopedFqdn.InScopeOf': (input) => {
    const { receiver, ns } = input as { receiver: string; ns: string };
    return isInScope(parseScopedHost(receiver), ns);
  },
  GetResourceNameFromHost: (input) => {
    const { host, defaultNamespace } = input as { host: string; defaultNamespace: string };
    return resourceOfHost(host, defaultNamespace);
  },
  GetFullNameFromFQDN: (input) => splitKubernetesName(input as string),
  getVisibleNamespacesFromExportToAnno: (input) => {
    const { anno, resourceNamespace } = input as { anno: string; resourceNamespace: string };
    return annotationScopes(anno, resourceNamespace);
  },
};

interface HostInNamespace {
  readonly host: string;
  readonly namespace: string;
  readonly customDomain?: string;
}

function pair(input: unknown): [string, string] {
  const { receiver, o } = input as { receiver: string; o: string };
  return [receiver, o];
}

function named(hosts: readonly string[] = []): ReadonlyMap<string, true> {
  return new Map(hosts.map((host) => [host, true]));
}
