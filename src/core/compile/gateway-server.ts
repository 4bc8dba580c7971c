import { isHttp, parseProtocol } from '../match/protocol.ts';
import type { Gateway, Server } from '../model/gateway.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { labelsMatch, namespaceOf, oldestFirst } from './age.ts';
import type { MeshService, MeshServicePort, Scope } from './compiled.ts';
import type { GatewayServer } from './gateway-route-table.ts';

/** The servers that share one listener of a gateway pod. */
export interface GatewayPort {
  /** The port of the pod: the target port of the pod's Service where there is one. */
  readonly port: number;
  readonly protocol: string;
  /** Empty: all addresses. */
  readonly bind: string;
  /** Of plaintext HTTP servers. */
  readonly routeName: string;
  readonly servers: BoundServer[];
}

export interface BoundServer extends GatewayServer {
  /** Istio's route name; empty where no HTTP is seen. */
  readonly routeName: string;
}

/** The servers of all Gateways that select the asker, by listener and by route name. */
export interface MergedGateways {
  readonly ports: readonly GatewayPort[];
  readonly serversByRouteName: ReadonlyMap<string, readonly BoundServer[]>;
}

const GATEWAY_SERVICE = 'internal.istio.io/gateway-service';
const DISABLE_PORT_TRANSLATION = 'experimental.istio.io/disable-gateway-port-translation';

/** HTTP, or HTTPS that ends at the gateway. */
export function isHttpServer(server: Server): boolean {
  const protocol = parseProtocol(server.port?.protocol);
  return isHttp(protocol) || (protocol === 'HTTPS' && server.tls !== undefined && !isPassthroughServer(server));
}

/** Anything but plaintext HTTP, with TLS settings. */
export function isTlsServer(server: Server): boolean {
  return server.tls !== undefined && !isHttp(parseProtocol(server.port?.protocol));
}

/** The TLS is somebody else's. */
export function isPassthroughServer({ tls }: Server): boolean {
  if (tls === undefined) return false;
  const { mode = 'PASSTHROUGH' } = tls;
  return mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH';
}

/** Whether the pods behind a service serve some Gateway: what is sent there meets a second decision. */
export function isGatewayService({ gateways }: MeshConfig, service: MeshService): boolean {
  return gateways.some((gateway) => {
    const services = gateway.metadata.annotations?.[GATEWAY_SERVICE]?.split(',');
    if (services !== undefined) return services.includes(service.hostname);
    const { selector } = gateway.spec;
    if (selector === undefined || Object.keys(selector).length === 0) return false;
    return podLabels(service).some((labels) => labelsMatch(selector, labels));
  });
}

/** The labels that are known of the pods behind a service: those it selects by, and those of its endpoints. */
export function podLabels(service: MeshService): readonly Readonly<Record<string, string>>[] {
  return [service.selector ?? {}, ...service.endpoints.map(({ labels }) => labels)];
}

/** Istio's merge: the oldest Gateway first; servers that do not fit beside an older one on their port are left out. */
export function mergeGateways(scope: Scope): MergedGateways {
  const merge = new GatewayMerge();
  const targets = serviceTargets(scope);
  for (const gateway of oldestFirst(scope.mesh.gateways)) {
    const selected = selectedTargets(gateway, scope, targets);
    if (selected === undefined) continue;
    for (const written of gateway.spec.servers ?? []) {
      if (written.port === undefined) continue;
      const server = {
        ...written,
        hosts: written.hosts?.map((host) => completeHost(host, namespaceOf(gateway))) ?? [],
      };
      for (const port of resolvePorts(written.port.number, selected)) merge.add(gateway, server, port);
    }
  }
  return merge;
}

class GatewayMerge implements MergedGateways {
  readonly ports: GatewayPort[] = [];
  readonly serversByRouteName = new Map<string, BoundServer[]>();
  /** The first server's listener, where that is plaintext. */
  readonly #plaintext = new Map<number, GatewayPort>();
  readonly #taken = new Set<number>();
  readonly #tlsHosts = new Map<string, Set<string>>();

  add(gateway: Gateway, server: Server, port: number): void {
    const routeName = gatewayRouteName(gateway, server, port);
    const bound: BoundServer = { gateway, server, routeName };
    if (server.tls !== undefined && this.#hasDuplicateHosts(server, port)) return;
    const current = this.#plaintext.get(port);
    if (!this.#taken.has(port)) this.#addFirst(bound, port);
    else if (current !== undefined) this.#addPlaintext(bound, port, current);
    else this.#addTls(bound, port);
  }

  #addFirst(bound: BoundServer, port: number): void {
    this.#taken.add(port);
    const listener = this.#listen(bound, port);
    if (!isTlsServer(bound.server)) this.#plaintext.set(port, listener);
    if (isHttpServer(bound.server)) this.serversByRouteName.set(bound.routeName, [bound]);
  }

  /** Beside plaintext HTTP only plaintext HTTP; other addresses are other listeners. */
  #addPlaintext(bound: BoundServer, port: number, current: GatewayPort): void {
    const { bind = '', port: declared } = bound.server;
    if (bind === current.bind) {
      const protocol = parseProtocol(declared?.protocol);
      if (!isHttp(protocol) || !isHttp(parseProtocol(current.protocol)) || bound.routeName === '') return;
      current.servers.push(bound);
    } else {
      this.#listen(bound, port);
    }
    append(this.serversByRouteName, bound.routeName, bound);
  }

  /** Servers with TLS are told apart by SNI, but HTTPS servers of one route name cannot be. */
  #addTls(bound: BoundServer, port: number): void {
    if (isHttpServer(bound.server)) {
      if (bound.routeName === '' || this.serversByRouteName.has(bound.routeName)) return;
      this.serversByRouteName.set(bound.routeName, [bound]);
    }
    if (bound.server.tls !== undefined) this.#listen(bound, port);
  }

  /** Adds the server to the listener of its port, protocol and address, or makes one. */
  #listen(bound: BoundServer, port: number): GatewayPort {
    const { bind = '', port: declared } = bound.server;
    const protocol = declared?.protocol ?? '';
    const same = (each: GatewayPort) => each.port === port && each.bind === bind && each.protocol === protocol;
    let listener = this.ports.find(same);
    if (listener === undefined) {
      listener = { port, protocol, bind, routeName: bound.routeName, servers: [] };
      this.ports.push(listener);
    }
    listener.servers.push(bound);
    return listener;
  }

  /** A host that an older TLS server of the same port and address serves leaves the whole server out. */
  #hasDuplicateHosts(server: Server, port: number): boolean {
    const key = `${port}|${server.bind ?? ''}`;
    let known = this.#tlsHosts.get(key);
    if (known === undefined) this.#tlsHosts.set(key, (known = new Set()));
    let duplicate = false;
    for (const host of server.hosts ?? []) {
      if (known.has(host)) duplicate = true;
      else known.add(host);
    }
    return duplicate;
  }
}

/** `./host` belongs to the Gateway's namespace, `*` before a slash to all. */
function completeHost(host: string, namespace: string): string {
  if (host.startsWith('./')) return `${namespace}/${host.slice(2)}`;
  return host.startsWith('*/') ? host.slice(2) : host;
}

function gatewayRouteName({ metadata }: Gateway, server: Server, port: number): string {
  const protocol = parseProtocol(server.port?.protocol);
  const bind = server.bind === undefined || server.bind === '' ? '' : `.${server.bind}`;
  if (isHttp(protocol)) return `http.${port}${bind}`;
  if (!isHttpServer(server)) return '';
  const { name, namespace = 'default' } = metadata;
  return `https.${server.port?.number ?? 0}.${server.port?.name ?? ''}.${name}.${namespace}${bind}`;
}

/** A port of a Service behind which the asker stands. */
interface ServiceTarget {
  readonly service: MeshService;
  readonly port: MeshServicePort;
  readonly targetPort: number;
}

/** The asker as an endpoint of Services: by its addresses, else by its labels. */
function serviceTargets({ mesh, workload, services }: Scope): readonly ServiceTarget[] {
  const { addresses = [], labels, namespace } = workload;
  const targets: ServiceTarget[] = [];
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      if (!addresses.includes(endpoint.address)) continue;
      const port = service.ports.find(({ name }) => name === endpoint.servicePortName);
      if (port !== undefined) targets.push({ service, port, targetPort: endpoint.port });
    }
  }
  if (targets.length > 0 || mesh.services.length === 0) return targets;
  for (const service of services) {
    if (service.registry !== 'Kubernetes' || service.namespace !== namespace) continue;
    if (service.selector === undefined || !labelsMatch(service.selector, labels)) continue;
    for (const port of service.ports) targets.push({ service, port, targetPort: port.targetPort ?? port.port });
  }
  return targets;
}

interface SelectedTargets {
  readonly targets: readonly ServiceTarget[];
  /** Chosen by labels: a port that no Service maps is listened on as it is, and the first mapping counts. */
  readonly byLabels: boolean;
}

/** Undefined: the Gateway is not for the asker. Without a selector it is for every gateway pod. */
function selectedTargets(
  gateway: Gateway,
  { workload }: Scope,
  targets: readonly ServiceTarget[],
): SelectedTargets | undefined {
  const services = gateway.metadata.annotations?.[GATEWAY_SERVICE]?.split(',');
  if (services !== undefined) {
    const own = targets.filter(
      ({ service }) => services.includes(service.hostname) && service.namespace === namespaceOf(gateway),
    );
    return own.length === 0 ? undefined : { targets: own, byLabels: false };
  }
  return labelsMatch(gateway.spec.selector, workload.labels) ? { targets, byLabels: true } : undefined;
}

function resolvePorts(number: number, { targets, byLabels }: SelectedTargets): readonly number[] {
  const ports = new Set<number>();
  for (const { service, port, targetPort } of targets) {
    if (port.port !== number || (byLabels && DISABLE_PORT_TRANSLATION in service.labels)) continue;
    if (byLabels) return [targetPort];
    ports.add(targetPort);
  }
  return ports.size === 0 && byLabels ? [number] : [...ports];
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
