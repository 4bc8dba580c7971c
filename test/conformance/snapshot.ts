/** All that one asker's proxy would have been told: listeners with their filter chains, route tables, clusters. */
import { compileMeshConfig, type CompiledMesh } from '../../src/core/compile/compile-mesh.ts';
import type { FilterChain } from '../../src/core/compile/filter-chain.ts';
import type { Listener } from '../../src/core/compile/listener.ts';
import type { RouteTable } from '../../src/core/compile/route-table.ts';
import { VIRTUAL_OUTBOUND } from '../../src/core/compile/virtual-outbound.ts';
import type { UpstreamCluster } from '../../src/core/model/decision.ts';
import type { MeshConfig } from '../../src/core/model/mesh-config.ts';
import type { Workload } from '../../src/core/model/connection.ts';

export interface Snapshot {
  readonly clusters: readonly { readonly name: string; readonly type: UpstreamCluster['type'] | 'STATIC' }[];
  readonly listeners: readonly ListenerSnapshot[];
  /** The tables that the chains name. Look a domain up with `find`. */
  readonly routes: readonly RouteTable[];
}

export interface ListenerSnapshot {
  readonly name: string;
  readonly port: number;
  readonly chains: readonly ChainSnapshot[];
  readonly tlsInspector: boolean;
  readonly httpInspector: boolean;
}

export interface ChainSnapshot {
  readonly name: string;
  /** Takes what no other chain wants. */
  readonly default?: true;
  readonly routeConfig?: string;
  /** One, or the weighted. */
  readonly clusters?: readonly string[];
  readonly serverNames?: readonly string[];
  /** Host bits cleared. */
  readonly prefixRanges?: readonly string[];
  readonly applicationProtocols?: readonly string[];
  readonly transportProtocol?: string;
}

/** `workload` absent: the config's own. */
export function snapshot(meshConfig: MeshConfig, workload?: Workload): Snapshot {
  const mesh = compileMeshConfig(meshConfig, workload);
  const listeners = listenersOf(mesh);
  const names = new Set(listeners.flatMap(({ chains }) => chains.flatMap(({ routeConfig }) => routeConfig ?? [])));
  const routes = [...names].sort().flatMap((name) => mesh.routeTable(name) ?? []);
  return { clusters: clustersOf(mesh), listeners, routes };
}

function listenersOf(mesh: CompiledMesh): ListenerSnapshot[] {
  if (mesh.scope.type === 'router') return [...mesh.gateway.listeners.values()].flat().map(listenerSnapshot);
  const bound = [...mesh.listeners.values()].flatMap(({ listeners }) => listeners);
  return [...bound, mesh.virtualOutbound].map(listenerSnapshot);
}

function listenerSnapshot(listener: Listener): ListenerSnapshot {
  const { name, port, chains, defaultChain, tlsInspector, httpInspector } = listener;
  // A chain that asks for nothing and stands alone needs no default beside it.
  const alone = chains.length === 1 && chains.every((chain) => isPlain(chain) && !chain.http);
  return {
    name,
    port,
    tlsInspector,
    httpInspector,
    chains: [
      ...chains.map((chain) => chainSnapshot(chain)),
      ...(defaultChain === undefined || alone ? [] : [defaultSnapshot(listener, defaultChain)]),
    ],
  };
}

/** The virtual listener lists its last chain among the others. */
function defaultSnapshot({ name }: Listener, chain: FilterChain): ChainSnapshot {
  return name === VIRTUAL_OUTBOUND ? chainSnapshot(chain) : { ...chainSnapshot(chain), default: true };
}

function isPlain({ sniHosts, destinationCidrs, applicationProtocols }: FilterChain): boolean {
  return sniHosts.length + destinationCidrs.length + applicationProtocols.length === 0;
}

function chainSnapshot(chain: FilterChain): ChainSnapshot {
  const { action, origin, sniHosts, destinationCidrs, applicationProtocols, transportProtocol } = chain;
  return {
    name: origin.name ?? '',
    // The virtual listener's only route is written into the chain.
    ...(action.kind === 'http'
      ? origin.listener !== VIRTUAL_OUTBOUND && { routeConfig: action.routeTable }
      : { clusters: action.targets.map(({ cluster }) => cluster) }),
    ...(sniHosts.length > 0 && { serverNames: sniHosts }),
    ...(destinationCidrs.length > 0 && { prefixRanges: destinationCidrs }),
    ...(applicationProtocols.length > 0 && { applicationProtocols }),
    ...(transportProtocol !== undefined && { transportProtocol }),
  };
}

function clustersOf({ scope }: CompiledMesh): Snapshot['clusters'] {
  const found = new Map<string, UpstreamCluster['type'] | 'STATIC'>([['BlackHoleCluster', 'STATIC']]);
  if (scope.type === 'sidecar') found.set('PassthroughCluster', 'ORIGINAL_DST');
  // A cluster of Envoy's own kind, which the tables call STATIC.
  if (scope.outboundTrafficPolicy.mode === 'ALLOW_ANY_DYNAMIC_DNS') found.set('AllowAnyDynamicDNSCluster', 'STATIC');
  for (const service of scope.services) {
    const subsets = scope.destinationRule(service)?.rule.spec.subsets ?? [];
    for (const { port } of service.ports) {
      for (const subset of ['', ...subsets.map(({ name }) => name)]) {
        const cluster = scope.cluster(service.hostname, port, subset);
        if (cluster !== undefined) found.set(cluster.name, cluster.type);
      }
    }
  }
  return [...found].map(([name, type]) => ({ name, type })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
