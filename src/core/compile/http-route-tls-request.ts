import { isTls } from '../match/protocol.ts';
import type { VirtualService } from '../model/virtual-service.ts';
import type { Scope } from './compiled.ts';
import { buildHttpRoutes, type HttpRoute } from './http-route.ts';
import { sidecarRouteOptions } from './route-table.ts';
import { virtualHostName } from './virtual-host-domains.ts';
import type { VirtualHost } from './virtual-host.ts';

/** The http routes that also hold for requests inside TLS to one service and port. */
export interface TlsRequestRoutes {
  readonly virtualHost: VirtualHost;
  /** Routes that only plaintext can take: they lead to a port without TLS. */
  readonly plaintextOnly: ReadonlySet<HttpRoute>;
}

/** Undefined when no VirtualService of the service has an http route that TLS can take. */
export function buildTlsRequestRoutes(scope: Scope, hostname: string, port: number): TlsRequestRoutes | undefined {
  const options = { ...sidecarRouteOptions(scope, port, new Map()), tls: true };
  for (const virtualService of candidates(scope, hostname)) {
    const routes = buildHttpRoutes(virtualService, options);
    if (routes.length === 0) continue;
    const plaintextOnly = new Set(routes.filter((route) => !staysInTls(route, scope, hostname, port)));
    if (plaintextOnly.size === routes.length) return undefined;
    return { virtualHost: { name: virtualHostName(hostname, port), routes, requireTls: false }, plaintextOnly };
  }
  return undefined;
}

/** Those that name the host, oldest first, else the closest wildcard. */
function candidates({ egress }: Scope, hostname: string): VirtualService[] {
  for (const { virtualServices, mostSpecificWildcardVirtualService } of egress) {
    const named = virtualServices.filter(({ spec }) => spec.hosts?.includes(hostname) === true);
    if (named.length > 0) return named;
    const closest = mostSpecificWildcardVirtualService.get(hostname);
    if (closest !== undefined) return [closest];
  }
  return [];
}

function staysInTls({ action }: HttpRoute, scope: Scope, hostname: string, port: number): boolean {
  if (action.kind !== 'forward') return true;
  return action.destinations.every(({ cluster }) => {
    if (cluster.host === hostname && cluster.port === port) return true;
    const service = scope.servicesByHost.get(cluster.host);
    return service?.ports.some((candidate) => candidate.port === cluster.port && isTls(candidate.protocol)) === true;
  });
}
