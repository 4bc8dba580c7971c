import { isWildcard } from '../match/hostname.ts';
import { parseProtocol } from '../match/protocol.ts';
import { lowerAscii } from '../match/string-match.ts';
import type { ConsistentHash } from '../model/destination-rule.ts';
import type { Destination, VirtualService } from '../model/virtual-service.ts';
import type { EgressScope, MeshService, Scope } from './compiled.ts';
import { catchAllRoute } from './http-route-catch-all.ts';
import {
  consistentHashOfDestination,
  consistentHashOfService,
  consistentHashToHashPolicy,
} from './http-route-hash-policy.ts';
import type { RouteOptions } from './http-route-action.ts';
import type { DestinationService } from './http-route-destination.ts';
import { buildDefaultRoute, buildHttpRoutes, type HttpRoute } from './http-route.ts';
import { matchesSource, type RouteSource } from './http-route-match.ts';
import { addressFamilies, type AddressFamilies } from './service-address.ts';
import { DomainLedger, isNamedOnly, plainDomains, serviceDomains, virtualHostName } from './virtual-host-domains.ts';
import type { Domains } from './virtual-host-domains.ts';
import { httpPorts, portNumbered, unwonServices, wrapVirtualHosts } from './virtual-host-wrapper.ts';
import type { VirtualHostWrapper } from './virtual-host-wrapper.ts';
import { LazyVirtualHost, ServiceVirtualHost, VirtualHostIndex, type VirtualHost } from './virtual-host.ts';

/** Envoy's route configuration: the virtual hosts of one HTTP listener, found by authority. Built once per asker and name. */
export interface RouteTable {
  /** `<port>`, `<host>:<port>`, a bind path, `http_proxy`, or a gateway's `http.<port>` and `https.<port>...`. */
  readonly name: string;
  /** The port that requests arrive at; 0 for unix sockets and explicit proxies. */
  readonly port: number;
  /**
   * Several listeners name the table. Istio then sends it without virtual hosts, and a proxy answers 404; who knows the
   * name that was dialled need not follow.
   */
  readonly namedTwice?: boolean;
  /** The virtual host of an authority in lower case and without its port. */
  find(host: string): VirtualHost | undefined;
}

/** Istio's name of the route table of `proxyHttpPort`. */
const HTTP_PROXY_TABLE = 'http_proxy';
const MESH_GATEWAY: ReadonlySet<string> = new Set(['mesh']);

/** Builds the table that a chain names. Undefined when no egress listener of the scope serves it. */
export function buildRouteTable(scope: Scope, name: string): RouteTable | undefined {
  const target = parseTableName(name);
  if (target === undefined) return undefined;
  const egress = egressScopeFor(scope, target.port, name);
  if (egress === undefined) return undefined;
  // A port that speaks the explicit proxy protocol serves every port of every service.
  const port = parseProtocol(egress.listener?.port?.protocol) === 'HTTP_PROXY' ? 0 : target.port;
  const hosts = virtualHostsOf(scope, egress, port);
  if (target.service === undefined) {
    const route = catchAllRoute(scope);
    const last: VirtualHost = { name: route.name, routes: [route], requireTls: false };
    return { name, port: target.port, find: (host) => hosts.find(host) ?? last };
  }
  // A sniffed port on a service's own address serves that service alone, whatever the authority.
  const own = hosts.ownerOf(target.service) ?? hosts.ownerOf(name);
  return { name, port: target.port, find: () => own };
}

const virtualHosts = new WeakMap<EgressScope, Map<number, VirtualHostIndex>>();

/** The virtual hosts of an egress listener at a port: all tables of that port share them. */
function virtualHostsOf(scope: Scope, egress: EgressScope, port: number): VirtualHostIndex {
  let byPort = virtualHosts.get(egress);
  if (byPort === undefined) virtualHosts.set(egress, (byPort = new Map<number, VirtualHostIndex>()));
  let hosts = byPort.get(port);
  if (hosts === undefined) byPort.set(port, (hosts = new SidecarTableBuilder(scope, egress, port).build()));
  return hosts;
}

function parseTableName(name: string): { readonly port: number; readonly service?: string } | undefined {
  if (name.startsWith('/') || name.startsWith('@') || name.startsWith('unix:')) return { port: 0 };
  if (name === HTTP_PROXY_TABLE) return { port: 0 };
  const colon = name.lastIndexOf(':');
  const digits = name.slice(colon + 1);
  if (!/^\d+$/.test(digits)) return undefined;
  return { port: Number(digits), ...(colon >= 0 && { service: name.slice(0, colon) }) };
}

/** Istio's `GetEgressListenerForRDS`: the listener of that port or path, or the one without a port. */
function egressScopeFor(scope: Scope, port: number, name: string): EgressScope | undefined {
  return scope.egress.find(({ listener }) => {
    if (listener?.port === undefined) return true;
    if ((listener.port.number ?? 0) !== port) return false;
    return port !== 0 || listener.bind === name;
  });
}

class SidecarTableBuilder {
  readonly #scope: Scope;
  readonly #port: number;
  readonly #families: AddressFamilies;
  readonly #services: ReadonlyMap<string, MeshService>;
  readonly #options: RouteOptions;
  readonly #hosts = new VirtualHostIndex();
  readonly #wrappers: readonly VirtualHostWrapper[];
  readonly #ledger = new DomainLedger(this.#hosts, () => this.#serviceNames());
  /** Hosts with their ports that have a virtual host. */
  readonly #names = new Set<string>();

  constructor(scope: Scope, egress: EgressScope, port: number) {
    this.#scope = scope;
    this.#port = port;
    this.#families = addressFamilies(scope.mesh, scope.workload);
    this.#services = servicesOfPort(egress, port);
    this.#options = sidecarRouteOptions(scope, port, this.#services);
    this.#wrappers = wrapVirtualHosts(egress, this.#services, port, (virtualService) => this.#routesOf(virtualService));
  }

  build(): VirtualHostIndex {
    for (const { hosts, services, port, routes } of this.#wrappers) {
      for (const host of hosts) this.#add(host, port, plainDomains(host), routes);
      for (const service of services) this.#addService(service, port, routes);
    }
    for (const service of unwonServices(this.#services, this.#wrappers)) {
      for (const port of httpPorts(service.ports, this.#port)) this.#addUnwon(service, port);
    }
    return this.#hosts;
  }

  #addUnwon(service: MeshService, port: number): void {
    if (this.#port !== 0 && isNamedOnly(service, this.#scope, this.#families)) {
      const domain = lowerAscii(service.hostname);
      const virtualHost = new ServiceVirtualHost(service, port, this.#defaultRoutes);
      if (this.#hosts.add(domain, virtualHost) === virtualHost) {
        if (isWildcard(domain)) this.#hosts.add(`${domain}.`, virtualHost);
        return;
      }
    }
    this.#addService(service, port, () => this.#defaultRoutes(service, port));
  }

  #addService(service: MeshService, port: number, routes: () => readonly HttpRoute[]): void {
    const domains = serviceDomains(service, this.#port === 0 ? port : 0, this.#scope, this.#families);
    this.#add(lowerAscii(service.hostname), port, domains, routes);
  }

  /** The oldest VirtualService of a host takes it whole. */
  #add(host: string, port: number, domains: Domains, routes: () => readonly HttpRoute[]): void {
    const name = virtualHostName(host, port);
    if (this.#names.has(name) || this.#hosts.ownerOf(host)?.name === name) return;
    this.#names.add(name);
    // Among all ports of an explicit proxy only port 80 is reached without its number.
    this.#ledger.claim(
      domains,
      new LazyVirtualHost(name, routes),
      (domain) => this.#port !== 0 || port === 80 || domain.includes(':'),
    );
  }

  readonly #defaultRoutes = (service: MeshService, port: number): readonly HttpRoute[] => {
    const rule = this.#scope.destinationRule(service)?.rule;
    const hashPolicy = consistentHashToHashPolicy(consistentHashOfService(rule, port));
    // Istio looks services up in lower case here, and clusters as written: an entry in capitals is not found.
    const cluster = { host: lowerAscii(service.hostname), port, subset: '' };
    return [buildDefaultRoute(cluster, hashPolicy, this.#scope.mesh.defaultHttpRetryPolicy)];
  };

  #routesOf(virtualService: VirtualService): (() => readonly HttpRoute[]) | undefined {
    if (!hasRoutes(virtualService, this.#options)) return undefined;
    let routes: readonly HttpRoute[] | undefined;
    return () => (routes ??= buildHttpRoutes(virtualService, this.#options));
  }

  *#serviceNames(): Iterable<string> {
    const won = this.#wrappers.flatMap(({ services }) => services);
    for (const { hostname, ports } of [...won, ...unwonServices(this.#services, this.#wrappers)]) {
      for (const port of httpPorts(ports, this.#port)) yield* [hostname, virtualHostName(hostname, port)];
    }
  }
}

/** What a sidecar's routes at a port are compiled with. */
export function sidecarRouteOptions(
  scope: Scope,
  port: number,
  services: ReadonlyMap<string, MeshService>,
): RouteOptions {
  return {
    port,
    source: routeSource(scope, MESH_GATEWAY),
    tls: false,
    defaultRetries: scope.mesh.defaultHttpRetryPolicy,
    service: (host) => atPort(services.get(host), port),
    appendForwardedHost: appendsForwardedHost(scope),
    consistentHash: (destination) => consistentHashOf(scope, destination),
  };
}

/** A destination's service with the port of the listener alone. */
function atPort(service: MeshService | undefined, port: number): DestinationService | undefined {
  if (service === undefined || port === 0 || service.ports.length === 1) return service;
  const found = portNumbered(service.ports, port);
  return { ports: found === undefined ? [] : [found], externalName: service.externalName };
}

/** Who asks, as `sourceLabels`, `sourceNamespace` and `gateways` of a match see it. */
export function routeSource(scope: Scope, gateways: ReadonlySet<string>): RouteSource {
  return { labels: scope.workload.labels ?? {}, namespace: scope.workload.namespace, gateways };
}

/** What the DestinationRule of a destination's service says of consistent hashing. */
export function consistentHashOf(scope: Scope, destination: Destination): ConsistentHash | undefined {
  const service = scope.servicesByHost.get(destination.host);
  const rule = service === undefined ? undefined : scope.destinationRule(service)?.rule;
  return consistentHashOfDestination(rule, destination);
}

export function appendsForwardedHost({ mesh }: Scope): boolean {
  const { proxyHeaders } = mesh.defaultConfig as { proxyHeaders?: { xForwardedHost?: { enabled?: boolean } } };
  return proxyHeaders?.xForwardedHost?.enabled === true;
}

/** Whether any route of the VirtualService is for this port and asker: cheaper than compiling them. */
function hasRoutes({ spec }: VirtualService, { port, source }: RouteOptions): boolean {
  return (spec.http ?? []).some(({ match }) => {
    if (match === undefined || match.length === 0) return true;
    return match.some(
      (request) =>
        (request.port === undefined || request.port === 0 || request.port === port) && matchesSource(request, source),
    );
  });
}

/**
 * Those that have the port (any for port 0), by hostname. A later entry replaces an earlier one of the same host; of the
 * addresses of one entry, each a service of its own, the first stays.
 */
function servicesOfPort(egress: EgressScope, port: number): ReadonlyMap<string, MeshService> {
  const services = new Map<string, MeshService>();
  for (const service of egress.services) {
    if (port !== 0 && portNumbered(service.ports, port) === undefined) continue;
    const held = services.get(service.hostname);
    if (held === undefined || !isOfSameEntry(held, service)) services.set(service.hostname, service);
  }
  return services;
}

function isOfSameEntry(a: MeshService, b: MeshService): boolean {
  return a.registry === b.registry && a.namespace === b.namespace && a.ref.name === b.ref.name;
}
