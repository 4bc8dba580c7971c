import type { Endpoint, UpstreamCluster } from '../model/decision.ts';
import { parseIp } from '../match/ip-address.ts';
import type { Workload } from '../model/connection.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { labelsMatch } from './age.ts';
import {
  effectivePolicy,
  loadBalancer,
  outlierPolicy,
  poolFields,
  upstreamProtocol,
  withMeshDefaults,
  type EffectivePolicy,
} from './cluster-policy.ts';
import { catchAllCluster, dynamicDnsCluster } from './cluster-catch-all.ts';
import { upstreamTls } from './cluster-tls.ts';
import type { MeshEndpoint, MeshService, MeshServicePort, MergedDestinationRule } from './compiled.ts';
import { isGatewayService } from './gateway-server.ts';

export interface ClusterContext {
  readonly mesh: MeshConfig;
  readonly workload: Workload;
  /** The services that may have a cluster of that host: one, except for a gateway. */
  readonly servicesOf: (host: string) => readonly MeshService[];
  readonly destinationRule: (service: MeshService) => MergedDestinationRule | undefined;
  readonly isClusterLocal: (hostname: string) => boolean;
}

const CONNECT_STRATEGY = 'istio.io/connect-strategy';
const NO_ENDPOINTS: readonly Endpoint[] = Object.freeze([]);

/** `outbound|443|v1|api.example.com`. */
export function clusterName(host: string, port: number, subset: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** The upstream clusters of one asker, each built when it is first asked for and then kept, frozen. */
export class ClusterIndex {
  readonly passthrough: UpstreamCluster;
  readonly blackHole: UpstreamCluster;
  readonly dynamicDns: UpstreamCluster;
  readonly #context: ClusterContext;
  readonly #clusters = new Map<string, UpstreamCluster | undefined>();

  constructor(context: ClusterContext) {
    this.#context = context;
    this.passthrough = catchAllCluster('PassthroughCluster', 'ORIGINAL_DST', context.mesh);
    this.blackHole = catchAllCluster('BlackHoleCluster', 'STATIC', context.mesh);
    this.dynamicDns = dynamicDnsCluster(context.mesh);
  }

  /** Undefined: no such cluster (NC), because host, port or subset is unknown, or a name has no endpoint to resolve. */
  get(host: string, port: number, subset: string): UpstreamCluster | undefined {
    const name = clusterName(host, port, subset);
    const held = this.#clusters.get(name);
    if (held !== undefined || this.#clusters.has(name)) return held;
    const cluster = this.#build(host, port, subset);
    this.#clusters.set(name, cluster);
    return cluster;
  }

  #build(host: string, number: number, subset: string): UpstreamCluster | undefined {
    for (const service of this.#context.servicesOf(host)) {
      const port = service.ports.find((candidate) => candidate.port === number);
      if (port === undefined || port.protocol === 'UDP' || service.resolution === 'ALIAS') continue;
      return buildCluster(service, port, subset, this.#context);
    }
    return undefined;
  }
}

function buildCluster(
  service: MeshService,
  port: MeshServicePort,
  subset: string,
  context: ClusterContext,
): UpstreamCluster | undefined {
  const { mesh, workload } = context;
  const merged = context.destinationRule(service);
  const rule = merged?.rule.spec;
  const chosen = rule?.subsets?.find(({ name }) => name === subset);
  if (subset !== '' && chosen === undefined) return undefined;
  const isSidecar = workload.type !== 'router';
  const type = clusterType(service, port, isSidecar);
  const ofPort = endpointsOfPort(service, port, type, context.isClusterLocal(service.hostname));
  if (type === undefined || (resolvesNames(type) && ofPort.length === 0)) return undefined;

  const base = effectivePolicy(rule, port.port, '');
  const policy = withMeshDefaults(effectivePolicy(rule, port.port, subset), mesh);
  const isOriginalDst = type === 'ORIGINAL_DST' || isPassthrough(base) || isPassthrough(policy);
  const endpoints = chosen === undefined ? ofPort : ofPort.filter(({ labels }) => labelsMatch(chosen.labels, labels));
  if (!isOriginalDst && resolvesNames(type) && endpoints.length === 0) return undefined;

  const protocol = upstreamProtocol(port.protocol, policy.connectionPool, mesh, isSidecar);
  const tls = upstreamTls(policy.tls, {
    mesh,
    service,
    port: port.port,
    subset,
    isSidecar,
    isHttp2: protocol === 'http2',
    isDynamicDns: type === 'DYNAMIC_FORWARD_PROXY',
    isOriginalDst,
    entryNames: service.registry === 'ServiceEntry' ? service.subjectAltNames : [],
    ruleHasSelector: rule?.workloadSelector !== undefined,
    endpoints: ofPort,
    passthroughPolicy: isPassthrough((chosen === undefined ? rule : chosen)?.trafficPolicy ?? {}),
  });
  const override = service.entryResolution === 'NONE' && isOriginalDst ? port.targetPort : undefined;
  return Object.freeze({
    name: clusterName(service.hostname, port.port, subset),
    host: service.hostname,
    port: port.port,
    subset,
    type: isOriginalDst ? 'ORIGINAL_DST' : type,
    endpoints: isOriginalDst ? NO_ENDPOINTS : Object.freeze(toEndpoints(endpoints, type)),
    ...(override === undefined ? {} : { upstreamPortOverride: override }),
    ...(tls === undefined ? {} : { tls: Object.freeze(tls) }),
    ...(protocol === undefined ? {} : { protocol }),
    ...poolFields(policy.connectionPool, mesh),
    ...(policy.outlierDetection === undefined ? {} : { outlierDetection: outlierPolicy(policy.outlierDetection) }),
    loadBalancer: isOriginalDst ? 'PASSTHROUGH' : loadBalancer(policy),
    ...(policy.proxyProtocol === undefined ? {} : { proxyProtocol: policy.proxyProtocol.version ?? 'V1' }),
    ...(merged === undefined ? {} : { destinationRule: merged.ref }),
    service: service.ref,
    external: service.meshExternal,
    ...(isGatewayService(mesh, service) && { gateway: true }),
  } satisfies UpstreamCluster);
}

/** EDS tells ports apart by name, every other type by number, as far as endpoints know it. */
function endpointsOfPort(
  service: MeshService,
  port: MeshServicePort,
  type: UpstreamCluster['type'] | undefined,
  clusterLocal: boolean,
): readonly MeshEndpoint[] {
  return service.endpoints.filter(({ servicePortName, servicePort, healthy, inCluster }) => {
    const ofPort =
      type === 'EDS' || servicePort === undefined ? servicePortName === port.name : servicePort === port.port;
    return healthy && ofPort && (inCluster === true || !clusterLocal);
  });
}

function isPassthrough(policy: EffectivePolicy): boolean {
  return policy.loadBalancer?.simple === 'PASSTHROUGH';
}

function resolvesNames(type: UpstreamCluster['type']): boolean {
  return type === 'STRICT_DNS' || type === 'LOGICAL_DNS';
}

/** Undefined: a port that a dynamic forward proxy cannot read a name from. A gateway has no dialled address to go to. */
function clusterType(
  service: MeshService,
  port: MeshServicePort,
  isSidecar: boolean,
): UpstreamCluster['type'] | undefined {
  switch (service.resolution) {
    case 'DNS_LB':
      return service.annotations?.[CONNECT_STRATEGY] === 'RACE_FIRST_TCP_CONNECT' ? 'LOGICAL_DNS' : 'STRICT_DNS';
    case 'DNS_ROUND_ROBIN_LB':
      return 'LOGICAL_DNS';
    case 'PASSTHROUGH':
      return isSidecar ? 'ORIGINAL_DST' : 'EDS';
    case 'DYNAMIC_DNS':
      return readsNames(port) ? 'DYNAMIC_FORWARD_PROXY' : undefined;
    default:
      return 'EDS';
  }
}

function readsNames({ protocol }: MeshServicePort): boolean {
  return protocol === 'HTTP' || protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'TLS';
}

/** A name cannot be an endpoint of EDS, and LOGICAL_DNS has but one. */
function toEndpoints(endpoints: readonly MeshEndpoint[], type: UpstreamCluster['type']): Endpoint[] {
  switch (type) {
    case 'DYNAMIC_FORWARD_PROXY':
      return [];
    case 'LOGICAL_DNS':
      return endpoints.slice(0, 1).map(toEndpoint);
    case 'EDS':
      return endpoints.filter(({ address }) => isPath(address) || parseIp(address) !== undefined).map(toEndpoint);
    default:
      return endpoints.map(toEndpoint);
  }
}

function isPath(address: string): boolean {
  return address.startsWith('/') || address.startsWith('@');
}

function toEndpoint({ address, port, weight, labels, locality }: MeshEndpoint): Endpoint {
  return Object.freeze({
    host: isPath(address) ? '' : address,
    port,
    ...(isPath(address) ? { path: address } : {}),
    ...(weight === undefined ? {} : { weight }),
    labels,
    ...(locality === undefined ? {} : { locality }),
  });
}
