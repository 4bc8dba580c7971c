import { parseDurationMs } from '../match/duration.ts';
import type { Endpoint, UpstreamCluster } from '../model/decision.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { originatedTls } from './cluster-tls.ts';

const IDLE_TIMEOUT_MS = 300_000;
const NO_ENDPOINTS: readonly Endpoint[] = Object.freeze([]);

/** The clusters of traffic that no service admits: it goes where it was dialled, or nowhere. */
export function catchAllCluster(
  name: 'PassthroughCluster' | 'BlackHoleCluster',
  type: 'ORIGINAL_DST' | 'STATIC',
  mesh: MeshConfig,
): UpstreamCluster {
  return Object.freeze({
    ...nameless(name, mesh),
    type,
    ...(type === 'STATIC' ? {} : { protocol: 'as-downstream', idleTimeoutMs: IDLE_TIMEOUT_MS }),
    loadBalancer: type === 'STATIC' ? 'ROUND_ROBIN' : 'PASSTHROUGH',
  } satisfies UpstreamCluster);
}

/** The cluster of ALLOW_ANY_DYNAMIC_DNS: the host of each request is resolved, and TLS originated if the policy says so. */
export function dynamicDnsCluster(mesh: MeshConfig): UpstreamCluster {
  const settings = mesh.outboundTrafficPolicy.tls;
  const context = { isSidecar: true, isHttp2: false, isDynamicDns: true, ruleHasSelector: false, entryNames: [] };
  const tls = settings === undefined ? undefined : originatedTls(settings, context);
  return Object.freeze({
    ...nameless('AllowAnyDynamicDNSCluster', mesh),
    type: 'DYNAMIC_FORWARD_PROXY',
    ...(tls === undefined ? { protocol: 'as-downstream' } : { tls: Object.freeze(tls) }),
    loadBalancer: 'LEAST_REQUEST',
  } satisfies UpstreamCluster);
}

function nameless(name: string, mesh: MeshConfig): Omit<UpstreamCluster, 'type' | 'loadBalancer'> {
  return {
    name,
    host: '',
    port: 0,
    subset: '',
    endpoints: NO_ENDPOINTS,
    connectTimeoutMs: parseDurationMs(mesh.connectTimeout),
    external: true,
  };
}
