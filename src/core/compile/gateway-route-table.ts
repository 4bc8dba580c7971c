import { hostsForNamespace, intersectHosts } from '../match/hostname.ts';
import { lowerAscii } from '../match/string-match.ts';
import type { Gateway, Server } from '../model/gateway.ts';
import type { VirtualService } from '../model/virtual-service.ts';
import { compareText, namespaceOf } from './age.ts';
import type { MeshService, Scope } from './compiled.ts';
import { isCatchAllMatch } from './http-route-match.ts';
import type { RouteOptions } from './http-route-action.ts';
import { buildHttpRoutes, type HttpRoute } from './http-route.ts';
import { appendsForwardedHost, consistentHashOf, routeSource, type RouteTable } from './route-table.ts';
import { virtualHostName } from './virtual-host-domains.ts';
import { VirtualHostIndex, type VirtualHost } from './virtual-host.ts';

/** One server of a Gateway that feeds a route table. */
export interface GatewayServer {
  readonly gateway: Gateway;
  /** Hosts complete: `namespace/host`, or without a namespace for all. */
  readonly server: Server;
}

interface GatheredHost {
  readonly name: string;
  readonly routes: HttpRoute[];
  requireTls: boolean;
}

/**
 * Merges the VirtualServices bound to the servers that share a route name at a gateway. `port` is the port that the
 * pod listens on for them, `name` Istio's route name (`http.80`, `https.443.name.gateway.namespace`).
 *
 * Unlike in the mesh, the routes of several VirtualServices for one host are joined, oldest first, catch-alls last.
 */
export function buildGatewayRouteTable(
  scope: Scope,
  name: string,
  port: number,
  servers: readonly GatewayServer[],
): RouteTable {
  const hosts = new Map<string, GatheredHost>();
  const compiled = new Map<string, readonly HttpRoute[]>();
  for (const { gateway, server } of servers) {
    const gatewayName = `${namespaceOf(gateway)}/${gateway.metadata.name}`;
    const number = server.port?.number ?? port;
    for (const virtualService of scope.virtualServicesFor(gatewayName)) {
      const served = servedHosts(virtualService, server);
      if (served.length === 0) continue;
      const key = `${gatewayName} ${namespaceOf(virtualService)}/${virtualService.metadata.name}`;
      let routes = compiled.get(key);
      if (routes === undefined) {
        routes = buildHttpRoutes(
          virtualService,
          gatewayRouteOptions(scope, virtualService, gatewayName, number, server),
        );
        compiled.set(key, routes);
      }
      if (routes.length === 0) continue;
      for (const host of served) {
        const gathered = gather(hosts, lowerAscii(host), number, routes);
        if (server.tls?.httpsRedirect === true) gathered.requireTls = true;
      }
    }
    if (server.tls?.httpsRedirect === true) requireTls(hosts, server, number);
  }
  return tableOf(name, port, hosts);
}

function servedHosts(virtualService: VirtualService, server: Server): string[] {
  const allowed = hostsForNamespace(server.hosts ?? [], namespaceOf(virtualService));
  return intersectHosts(allowed, virtualService.spec.hosts ?? []);
}

function gather(
  hosts: Map<string, GatheredHost>,
  host: string,
  port: number,
  routes: readonly HttpRoute[],
): GatheredHost {
  const held = hosts.get(host) ?? { name: virtualHostName(host, port), routes: [], requireTls: false };
  hosts.set(host, held);
  held.routes.push(...routes);
  return held;
}

/** Every host of a server that wants TLS, also those that no VirtualService serves. */
function requireTls(hosts: Map<string, GatheredHost>, server: Server, port: number): void {
  for (const written of server.hosts ?? []) {
    const host = lowerAscii(written);
    const held = hosts.get(host);
    if (held === undefined) hosts.set(host, { name: virtualHostName(host, port), routes: [], requireTls: true });
    else held.requireTls = true;
  }
}

function tableOf(name: string, port: number, hosts: ReadonlyMap<string, GatheredHost>): RouteTable {
  const index = new VirtualHostIndex();
  const shared = new Map<HttpRoute | undefined, SharedHost[]>();
  for (const [host, gathered] of [...hosts].sort(([a], [b]) => compareText(a, b))) {
    index.add(host, sharedHost(gathered, shared));
  }
  // Without any host Istio sets up one that finds nothing.
  if (hosts.size === 0) index.add('*', { name: `blackhole:${port}`, routes: [], requireTls: false });
  return { name, port, find: (host) => index.find(host) };
}

interface SharedHost {
  readonly gathered: GatheredHost;
  readonly virtualHost: VirtualHost;
}

/** Hosts with the very same routes are one virtual host, under the name of the first. `shared`: by their first route. */
function sharedHost(gathered: GatheredHost, shared: Map<HttpRoute | undefined, SharedHost[]>): VirtualHost {
  const { name, routes, requireTls: tls } = gathered;
  const candidates = shared.get(routes[0]) ?? [];
  const same = candidates.find((each) => isSameHost(each.gathered, gathered));
  if (same !== undefined) return same.virtualHost;
  const virtualHost = { name, requireTls: tls, routes: catchAllsLast(routes) };
  shared.set(routes[0], [...candidates, { gathered, virtualHost }]);
  return virtualHost;
}

function isSameHost(a: GatheredHost, b: GatheredHost): boolean {
  if (a.requireTls !== b.requireTls || a.routes.length !== b.routes.length) return false;
  return a.routes.every((route, at) => route === b.routes[at]);
}

/** Istio's `SortVHostRoutes`. */
export function catchAllsLast<T extends Pick<HttpRoute, 'match'>>(routes: readonly T[]): readonly T[] {
  const isLast = ({ match }: T): boolean => isCatchAllMatch(match);
  return [...routes.filter((route) => !isLast(route)), ...routes.filter(isLast)];
}

function gatewayRouteOptions(
  scope: Scope,
  virtualService: VirtualService,
  gatewayName: string,
  port: number,
  server: Server,
): RouteOptions {
  const namespace = namespaceOf(virtualService);
  return {
    port,
    source: routeSource(scope, new Set([gatewayName])),
    tls: server.tls !== undefined,
    defaultRetries: scope.mesh.defaultHttpRetryPolicy,
    service: (host) => serviceFor(scope, host, namespace),
    appendForwardedHost: appendsForwardedHost(scope),
    consistentHash: (destination) => consistentHashOf(scope, destination),
  };
}

/** The service of that name in the namespace of the VirtualService, else the one that the gateway sees. */
function serviceFor(scope: Scope, host: string, namespace: string): MeshService | undefined {
  const seen = scope.servicesByHost.get(host);
  if (seen === undefined || seen.namespace === namespace) return seen;
  return scope.services.find((service) => service.hostname === host && service.namespace === namespace) ?? seen;
}
