/** Listeners and filter chains of one address and port, made for one call and thrown away. */
import type { L4MatchAttributes, RouteDestination, VirtualService } from '../../src/core/model/virtual-service.ts';
import { blockHolds, isWithin, maskedBlock, overlap, prefixOf } from './naive-names.ts';
import { namespaceOf, type NaivePort, type NaiveScope, type NaiveService } from './naive-scope.ts';

export interface NaiveTarget {
  readonly cluster: string;
  readonly weight: number;
}

export type ChainResult =
  | { readonly kind: 'http'; readonly table: 'port' | NaiveService; readonly port: number }
  | { readonly kind: 'tcp'; readonly targets: readonly NaiveTarget[]; readonly rule?: string }
  | { readonly kind: 'policy' };

interface Chain {
  readonly sni: readonly string[];
  readonly blocks: readonly string[];
  readonly http: boolean;
  readonly result: ChainResult;
}

interface Listener {
  sniffs: boolean;
  readonly chains: Chain[];
}

export interface NaiveCall {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly sni: string;
  /** Plaintext HTTP of any version. */
  readonly http: boolean;
}

const POLICY: ChainResult = { kind: 'policy' };

/** The chain that the call ends in; undefined for the virtual listener, where only the policy counts. */
export function naiveChain(scope: NaiveScope, call: NaiveCall): ChainResult | undefined {
  const listener = listenerAt(scope, call.port, call.address) ?? listenerAt(scope, call.port, undefined);
  return listener === undefined ? undefined : matchChain(listener.chains, call);
}

/** `bind`: the address of a listener of its own; undefined: the one for all addresses. */
function listenerAt(scope: NaiveScope, number: number, bind: string | undefined): Listener | undefined {
  let listener: Listener | undefined;
  for (const service of scope.services) {
    for (const port of service.ports) {
      if (port.number !== number || bindOf(service, port) !== bind) continue;
      const http = httpChain(service, port, bind);
      if (port.family === 'http') {
        listener = listener ?? { sniffs: false, chains: [] };
        if (!listener.sniffs) listener.chains.push(http);
        listener.sniffs = true;
        continue;
      }
      const streams = port.family === 'tls' ? tlsChains(scope, service, port) : tcpChains(scope, service, port);
      listener = listener ?? { sniffs: false, chains: [] };
      for (const chain of streams)
        if (!listener.chains.some((held) => isSame(held, chain))) listener.chains.push(chain);
      if (port.family === 'auto' && !listener.sniffs) {
        listener.chains.push(http);
        listener.sniffs = true;
      }
    }
  }
  return listener;
}

/** HTTP shares the listener for all addresses, and so do blocks. */
function bindOf({ address }: NaiveService, { family }: NaivePort): string | undefined {
  return family === 'http' || address === undefined || address.includes('/') ? undefined : address;
}

function httpChain(service: NaiveService, { number }: NaivePort, bind: string | undefined): Chain {
  const table = bind === undefined ? 'port' : service;
  return { sni: [], blocks: [], http: true, result: { kind: 'http', table, port: number } };
}

function isSame(a: Chain, b: Chain): boolean {
  const key = ({ sni, blocks, http }: Chain): string =>
    JSON.stringify([[...sni].sort(), blocks.map((block) => maskedBlock(block)).sort(), http]);
  return key(a) === key(b);
}

function blocksOf({ address }: NaiveService): string[] {
  return address?.includes('/') === true ? [address] : [];
}

function rulesOf(scope: NaiveScope, service: NaiveService): VirtualService[] {
  return scope.rules.filter(({ spec }) => (spec.hosts ?? []).some((host) => overlap(host, service.host)));
}

function tlsChains(scope: NaiveScope, service: NaiveService, port: NaivePort): Chain[] {
  const chains: Chain[] = [];
  const seen = new Set<string>();
  let blocks = blocksOf(service);
  for (const rule of rulesOf(scope, service)) {
    for (const { match = [], route = [] } of rule.spec.tls ?? []) {
      for (const each of match) {
        if (route.length === 0 || !applies(scope, each, port)) continue;
        if (each.destinationSubnets !== undefined && each.destinationSubnets.length > 0)
          blocks = [...each.destinationSubnets];
        const sni = each.sniHosts ?? [];
        const key = `${sni.join(',')}|${(each.destinationSubnets ?? []).join(',')}`;
        if (seen.has(key)) continue;
        seen.add(key);
        chains.push({ sni, blocks, http: false, result: toRoute(scope, route, port, rule) });
      }
    }
  }
  if (chains.length > 0) return chains;
  const sni = bindOf(service, port) === undefined ? [service.host] : [];
  return [{ sni, blocks: blocksOf(service), http: false, result: toService(service, port) }];
}

function tcpChains(scope: NaiveScope, service: NaiveService, port: NaivePort): Chain[] {
  const own = blocksOf(service);
  const chains: Chain[] = [];
  let covered = false;
  for (const rule of rulesOf(scope, service)) {
    for (const { match = [], route = [] } of rule.spec.tcp ?? []) {
      if (route.length === 0) continue;
      const result = toRoute(scope, route, port, rule);
      const whole: Chain = { sni: [], blocks: own, http: false, result };
      if (match.length === 0) return [...chains, whole];
      const subnets: string[] = [];
      for (const each of match.filter((candidate) => applies(scope, candidate, port))) {
        if ((each.destinationSubnets ?? []).length === 0) return [...chains, whole];
        subnets.push(...(each.destinationSubnets ?? []));
      }
      if (subnets.length === 0) continue;
      // The proxy is not told which rule made a chain for subnets.
      chains.push({ sni: [], blocks: subnets, http: false, result: withoutRule(result) });
      if (subnets.join() === own.join()) covered = true;
    }
  }
  return covered ? chains : [...chains, { sni: [], blocks: own, http: false, result: toService(service, port) }];
}

function withoutRule(result: ChainResult): ChainResult {
  return result.kind === 'tcp' ? { kind: 'tcp', targets: result.targets } : result;
}

function applies({ workload }: NaiveScope, match: L4MatchAttributes, port: NaivePort): boolean {
  const labels = Object.entries(match.sourceLabels ?? {});
  return (
    ((match.gateways ?? []).length === 0 || match.gateways?.includes('mesh') === true) &&
    labels.every(([name, value]) => workload.labels?.[name] === value) &&
    (match.port === undefined || match.port === port.number) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === workload.namespace)
  );
}

function toRoute(
  scope: NaiveScope,
  route: readonly RouteDestination[],
  port: NaivePort,
  rule: VirtualService,
): ChainResult {
  const targets = route.map(({ destination, weight = 0 }) => {
    const service = scope.reachable.find(({ host }) => host === destination.host);
    const only = service?.ports.length === 1 ? service.ports[0]?.number : undefined;
    const number = destination.port?.number ?? only ?? port.number;
    return { cluster: `outbound|${number}|${destination.subset ?? ''}|${destination.host}`, weight };
  });
  const name = `${namespaceOf(rule)}/${rule.metadata.name}`;
  const kept = targets.length === 1 ? targets : targets.filter(({ weight }) => weight > 0);
  return { kind: 'tcp', targets: kept, rule: name };
}

function toService(service: NaiveService, port: NaivePort): ChainResult {
  return { kind: 'tcp', targets: [{ cluster: `outbound|${port.number}||${service.host}`, weight: 1 }] };
}

/** Level by level, each time the most specific that fits; nobody goes back. */
function matchChain(chains: readonly Chain[], call: NaiveCall): ChainResult {
  const matchAll = chains.findLast(({ sni, blocks, http }) => sni.length === 0 && blocks.length === 0 && !http);
  const fallback = matchAll?.result ?? POLICY;
  let left = chains.filter((chain) => chain !== matchAll);
  left = narrow(left, ({ blocks }) =>
    blocks.length === 0
      ? 0
      : Math.max(-1, ...blocks.filter((block) => blockHolds(block, call.address)).map((block) => 1 + prefixOf(block))),
  );
  const readsSni = chains.some(({ sni }) => sni.length > 0);
  const name = readsSni ? call.sni.toLowerCase() : '';
  left = narrow(left, ({ sni }) => {
    if (sni.length === 0) return 0;
    const fitting = sni.filter((each) => name !== '' && isWithin(name, each.toLowerCase()));
    return Math.max(-1, ...fitting.map((each) => (each.startsWith('*') ? each.length : 1_000)));
  });
  left = narrow(left, ({ http }) => (http ? (call.http ? 1 : -1) : 0));
  return left[0]?.result ?? fallback;
}

/** Keeps the chains of the highest rank; -1 is a criterion that does not fit, 0 none stated. */
function narrow(chains: readonly Chain[], rank: (chain: Chain) => number): Chain[] {
  const best = Math.max(-1, ...chains.map(rank));
  return best < 0 ? [] : chains.filter((chain) => rank(chain) === best);
}
