import type {
  ConnectionPoolSettings,
  DestinationRuleSpec,
  OutlierDetection,
  TrafficPolicy,
} from '../model/destination-rule.ts';
import type { CircuitBreakers, LoadBalancer, OutlierPolicy, UpstreamCluster } from '../model/decision.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { isHttp, isHttp2, isSniffed, type Protocol } from '../match/protocol.ts';
import { parseDurationMs } from '../match/duration.ts';

/** The blocks of a TrafficPolicy that a cluster is made with. Settings of single ports have been chosen already. */
export type EffectivePolicy = Omit<TrafficPolicy, 'portLevelSettings'>;

type PoolFields = Pick<
  UpstreamCluster,
  | 'connectTimeoutMs'
  | 'idleTimeoutMs'
  | 'maxRequestsPerConnection'
  | 'maxConnectionDurationMs'
  | 'tcpKeepalive'
  | 'circuitBreakers'
>;

/**
 * The policy of a service port, and of a subset of it. Settings of a port replace those of the whole rule entirely; a
 * subset replaces block by block, unless it has settings for the port, which replace the four blocks a port can have.
 * `port` is the service's, not the target's.
 */
export function effectivePolicy(rule: DestinationRuleSpec | undefined, port: number, subset: string): EffectivePolicy {
  const base = forPort(rule?.trafficPolicy, port);
  const own = subset === '' ? undefined : rule?.subsets?.find(({ name }) => name === subset)?.trafficPolicy;
  if (own === undefined) return base.policy;
  const { policy, ofPort } = forPort(own, port);
  if (ofPort) return { ...only(base.policy, ['tunnel', 'proxyProtocol']), ...policy };
  return { ...base.policy, ...policy };
}

function forPort(
  policy: TrafficPolicy | undefined,
  number: number,
): { readonly policy: EffectivePolicy; readonly ofPort: boolean } {
  if (policy === undefined) return { policy: {}, ofPort: false };
  const { portLevelSettings = [], ...whole } = policy;
  const settings = portLevelSettings.find(({ port }) => port?.number === number);
  if (settings === undefined) return { policy: whole, ofPort: false };
  const { port: _chosen, ...blocks } = settings;
  return { policy: blocks, ofPort: true };
}

function only<K extends keyof EffectivePolicy>(policy: EffectivePolicy, keys: readonly K[]): EffectivePolicy {
  return Object.fromEntries(keys.filter((key) => policy[key] !== undefined).map((key) => [key, policy[key]]));
}

/** MeshConfig's `defaultTrafficPolicy` stands in for the blocks that the rule leaves out. */
export function withMeshDefaults(policy: EffectivePolicy, mesh: MeshConfig): EffectivePolicy {
  const { connectionPool, outlierDetection } = mesh.defaultTrafficPolicy ?? {};
  return {
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...policy,
  };
}

/** Limits and timeouts of a connection pool. A limit of 0 is no limit. */
export function poolFields(pool: ConnectionPoolSettings | undefined, mesh: MeshConfig): PoolFields {
  const { tcp = {}, http = {} } = pool ?? {};
  const idleTimeout = http.idleTimeout ?? tcp.idleTimeout;
  const circuitBreakers: CircuitBreakers = {
    ...positive('maxConnections', tcp.maxConnections),
    ...positive('maxPendingRequests', http.http1MaxPendingRequests),
    ...positive('maxRequests', http.http2MaxRequests),
    ...positive('maxRetries', http.maxRetries),
  };
  return {
    connectTimeoutMs: parseDurationMs(tcp.connectTimeout ?? mesh.connectTimeout),
    ...(idleTimeout === undefined ? {} : { idleTimeoutMs: parseDurationMs(idleTimeout) }),
    ...positive('maxRequestsPerConnection', http.maxRequestsPerConnection),
    ...(tcp.maxConnectionDuration === undefined
      ? {}
      : { maxConnectionDurationMs: parseDurationMs(tcp.maxConnectionDuration) }),
    ...keepalive(tcp.tcpKeepalive ?? mesh.tcpKeepalive),
    ...(Object.keys(circuitBreakers).length === 0 ? {} : { circuitBreakers }),
  };
}

function positive<K extends string>(key: K, value: number | undefined): Partial<Record<K, number>> {
  return value !== undefined && value > 0 ? ({ [key]: value } as Partial<Record<K, number>>) : {};
}

function keepalive(settings: MeshConfig['tcpKeepalive']): Pick<PoolFields, 'tcpKeepalive'> {
  if (settings === undefined) return {};
  const { probes, time, interval } = settings;
  return {
    tcpKeepalive: {
      ...(probes === undefined ? {} : { probes }),
      ...(time === undefined ? {} : { timeMs: parseDurationMs(time) }),
      ...(interval === undefined ? {} : { intervalMs: parseDurationMs(interval) }),
    },
  };
}

/**
 * The version of HTTP to the upstream: HTTP/2 for a port that says so or that is upgraded, whatever the application
 * speaks where the port is detected (a gateway detects nothing) or the rule asks for it. Undefined: HTTP/1.1.
 */
export function upstreamProtocol(
  protocol: Protocol,
  pool: ConnectionPoolSettings | undefined,
  mesh: MeshConfig,
  isSidecar: boolean,
): UpstreamCluster['protocol'] {
  if (isUpgraded(protocol, pool, mesh)) return 'http2';
  if (pool?.http?.useClientProtocol === true) return 'as-downstream';
  if (isHttp2(protocol)) return 'http2';
  return isSidecar && isSniffed(protocol) ? 'as-downstream' : undefined;
}

/** A rule upgrades any port, since its author knows; the mesh only those that are HTTP for certain. */
function isUpgraded(protocol: Protocol, pool: ConnectionPoolSettings | undefined, mesh: MeshConfig): boolean {
  const policy = pool?.http?.h2UpgradePolicy;
  if (policy === 'UPGRADE') return true;
  if (policy === 'DO_NOT_UPGRADE') return false;
  return isHttp(protocol) && mesh.h2UpgradePolicy === 'UPGRADE';
}

/** Envoy's numbers where the rule gives none: 5 errors, 10 s, 30 s, 10 %. Gateway errors alone count only if asked for. */
export function outlierPolicy(settings: OutlierDetection): OutlierPolicy {
  const { splitExternalLocalOriginErrors: split = false, consecutiveLocalOriginFailures } = settings;
  return {
    consecutive5xx: settings.consecutive5xxErrors ?? 5,
    consecutiveGatewayFailure: settings.consecutiveGatewayErrors ?? 0,
    ...(split ? { consecutiveLocalOriginFailure: consecutiveLocalOriginFailures ?? 5 } : {}),
    splitExternalLocalOriginErrors: split,
    intervalMs: parseDurationMs(settings.interval ?? '10s'),
    baseEjectionTimeMs: parseDurationMs(settings.baseEjectionTime ?? '30s'),
    maxEjectionPercent: settings.maxEjectionPercent || 10,
    minHealthPercent: settings.minHealthPercent ?? 0,
  };
}

/** `PASSTHROUGH` sends to the dialled address; a consistent hash outweighs the simple policies. */
export function loadBalancer(policy: EffectivePolicy): LoadBalancer {
  const { simple, consistentHash } = policy.loadBalancer ?? {};
  if (simple === 'PASSTHROUGH') return 'PASSTHROUGH';
  if (consistentHash !== undefined) return 'CONSISTENT_HASH';
  return simple === 'ROUND_ROBIN' || simple === 'RANDOM' ? simple : 'LEAST_REQUEST';
}
