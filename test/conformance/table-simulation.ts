/**
 * Calls through what Istio generated for a proxy, and that configuration itself.
 *
 * The simulator that recorded them is cruder than Envoy: it matches routes by path alone and draws no weights.
 */
import {
  type Connection,
  decide,
  type Decision,
  type LoadOptions,
  type MeshConfig,
  parseMeshConfig,
  type Workload,
} from '../../src/index.ts';
import { clusterName } from '../../src/core/compile/http-route-destination.ts';
import type { HttpRoute } from '../../src/core/compile/http-route.ts';
import type { RouteTable } from '../../src/core/compile/route-table.ts';
import { snapshot } from './snapshot.ts';
import { compare, notApplicable, type TableCase, type Verdict, withoutNulls } from './table.ts';

interface Simulation extends TableCase {
  readonly config: readonly object[];
  readonly kubernetes: readonly { readonly kind: string }[];
  readonly meshConfig: object;
  readonly features: object;
  readonly proxy: {
    readonly type: 'sidecar' | 'router';
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ipAddresses?: readonly string[];
    readonly dnsDomain: string;
  };
  readonly calls: readonly SimulatedCall[];
  readonly snapshot: { readonly clusters: readonly RecordedCluster[]; readonly routes: readonly RecordedRoutes[] };
}

interface SimulatedCall {
  readonly name: string;
  readonly effective: {
    readonly address: string;
    readonly port: number;
    readonly protocol?: 'http' | 'http2' | 'tcp';
    readonly tls: 'plaintext' | 'tls' | 'mtls';
    readonly sni?: string;
    readonly alpn?: string;
    readonly hostHeader?: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, readonly string[]>>;
  };
  readonly result: Readonly<Record<string, string | undefined>>;
}

interface RecordedCluster {
  readonly name: string;
  readonly type: string;
}

interface RecordedVirtualHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes?: readonly { readonly name?: string; readonly cluster?: string }[];
}

interface RecordedRoutes {
  readonly name: string;
  readonly virtualHosts: readonly RecordedVirtualHost[];
}

export function simulationTable(tableCase: TableCase): Verdict[] {
  const simulation = withoutNulls(tableCase) as Simulation;
  const asked = simulation.calls.length + 1;
  const skip = (reason: string): Verdict[] => Array.from({ length: asked }, () => notApplicable(reason));
  if (simulation.kubernetes.some(({ kind }) => kind === 'Ingress')) return skip('Ingress, which has no part in egress');
  if (Object.keys(simulation.features).length > 0) return skip('a feature flag of Istio that is off in production');
  const meshConfig = meshConfigOf(simulation);
  return [...simulation.calls.map((call) => compareCall(call, meshConfig)), ...compareSnapshot(simulation, meshConfig)];
}

/** As in replay.ts: everything arrives at the proxy, which sees nothing inside TLS; short hosts came without a domain. */
const asRecorded: LoadOptions = {
  invalid: 'skip',
  tlsRequests: 'opaque',
  shortNameDomain: '',
  includeIPRanges: '*',
  loopback: 'govern',
  dualStack: true,
};

function meshConfigOf({ config, kubernetes, meshConfig, proxy }: Simulation): MeshConfig {
  const { namespace, labels = {}, ipAddresses = [], type } = proxy;
  const workload: Workload = { namespace, labels, addresses: ipAddresses, type };
  const mesh = Object.keys(meshConfig).length === 0 ? [] : [meshConfig];
  const resources = [...config, ...kubernetes].map(asStored);
  return parseMeshConfig([...mesh, ...resources], { ...asRecorded, workload });
}

/** The simulator takes resources as Istio's own controllers make them, and enumerations that are empty for unset. */
function asStored(resource: object): object {
  const {
    metadata = {},
    addressType,
    ...rest
  } = resource as {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
    readonly addressType?: string;
  };
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([name]) => name !== 'internal.istio.io/parents',
  );
  const kept = { ...rest, metadata: { ...metadata, annotations: Object.fromEntries(annotations) } };
  return addressType === undefined || addressType === '' ? kept : { ...kept, addressType };
}

function compareCall({ name, effective, result }: SimulatedCall, meshConfig: MeshConfig): Verdict {
  const decision = decide(connectionOf(effective), meshConfig);
  const { error, cluster, virtualHost, route, listener, filterChain } = result;
  const ours = observed(decision);
  const expected = { error, cluster, route, listener, filterChain };
  // An answer of the proxy's own names no virtual host in Envoy's log, and so none in a decision.
  if (error !== undefined) return compare(expected, { ...ours, virtualHost: undefined }, name);
  return compare({ ...expected, virtualHost }, ours, name);
}

function connectionOf(call: SimulatedCall['effective']): Connection {
  const { address, port, protocol, tls, sni, alpn, hostHeader, path, headers = {} } = call;
  const http = protocol === 'http' || protocol === 'http2';
  return {
    address,
    port,
    transport: tls === 'plaintext' ? 'tcp' : 'tls',
    ...(protocol === undefined ? {} : { protocol: protocol === 'http' ? 'http1' : protocol }),
    ...(sni === undefined ? {} : { sni }),
    ...(alpn === undefined ? {} : { alpn: alpn.split(',') }),
    ...(hostHeader === undefined ? {} : { authority: hostHeader }),
    ...(http ? { request: { method: 'GET', path, headers, scheme: tls === 'plaintext' ? 'http' : 'https' } } : {}),
  };
}

const ERRORS: Readonly<Record<string, string>> = {
  no_listener: 'no listener matched',
  no_filter_chain: 'no filter chains matched',
  no_route: 'no route matched',
  https_redirect: 'tls required, sending 301',
  no_virtual_host: 'no virtual host matched',
  protocol_error: 'protocol error',
};

function observed(decision: Decision): Readonly<Record<string, string | undefined>> {
  const { cluster, virtualHost, routeName, listener, filterChain } = decision;
  return {
    error: ERRORS[decision.reason],
    cluster: cluster || undefined,
    virtualHost,
    route: routeName || undefined,
    listener,
    filterChain: filterChain || undefined,
  };
}

function compareSnapshot({ snapshot: recorded }: Simulation, meshConfig: MeshConfig): Verdict[] {
  const ours = snapshot(meshConfig);
  return [
    compare(sorted(recorded.clusters), sorted(ours.clusters), 'clusters'),
    ...recorded.routes.flatMap(({ name, virtualHosts }) => {
      const table = ours.routes.find((each) => each.name === name);
      return virtualHosts.map((virtualHost) => compareVirtualHost(name, virtualHost, table));
    }),
  ];
}

/** Found by each of its domains, with the same routes to the same clusters. */
function compareVirtualHost(table: string, recorded: RecordedVirtualHost, ours: RouteTable | undefined): Verdict {
  const { name, domains, routes = [] } = recorded;
  const expected = { domains, name, routes: routes.map((route) => ({ name: route.name, cluster: route.cluster })) };
  const found = domains.filter((domain) => ours?.find(sampleOf(domain))?.name === name);
  const virtualHost = ours?.find(sampleOf(domains[0] ?? ''));
  const actual = {
    domains: found,
    name: virtualHost?.name,
    routes: virtualHost?.routes.map((route) => ({ name: route.name || undefined, cluster: clusterOf(route) })),
  };
  return compare(expected, actual, `virtual host ${name} of ${table}`);
}

/** Some name that the domain covers, as tables are asked. */
function sampleOf(domain: string): string {
  if (domain === '*') return 'nobody-else-has-this-name.invalid';
  const host = domain.replace('*', 'nobody-else-has-this-name').toLowerCase();
  return host.startsWith('[') ? host : host.replace(/:\d+$/, '');
}

function clusterOf({ action }: HttpRoute): string | undefined {
  if (action.kind === 'allow_any') return 'PassthroughCluster';
  if (action.kind === 'allow_any_dynamic_dns') return 'AllowAnyDynamicDNSCluster';
  if (action.kind !== 'forward' || action.destinations.length !== 1) return undefined;
  const [destination] = action.destinations;
  return destination === undefined ? undefined : clusterName(destination.cluster);
}

function sorted(clusters: readonly RecordedCluster[]): RecordedCluster[] {
  return clusters.map(({ name, type }) => ({ name, type })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
