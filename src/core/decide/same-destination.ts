import type { UpstreamCluster } from '../model/decision.ts';

/**
 * Whether a cluster leads to where a connection to its own host and port goes anyway: then nothing has to be carried out.
 * Automatic mutual TLS is a matter between sidecars and does not count.
 */
export function isSameDestination(upstream: UpstreamCluster, port: number): boolean {
  const { type, host, endpoints, upstreamPortOverride, tls, proxyProtocol, gateway, subset, service } = upstream;
  if (gateway === true || proxyProtocol !== undefined) return false;
  if (tls !== undefined && tls.onlyIfEndpointHasTls !== true) return false;
  switch (type) {
    case 'ORIGINAL_DST':
      return upstreamPortOverride === undefined || upstreamPortOverride === port;
    case 'DYNAMIC_FORWARD_PROXY':
      return true;
    case 'EDS':
      // The address of a Kubernetes Service spreads over the same pods, as long as no subset chooses among them.
      return service?.kind === 'Service' && subset === '' && upstream.port === port;
    default:
      return endpoints.length > 0 && endpoints.every((endpoint) => endpoint.host === host && endpoint.port === port);
  }
}
