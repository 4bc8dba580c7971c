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
import { buildDefaultRoute, buildHttpRoutes, type HttpRoute } from './http-route.ts';
import { matchesSource, type RouteSource } from './http-route-match.ts';
import { reshape } from './reshaped-service.ts';
import { addressFamilies, type AddressFamilies } from './service-address.ts';
import { DomainLedger, plainDomains, serviceDomains, virtualHostName } from './virtual-host-domains.ts';
import { wrapVirtualHosts, type VirtualHostWrapper } from './virtual-host-wrapper.ts';
import { LazyVirtualHost, VirtualHostIndex, type VirtualHost } from './virtual-host.ts';

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
  const index = new VirtualHostIndex();
  const builder = new SidecarTableBuilder(scope, egress, port);
  if (target.service === undefined) {
    builder.build((domain, virtualHost) => index.add(domain, virtualHost));
    const last = catchAllRoute(scope);
    index.add('*', { name: last.name, routes: [last], requireTls: false });
  } else {
    // A sniffed port on a service's own address serves that service alone, whatever the authority.
    const { service } = target;
    builder.build((domain, virtualHost) => {
      if (domain === name || domain === service) index.add('*', virtualHost);
    });
  }
  return { name, port: target.port, find: (host) => index.find(host) };
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
  readonly #egress: EgressScope;
  readonly #port: number;
  readonly #families: AddressFamilies;
  readonly #services: ReadonlyMap<string, MeshService>;
  readonly #options: RouteOptions;

  constructor(scope: Scope, egress: EgressScope, port: number) {
    this.#scope = scope;
    this.#egress = egress;
    this.#port = port;
    this.#families = addressFamilies(scope.mesh, scope.workload);
    this.#services = servicesOfPort(egress, port);
    this.#options = sidecarRouteOptions(scope, port, this.#services);
  }

  /** Hands out each virtual host with each of its domains. */
  build(add: (domain: string, virtualHost: VirtualHost) => void): void {
    const wrappers = wrapVirtualHosts(this.#egress, this.#services, this.#port, (virtualService) =>
      this.#routesOf(virtualService),
    );
    const ledger = new DomainLedger(() =>
      wrappers.flatMap(({ services, port }) =>
        services.flatMap(({ hostname }) => [hostname, virtualHostName(hostname, port)]),
      ),
    );
    const names = new Set<string>();
    for (const wrapper of wrappers) {
      for (const host of [...wrapper.hosts, ...wrapper.services]) {
        const hostname = typeof host === 'string' ? host : lowerAscii(host.hostname);
        const name = virtualHostName(hostname, wrapper.port);
        // The oldest VirtualService of a host takes it whole.
        if (names.has(name)) continue;
        names.add(name);
        const claimed = ledger.claim(
          typeof host === 'string'
            ? plainDomains(host)
            : serviceDomains(host, this.#port === 0 ? wrapper.port : 0, this.#scope, this.#families),
        );
        if (claimed.length === 0) continue;
        const virtualHost = new LazyVirtualHost(name, this.#buildRoutes(wrapper, host));
        for (const domain of claimed) {
          // Among all ports of an explicit proxy only port 80 is reached without its number.
          if (this.#port !== 0 || wrapper.port === 80 || domain.includes(':')) add(domain, virtualHost);
        }
      }
    }
  }

  #buildRoutes(wrapper: VirtualHostWrapper, host: string | MeshService): () => readonly HttpRoute[] {
    const { port, routes } = wrapper;
    if (routes !== undefined || typeof host === 'string') return routes ?? (() => []);
    return () => {
      const rule = this.#scope.destinationRule(host)?.rule;
      const hashPolicy = consistentHashToHashPolicy(consistentHashOfService(rule, port));
      // Istio looks services up in lower case here, and clusters as written: an entry in capitals is not found.
      const cluster = { host: lowerAscii(host.hostname), port, subset: '' };
      return [buildDefaultRoute(cluster, hashPolicy, this.#scope.mesh.defaultHttpRetryPolicy)];
    };
  }

  #routesOf(virtualService: VirtualService): (() => readonly HttpRoute[]) | undefined {
    if (!hasRoutes(virtualService, this.#options)) return undefined;
    let routes: readonly HttpRoute[] | undefined;
    return () => (routes ??= buildHttpRoutes(virtualService, this.#options));
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
    service: (host) => services.get(host),
    appendForwardedHost: appendsForwardedHost(scope),
    consistentHash: (destination) => consistentHashOf(scope, destination),
  };
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
 * By hostname, each with the port of the listener alone (all ports for port 0). A later entry replaces an earlier one of
 * the same host; of the addresses of one entry, each a service of its own, the first stays.
 */
function servicesOfPort(egress: EgressScope, port: number): ReadonlyMap<string, MeshService> {
  const services = new Map<string, MeshService>();
  for (const service of egress.services) {
    const found = port === 0 ? undefined : service.ports.find((candidate) => candidate.port === port);
    if (port !== 0 && found === undefined) continue;
    if (isOfSameEntry(services.get(service.hostname), service)) continue;
    const reduced = found === undefined || service.ports.length === 1 ? service : reshape(service, { ports: [found] });
    services.set(service.hostname, reduced);
  }
  return services;
}

function isOfSameEntry(a: MeshService | undefined, b: MeshService): boolean {
  return a !== undefined && a.registry === b.registry && a.namespace === b.namespace && a.ref.name === b.ref.name;
}
