/**
 * The decision a second time, as slowly and as plainly as the specification reads: no index, nothing compiled, nothing
 * remembered from call to call. It shares no code with what it is compared with.
 *
 * It knows sidecars, ServiceEntries, VirtualServices, DestinationRules (for subsets and names) and Sidecars without ports.
 */
import type { Connection, Workload } from '../../src/core/model/connection.ts';
import type { MeshConfig } from '../../src/core/model/mesh-config.ts';
import { type NaiveTarget, naiveChain } from './naive-chains.ts';
import { naiveDestinationRule, naiveScope, type NaiveScope } from './naive-scope.ts';
import { naiveRoute, type NaiveRoute, ruleName } from './naive-routes.ts';

export interface Outcome {
  readonly outcome: 'forward' | 'reply' | 'close';
  readonly status?: number;
  /** Sorted; `name weight`, and `!` when it does not exist. */
  readonly clusters: readonly string[];
  readonly seenAs: 'http' | 'tls' | 'tcp';
  readonly virtualHost?: string;
  readonly routeName?: string;
  readonly virtualService?: string;
  readonly destinationRules?: readonly string[];
  readonly timeoutMs?: number;
}

const CATCH_ALL = {
  ALLOW_ANY: { cluster: 'PassthroughCluster', name: 'allow_any' },
  ALLOW_ANY_DYNAMIC_DNS: { cluster: 'AllowAnyDynamicDNSCluster', name: 'allow_any_dynamic_dns' },
} as const;

export function decideNaively(connection: Connection, mesh: MeshConfig): Outcome {
  const scope = naiveScope(mesh, connection.workload ?? mesh.workload);
  const tls = connection.transport === 'tls';
  const http = !tls && connection.protocol !== 'tcp' && connection.protocol !== undefined;
  const call = { address: connection.address ?? '', port: connection.port, tls, sni: connection.sni ?? '', http };
  const chain = naiveChain(scope, call);
  const stream = tls ? 'tls' : 'tcp';
  if (chain === undefined) {
    if (scope.policy === 'ALLOW_ANY_DYNAMIC_DNS' && http) return byPolicy(scope, true);
    return streamByPolicy(scope, stream);
  }
  if (chain.kind === 'policy') return streamByPolicy(scope, stream);
  if (chain.kind === 'tcp') {
    return {
      ...toTargets(scope, chain.targets, stream),
      ...(chain.rule === undefined ? {} : { virtualService: chain.rule }),
    };
  }
  const { request, authority = '' } = connection;
  const found = naiveRoute(scope, chain.table, chain.port, {
    authority,
    method: request?.method ?? 'GET',
    path: request?.path ?? '/',
    headers: Object.fromEntries(
      Object.entries(request?.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
    ),
  });
  if (found === undefined) return byPolicy(scope, chain.table === 'port');
  if (found.route === undefined) return { outcome: 'reply', status: 404, clusters: [], seenAs: 'http' };
  return { ...byRoute(scope, found.route, chain.port), virtualHost: found.virtualHost };
}

function streamByPolicy({ policy }: NaiveScope, seenAs: 'tls' | 'tcp'): Outcome {
  if (policy === 'REGISTRY_ONLY') return { outcome: 'close', clusters: [], seenAs };
  return { outcome: 'forward', clusters: ['PassthroughCluster 1'], seenAs, destinationRules: [] };
}

function byPolicy({ policy }: NaiveScope, hasCatchAll: boolean): Outcome {
  if (!hasCatchAll) return { outcome: 'reply', status: 404, clusters: [], seenAs: 'http' };
  const open = policy === 'REGISTRY_ONLY' ? undefined : CATCH_ALL[policy as keyof typeof CATCH_ALL];
  if (open === undefined) {
    return {
      outcome: 'reply',
      status: 502,
      clusters: [],
      seenAs: 'http',
      virtualHost: 'block_all',
      routeName: 'block_all',
    };
  }
  const { cluster, name } = open;
  return {
    outcome: 'forward',
    clusters: [`${cluster} 1`],
    seenAs: 'http',
    destinationRules: [],
    virtualHost: name,
    routeName: name,
    timeoutMs: 0,
  };
}

function byRoute(scope: NaiveScope, { name, rule, http, service }: NaiveRoute, port: number): Outcome {
  if (service !== undefined) {
    const targets = [{ cluster: `outbound|${port}||${service.host}`, weight: 1 }];
    return { ...toTargets(scope, targets, 'http'), routeName: name, timeoutMs: 0 };
  }
  const made = { routeName: name, ...(rule === undefined ? {} : { virtualService: ruleName(rule) }) };
  if (http?.redirect !== undefined) {
    return { outcome: 'reply', status: http.redirect.redirectCode || 301, clusters: [], seenAs: 'http', ...made };
  }
  if (http?.directResponse !== undefined) {
    return { outcome: 'reply', status: http.directResponse.status, clusters: [], seenAs: 'http', ...made };
  }
  const targets = (http?.route ?? []).map(({ destination, weight = 0 }) => ({
    cluster: `outbound|${destination.port?.number ?? port}|${destination.subset ?? ''}|${destination.host}`,
    weight,
  }));
  const kept = targets.length === 1 ? targets : targets.filter(({ weight }) => weight > 0);
  const timeoutMs = http?.timeout === undefined ? 0 : Number.parseFloat(http.timeout) * 1_000;
  return { ...toTargets(scope, kept, 'http'), ...made, timeoutMs };
}

/** A cluster exists for a reachable service with that port, and with a subset that its DestinationRule knows. */
function toTargets(scope: NaiveScope, targets: readonly NaiveTarget[], seenAs: Outcome['seenAs']): Outcome {
  const rules: string[] = [];
  const clusters = targets.map(({ cluster, weight }) => {
    const [, port, subset = '', host] = cluster.split('|');
    const service = scope.reachable.find(
      (candidate) => candidate.host === host && candidate.ports.some(({ number }) => number === Number(port)),
    );
    const rule = service === undefined ? undefined : naiveDestinationRule(scope, service);
    const known = subset === '' || rule?.spec.subsets?.some(({ name }) => name === subset) === true;
    const exists = service !== undefined && known;
    if (exists && rule !== undefined) rules.push(`${rule.metadata.namespace}/${rule.metadata.name}`);
    return `${cluster} ${targets.length === 1 ? 1 : weight}${exists ? '' : '!'}`;
  });
  const dead = clusters.every((cluster) => cluster.endsWith('!'));
  if (!dead)
    return { outcome: 'forward', clusters: clusters.sort(), seenAs, destinationRules: [...new Set(rules)].sort() };
  // A closed connection does not say where it would have gone.
  if (seenAs !== 'http') return { outcome: 'close', clusters: [], seenAs };
  return { outcome: 'reply', status: 503, clusters: clusters.sort(), seenAs };
}

export function workloadOf(namespace: string, labels: Readonly<Record<string, string>>): Workload {
  return { namespace, labels, addresses: ['10.244.0.5'] };
}
