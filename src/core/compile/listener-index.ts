import { parseIp } from '../match/ip-address.ts';
import { isTls, parseProtocol, type Protocol } from '../match/protocol.ts';
import type { IstioEgressListener } from '../model/sidecar.ts';
import type { EgressScope, MeshService, MeshServicePort, Scope } from './compiled.ts';
import { FilterChain, SNIFFED_HTTP } from './filter-chain.ts';
import { ListenerEntry, listenerProtocol, type ListenerRequest } from './listener-entry.ts';
import { PortListeners } from './port-listeners.ts';
import { addressFamilies, isUnspecified, serviceAddresses, type AddressFamilies } from './service-address.ts';
import { tcpRouteChains } from './tcp-route-chains.ts';
import { tlsRouteChains, type ServiceListen } from './tls-route-chains.ts';
import { VirtualServicesByHost } from './virtual-services-by-host.ts';

/** The listeners of one asker, by port. */
export type ListenerIndex = ReadonlyMap<number, PortListeners>;

/** One port to listen on for one service. */
interface Port {
  readonly port: number;
  readonly protocol: Protocol;
}

/** A chain that leads to a route table. */
interface HttpChain {
  readonly routeTable: string;
  readonly sniffed: boolean;
  readonly chain: FilterChain;
}

/** Builds the listeners that Istio would give the asker's proxy, from the oldest service to the youngest. */
export function buildListeners(scope: Scope): ListenerIndex {
  const build = new ListenerBuild(scope);
  for (const egress of scope.egress) build.addEgress(egress);
  build.addHttpProxy();
  return build.finish();
}

class ListenerBuild {
  readonly #scope: Scope;
  readonly #families: AddressFamilies;
  readonly #entries = new Map<string, ListenerEntry>();
  readonly #ports = new Map<number, PortListeners>();
  readonly #wildcardNames = new Map<number, string>();
  /** By listener: all HTTP services of a table there share one chain. */
  readonly #httpChains = new Map<string, HttpChain[]>();

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#families = addressFamilies(scope.mesh, scope.workload);
  }

  addEgress(egress: EgressScope): void {
    const virtualServices = new VirtualServicesByHost(egress.virtualServices);
    const { listener } = egress;
    if (listener?.port === undefined) {
      for (const entry of this.#entries.values()) entry.locked = true;
      for (const service of egress.services) this.#addService(service, listener, virtualServices);
      return;
    }
    const { number = 0, protocol } = listener.port;
    const port = { port: number, protocol: parseProtocol(protocol) };
    const binds = this.#declaredBinds(listener);
    for (const service of egress.services) this.#addPort(service, port, binds, virtualServices);
  }

  /** A Sidecar's own `bind`, or loopback where the port is really bound; undefined: as the service says. */
  #declaredBinds(listener: IstioEgressListener | undefined): readonly string[] | undefined {
    if (listener?.bind !== undefined && listener.bind !== '') return [listener.bind];
    return listener?.captureMode === 'NONE' ? this.#families.localhosts : undefined;
  }

  #addService(
    service: MeshService,
    listener: IstioEgressListener | undefined,
    virtualServices: VirtualServicesByHost,
  ): void {
    const binds = this.#declaredBinds(listener);
    for (const port of service.ports) {
      const endpoints = binds === undefined ? this.#endpointBinds(service, port) : undefined;
      if (endpoints === undefined) this.#addPort(service, port, binds, virtualServices);
      else for (const address of endpoints) this.#addPort(service, port, [address], virtualServices);
    }
  }

  /**
   * Services without an address of their own, whose clients dial endpoints: one listener for each endpoint but the asker
   * itself. Undefined where one listener for all addresses serves: HTTP is told apart by Host, and an entry of
   * resolution NONE that lists no endpoint has none that could be named.
   */
  #endpointBinds(service: MeshService, { name, protocol }: MeshServicePort): readonly string[] | undefined {
    if (service.resolution !== 'PASSTHROUGH' || listenerProtocol(protocol) === 'http') return undefined;
    if (!serviceAddresses(service, this.#families).every(isUnspecified)) return undefined;
    const endpoints = service.endpoints.filter((endpoint) => endpoint.servicePortName === name);
    if (service.registry === 'ServiceEntry' && endpoints.length === 0 && !service.hasSelector) return undefined;
    const own = this.#scope.workload.addresses?.[0];
    return endpoints
      .map(({ address }) => address)
      .filter((address) => address !== own && parseIp(address) !== undefined);
  }

  #addPort(
    service: MeshService,
    port: Port,
    binds: readonly string[] | undefined,
    virtualServices: VirtualServicesByHost,
  ): void {
    if (service.resolution === 'ALIAS' || port.protocol === 'UDP') return;
    const { wildcards } = this.#families;
    const kind = listenerProtocol(port.protocol);
    const own = kind === 'http' ? wildcards : serviceAddresses(service, this.#families);
    const isBlock = own[0]?.includes('/') === true;
    const bound = binds ?? (isBlock ? wildcards : own);
    const bind = bound[0] ?? '';
    const wildcard = bind === wildcards[0];
    if (wildcard && (kind === 'http' || binds !== undefined) && this.#isHeldByProxy(port.port)) return;
    const name = this.#listenerName(bind, port.port, wildcard);
    const entry = this.#entries.get(name);
    if (entry?.locked === true) return;
    const listen: ServiceListen = {
      scope: this.#scope,
      service,
      listenerPort: port.port,
      listener: name,
      blocks: isBlock && binds === undefined ? own : [],
      ownAddress: !isBlock && !(wildcard && isUnspecified(own[0] ?? '')),
      virtualServices: kind === 'http' ? [] : virtualServices.get(service.hostname),
    };
    const request = this.#request(listen, port, bind, wildcard);
    this.#at(port.port).addService(service, request.chains);
    if (entry === undefined) this.#entries.set(name, new ListenerEntry(bound, port.port, request));
    else entry.add(request);
  }

  /** The chains that one service wants at one port. */
  #request(listen: ServiceListen, port: Port, bind: string, wildcard: boolean): ListenerRequest {
    const kind = listenerProtocol(port.protocol);
    const shared = kind === 'http' && wildcard && port.protocol !== 'HTTP_PROXY';
    const bytes = isTls(port.protocol) ? tlsRouteChains : tcpRouteChains;
    const chains = kind === 'http' ? [] : [...bytes(listen)];
    if (kind !== 'tcp') {
      const table = routeTableName(listen, port, bind, wildcard);
      chains.push(this.#httpChain(listen.listener, table, kind === 'auto' || shared));
    }
    return { kind: shared ? 'auto' : kind, protocol: shared ? 'Unsupported' : port.protocol, chains };
  }

  #httpChain(listener: string, routeTable: string, sniffed: boolean): FilterChain {
    const held = this.#httpChains.get(listener);
    const found = held?.find((each) => each.routeTable === routeTable && each.sniffed === sniffed);
    if (found !== undefined) return found.chain;
    const origin = { listener, http: true } as const;
    const chain = new FilterChain(sniffed ? SNIFFED_HTTP : {}, origin, () => ({ kind: 'http', routeTable }));
    if (held === undefined) this.#httpChains.set(listener, [{ routeTable, sniffed, chain }]);
    else held.push({ routeTable, sniffed, chain });
    return chain;
  }

  /** Envoy's name. That for all addresses is asked for with every service, and is one string for all. */
  #listenerName(bind: string, port: number, wildcard: boolean): string {
    if (!wildcard) return `${bind}_${port}`;
    let name = this.#wildcardNames.get(port);
    if (name === undefined) this.#wildcardNames.set(port, (name = `${bind}_${port}`));
    return name;
  }

  #isHeldByProxy(port: number): boolean {
    const { proxyListenPort, proxyInboundListenPort } = this.#scope.mesh;
    return port === proxyListenPort || port === proxyInboundListenPort;
  }

  #at(port: number): PortListeners {
    let listeners = this.#ports.get(port);
    if (listeners === undefined) this.#ports.set(port, (listeners = new PortListeners(this.#scope)));
    return listeners;
  }

  /** The explicit HTTP proxy on loopback, where MeshConfig opens one. */
  addHttpProxy(): void {
    const { proxyHttpPort: port } = this.#scope.mesh;
    if (port === 0) return;
    const binds = this.#families.localhosts;
    const chains = [this.#httpChain(`${binds[0]}_${port}`, 'http_proxy', false)];
    const request: ListenerRequest = { kind: 'http', protocol: 'HTTP_PROXY', chains };
    this.#at(port).addListener(new ListenerEntry(binds, port, request));
  }

  finish(): ListenerIndex {
    for (const entry of this.#entries.values()) this.#at(entry.port).addListener(entry);
    for (const listeners of this.#ports.values()) listeners.finish();
    return this.#ports;
  }
}

/** Sniffed services at their own address have a table of their own; all others share that of the port. */
function routeTableName({ service }: ServiceListen, { port, protocol }: Port, bind: string, wildcard: boolean): string {
  if (port === 0) return bind;
  return listenerProtocol(protocol) === 'auto' && !wildcard ? `${service.hostname}:${port}` : `${port}`;
}
