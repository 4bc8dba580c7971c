import { hostMatches, hostSubsetOf } from '../match/hostname.ts';
import { isHttp, parseProtocol } from '../match/protocol.ts';
import type { Gateway, Server } from '../model/gateway.ts';
import type { L4MatchAttributes, TLSMatchAttributes, VirtualService } from '../model/virtual-service.ts';
import { namespaceOf, refOf } from './age.ts';
import type { Scope } from './compiled.ts';
import { FilterChain } from './filter-chain.ts';
import {
  isHttpServer,
  isPassthroughServer,
  mergeGateways,
  type BoundServer,
  type GatewayPort,
  type MergedGateways,
} from './gateway-server.ts';
import { Listener } from './listener.ts';
import { addressFamilies } from './service-address.ts';
import { routeAction, tcpTarget } from './tcp-target.ts';

/** The listeners of a gateway pod, by port. */
export interface GatewayListeners extends MergedGateways {
  readonly listeners: ReadonlyMap<number, readonly Listener[]>;
}

/**
 * Builds the listeners of the Gateways that select the asker. A gateway has no outbound traffic policy: what no server
 * wants is closed. A server for which no VirtualService has a route makes no chain, and a listener without chains is none.
 */
export function buildGatewayListeners(scope: Scope): GatewayListeners {
  const merged = mergeGateways(scope);
  const wildcard = addressFamilies(scope.mesh, scope.workload).wildcards[0] ?? '0.0.0.0';
  const listeners = new Map<number, Listener[]>();
  const passthroughNames = new Map<number, Set<string>>();
  for (const port of merged.ports) {
    const name = `${port.bind === '' ? wildcard : port.bind}_${port.port}`;
    let taken = passthroughNames.get(port.port);
    if (taken === undefined) passthroughNames.set(port.port, (taken = new Set()));
    const chains = portChains(scope, port, name, taken);
    if (chains.length === 0) continue;
    // Listeners of one address differ in protocol only, and share the socket.
    const held = listeners.get(port.port) ?? [];
    const same = held.findIndex((listener) => listener.name === name);
    if (same < 0) held.push(new Listener(name, port.port, chains));
    else held[same] = new Listener(name, port.port, [...(held[same]?.chains ?? []), ...chains]);
    listeners.set(port.port, held);
  }
  return { ...merged, listeners };
}

function portChains(scope: Scope, port: GatewayPort, listener: string, taken: Set<string>): readonly FilterChain[] {
  if (isHttp(parseProtocol(port.protocol))) return [httpChain(listener, port.routeName, undefined)];
  return port.servers.flatMap((bound) => serverChains(scope, bound, port.port, listener, taken));
}

function serverChains(
  scope: Scope,
  bound: BoundServer,
  port: number,
  listener: string,
  taken: Set<string>,
): readonly FilterChain[] {
  const { server, gateway } = bound;
  if (isHttpServer(server)) return [httpChain(listener, bound.routeName, bound)];
  if (!isPassthroughServer(server)) return tcpChains(scope, bound, listener);
  if (server.tls?.mode === 'AUTO_PASSTHROUGH') return autoPassthroughChains(scope, server, gateway, listener);
  return passthroughChains(scope, bound, port, listener, taken);
}

/** With `terminating`, for the hosts of that server only, and inside its TLS. */
function httpChain(listener: string, routeTable: string, terminating: BoundServer | undefined): FilterChain {
  const origin = {
    listener,
    http: true as const,
    ...(terminating === undefined ? {} : { terminatesTls: true, gateway: refOf(terminating.gateway) }),
  };
  const sniHosts = terminating === undefined ? [] : serverNames(terminating.server);
  return new FilterChain({ sniHosts }, origin, () => ({ kind: 'http', routeTable }));
}

/** A TCP server, or one that ends TLS around bytes: the first `tcp` route that holds takes everything. */
function tcpChains(scope: Scope, { server, gateway }: BoundServer, listener: string): readonly FilterChain[] {
  const number = server.port?.number ?? 0;
  for (const virtualService of servedBy(scope, server, gateway)) {
    for (const { match = [], route = [] } of virtualService.spec.tcp ?? []) {
      if (route.length === 0) continue;
      if (match.length > 0 && !match.some((one) => gatewayMatch(one, gateway, number))) continue;
      const ref = refOf(virtualService);
      const ends = server.tls !== undefined;
      const origin = { listener, virtualService: ref, gateway: refOf(gateway), ...(ends && { terminatesTls: true }) };
      const criteria = ends ? { sniHosts: serverNames(server) } : {};
      return [new FilterChain(criteria, origin, () => routeAction(scope, route, number, ref))];
    }
  }
  return [];
}

/** One chain per `tls` match; a match that names a host which an older one has taken makes none. */
function passthroughChains(
  scope: Scope,
  { server, gateway }: BoundServer,
  port: number,
  listener: string,
  taken: Set<string>,
): readonly FilterChain[] {
  const number = server.port?.number ?? port;
  const chains: FilterChain[] = [];
  for (const virtualService of servedBy(scope, server, gateway)) {
    const ref = refOf(virtualService);
    for (const { match = [], route = [] } of virtualService.spec.tls ?? []) {
      for (const one of match) {
        if (!gatewayMatch(one, gateway, number)) continue;
        const { sniHosts = [] } = one;
        if (isTaken(sniHosts, server.bind ?? '', taken)) continue;
        const origin = { listener, virtualService: ref, gateway: refOf(gateway) };
        chains.push(new FilterChain({ sniHosts }, origin, () => routeAction(scope, route, number, ref)));
      }
    }
  }
  return chains;
}

/**
 * Every port and subset of every service of the mesh that the server's hosts cover, under the SNI that names its cluster.
 * For traffic between clusters: only TLS from sidecars gets through.
 */
function autoPassthroughChains(
  scope: Scope,
  server: Server,
  gateway: Gateway,
  listener: string,
): readonly FilterChain[] {
  const hosts = serverNames(server);
  const origin = { listener, gateway: refOf(gateway) };
  return scope.services
    .filter(({ meshExternal, resolution }) => !meshExternal && resolution !== 'ALIAS')
    .filter(({ hostname }) => hosts.length === 0 || hosts.some((host) => hostSubsetOf(hostname, host)))
    .flatMap((service) => {
      const subsets = scope.destinationRule(service)?.rule.spec.subsets ?? [];
      const ports = service.ports.filter(({ protocol }) => protocol !== 'UDP');
      return ports.flatMap(({ port }) =>
        ['', ...subsets.map(({ name }) => name)].map((subset) => {
          const sniHosts = [`outbound_.${port}_.${subset}_.${service.hostname}`];
          return new FilterChain({ sniHosts, applicationProtocols: ['istio'] }, { ...origin, service }, () => {
            const target = tcpTarget(scope, { host: service.hostname, port: { number: port }, subset }, 1, port);
            return { kind: 'tcp', service, targets: [target] };
          });
        }),
      );
    });
}

/** The VirtualServices bound to the Gateway of which a host overlaps one of the server's in an allowed namespace. */
function servedBy(scope: Scope, server: Server, gateway: Gateway): readonly VirtualService[] {
  const { name } = gateway.metadata;
  return scope
    .virtualServicesFor(`${namespaceOf(gateway)}/${name}`)
    .filter((virtualService) => isServed(virtualService, server.hosts ?? []));
}

function isServed(virtualService: VirtualService, serverHosts: readonly string[]): boolean {
  const namespace = namespaceOf(virtualService);
  return (virtualService.spec.hosts ?? []).some((host) =>
    serverHosts.some((serverHost) => {
      const slash = serverHost.indexOf('/');
      const scope = serverHost.slice(0, Math.max(slash, 0));
      return (slash < 0 || scope === '*' || scope === namespace) && hostMatches(serverHost.slice(slash + 1), host);
    }),
  );
}

/** At a gateway only its name and port are looked at; labels, namespaces and subnets are not. */
function gatewayMatch(match: TLSMatchAttributes | L4MatchAttributes, gateway: Gateway, port: number): boolean {
  const { gateways = [] } = match;
  if ((match.port ?? 0) !== 0 && match.port !== port) return false;
  return gateways.length === 0 || gateways.includes(`${namespaceOf(gateway)}/${gateway.metadata.name}`);
}

function isTaken(sniHosts: readonly string[], bind: string, taken: Set<string>): boolean {
  let duplicate = false;
  for (const host of sniHosts) {
    const key = `${bind}|${host}`;
    if (taken.has(key)) duplicate = true;
    else taken.add(key);
  }
  return duplicate;
}

/** The hosts of a server as SNI, without namespaces. */
function serverNames({ hosts = [] }: Server): readonly string[] {
  return [...new Set(hosts.map((host) => host.slice(host.indexOf('/') + 1)))].sort();
}
