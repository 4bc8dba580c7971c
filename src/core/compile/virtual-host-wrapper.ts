import { HostnameIndex } from '../match/hostname-index.ts';
import { isWildcard } from '../match/hostname.ts';
import { isHttpOrSniffed } from '../match/protocol.ts';
import { lowerAscii } from '../match/string-match.ts';
import type { VirtualService } from '../model/virtual-service.ts';
import type { EgressScope, MeshService, MeshServicePort } from './compiled.ts';
import type { HttpRoute } from './http-route.ts';

/** The routes of a VirtualService, and the hosts and services at one port that it wins: Istio's `VirtualHostWrapper`. */
export interface VirtualHostWrapper {
  readonly port: number;
  /** Hosts of a VirtualService that no service has. */
  readonly hosts: readonly string[];
  readonly services: readonly MeshService[];
  readonly routes: () => readonly HttpRoute[];
}

const NO_PORTS: readonly number[] = Object.freeze([]);

/** The port that Istio keeps VirtualServices on even when no service has it. */
const HTTP_PORT = 80;

/**
 * The first part of Istio's `BuildSidecarVirtualHostWrapper`: each VirtualService with the hosts and services that it wins,
 * in order of precedence. `routesOf` is undefined for a VirtualService without a route for this asker and port.
 * `listenerPort` 0: services have all their ports.
 */
export function wrapVirtualHosts(
  scope: EgressScope,
  services: ReadonlyMap<string, MeshService>,
  listenerPort: number,
  routesOf: (virtualService: VirtualService) => (() => readonly HttpRoute[]) | undefined,
): VirtualHostWrapper[] {
  const wrappers: VirtualHostWrapper[] = [];
  const wildcards = new WildcardServices(scope, services);
  for (const virtualService of scope.virtualServices) {
    const split = splitHosts(virtualService, services, wildcards);
    const byPort = groupByPort(split.services, listenerPort);
    if (byPort.size === 0 && listenerPort === HTTP_PORT) byPort.set(HTTP_PORT, []);
    if (byPort.size === 0) continue;
    const routes = routesOf(virtualService);
    if (routes === undefined) continue;
    for (const [port, members] of byPort) wrappers.push({ port, hosts: split.hosts, services: members, routes });
  }
  return wrappers;
}

/** The second part: the services that no VirtualService has won. */
export function* unwonServices(
  services: ReadonlyMap<string, MeshService>,
  wrappers: readonly VirtualHostWrapper[],
): Iterable<MeshService> {
  const won = new Set(wrappers.flatMap((wrapper) => wrapper.services.map(({ hostname }) => hostname)));
  for (const service of services.values()) {
    if (!won.has(service.hostname) && service.resolution !== 'ALIAS') yield service;
  }
}

/** The ports of a service at which requests are looked for. `listenerPort` 0: any. */
export function httpPorts(ports: MeshService['ports'], listenerPort: number): readonly number[] {
  if (listenerPort === 0) return ports.filter(({ protocol }) => isHttpOrSniffed(protocol)).map(({ port }) => port);
  const found = portNumbered(ports, listenerPort);
  return found !== undefined && isHttpOrSniffed(found.protocol) ? [listenerPort] : NO_PORTS;
}

/** The first port of that number. */
export function portNumbered(ports: MeshService['ports'], number: number): MeshServicePort | undefined {
  for (const port of ports) if (port.port === number) return port;
  return undefined;
}

function splitHosts(
  virtualService: VirtualService,
  services: ReadonlyMap<string, MeshService>,
  wildcards: WildcardServices,
): { hosts: string[]; services: MeshService[] } {
  const hosts: string[] = [];
  const matching: MeshService[] = [];
  // A service's host name is in lower case, and so is what Istio compares with it.
  const declared = (virtualService.spec.hosts ?? []).map(lowerAscii);
  for (const host of declared) {
    if (isWildcard(host)) continue;
    const service = services.get(host);
    if (service === undefined) hosts.push(host);
    else matching.push(service);
  }
  for (const host of declared) {
    if (!isWildcard(host)) continue;
    if (!wildcards.overlapsAny(host)) hosts.push(host);
    else matching.push(...wildcards.wonBy(virtualService).filter(({ hostname }) => overlaps(hostname, host)));
  }
  return { hosts, services: [...new Set(matching)] };
}

function groupByPort(services: readonly MeshService[], listenerPort: number): Map<number, MeshService[]> {
  const byPort = new Map<number, MeshService[]>();
  for (const service of services) {
    for (const port of httpPorts(service.ports, listenerPort)) {
      const members = byPort.get(port);
      if (members === undefined) byPort.set(port, [service]);
      else members.push(service);
    }
  }
  return byPort;
}

/** Answers for wildcard VirtualServices without walking all services for each of them. */
class WildcardServices {
  readonly #scope: EgressScope;
  readonly #services: ReadonlyMap<string, MeshService>;
  #won: Map<VirtualService, MeshService[]> | undefined;
  #suffixes: Set<string> | undefined;
  #wildcards: HostnameIndex<true> | undefined;

  constructor(scope: EgressScope, services: ReadonlyMap<string, MeshService>) {
    this.#scope = scope;
    this.#services = services;
  }

  /** The services whose closest VirtualService this one is. */
  wonBy(virtualService: VirtualService): readonly MeshService[] {
    if (this.#won === undefined) {
      this.#won = new Map();
      for (const service of this.#services.values()) {
        const winner = this.#scope.mostSpecificWildcardVirtualService.get(service.hostname);
        if (winner === undefined) continue;
        const members = this.#won.get(winner);
        if (members === undefined) this.#won.set(winner, [service]);
        else members.push(service);
      }
    }
    return this.#won.get(virtualService) ?? [];
  }

  /** Whether a wildcard covers a service, or is covered by one. */
  overlapsAny(wildcard: string): boolean {
    if (wildcard.charCodeAt(1) !== 46) {
      for (const hostname of this.#services.keys()) if (overlaps(hostname, wildcard)) return true;
      return false;
    }
    if (this.#suffixes === undefined || this.#wildcards === undefined) {
      this.#suffixes = new Set();
      this.#wildcards = new HostnameIndex();
      for (const hostname of this.#services.keys()) {
        if (isWildcard(hostname)) this.#wildcards.add(hostname, true);
        for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1)) {
          this.#suffixes.add(hostname.slice(dot));
        }
      }
    }
    const suffix = wildcard.slice(1);
    return this.#suffixes.has(suffix) || this.#wildcards.getWildcard(suffix) !== undefined;
  }
}

/** Istio's `Name.Matches`, where the second is a wildcard. */
function overlaps(host: string, wildcard: string): boolean {
  const suffix = wildcard.slice(1);
  if (host.endsWith(suffix)) return true;
  return isWildcard(host) && suffix.endsWith(host.slice(1));
}
