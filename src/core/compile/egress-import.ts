import { HostnameIndex } from '../match/hostname-index.ts';
import { hostMatches, hostSubsetOf, isWildcard } from '../match/hostname.ts';
import type { VirtualService } from '../model/virtual-service.ts';
import { namespaceOf } from './age.ts';
import type { MeshService } from './compiled.ts';
import { reshape } from './reshaped-service.ts';

const EVERY_NAMESPACE = '*';
const OWN_NAMESPACE = '.';
const EXCLUSION = '~';

/** The host patterns of one namespace of a Sidecar's egress listener. */
class HostPatterns {
  readonly #exact = new Set<string>();
  readonly #wildcards: string[] = [];

  add(pattern: string): void {
    if (isWildcard(pattern)) this.#wildcards.push(pattern);
    else this.#exact.add(pattern);
  }

  /** Whether a service's host lies within one of them. */
  hold(host: string): boolean {
    return this.#exact.has(host) || this.#wildcards.some((pattern) => hostSubsetOf(host, pattern));
  }

  /** Whether a VirtualService's host and one of them overlap, whichever is wider. */
  touch(host: string): boolean {
    if (this.#exact.has(host)) return true;
    if (this.#wildcards.some((pattern) => hostMatches(host, pattern))) return true;
    return isWildcard(host) && [...this.#exact].some((exact) => hostMatches(host, exact));
  }
}

type ByNamespace = ReadonlyMap<string, HostPatterns>;

/**
 * What `hosts` of an egress listener import: `namespace/host`, where the namespace is that of the imported resource,
 * `.` the client's own and `*` any. `~namespace/host` takes away what others import, `~/host` in any namespace, so that
 * `~/*` imports nothing.
 */
export class EgressImport {
  readonly #imported: ByNamespace;
  readonly #excluded: ByNamespace;
  readonly #everything: boolean;

  constructor(hosts: readonly string[], clientNamespace: string) {
    this.#imported = byNamespace(
      hosts.filter((host) => !host.startsWith(EXCLUSION)),
      clientNamespace,
    );
    this.#excluded = byNamespace(
      hosts.filter((host) => host.startsWith(EXCLUSION)).map((host) => host.slice(1)),
      clientNamespace,
    );
    this.#everything = hosts.includes('*/*') && this.#excluded.size === 0;
  }

  /** The service as imported: undefined when it is not; without those of its aliases that are not imported. */
  service(service: MeshService): MeshService | undefined {
    if (this.#everything) return service;
    const { hostname, namespace } = service;
    if (some(this.#excluded, namespace, (patterns) => patterns.hold(hostname))) return undefined;
    const patterns = first(this.#imported, namespace, (candidate) => candidate.hold(hostname));
    if (patterns === undefined) return undefined;
    const aliases = service.aliases.filter((alias) => patterns.hold(alias));
    return aliases.length === service.aliases.length ? service : reshape(service, { aliases });
  }

  /** Whether some host of the VirtualService is imported; then the whole of it is. */
  hasVirtualService(virtualService: VirtualService): boolean {
    const namespace = namespaceOf(virtualService);
    return (virtualService.spec.hosts ?? []).some(
      (host) =>
        !some(this.#excluded, namespace, (patterns) => patterns.hold(host)) &&
        some(this.#imported, namespace, (patterns) => patterns.touch(host)),
    );
  }
}

function byNamespace(hosts: readonly string[], clientNamespace: string): ByNamespace {
  const found = new Map<string, HostPatterns>();
  for (const host of hosts) {
    const [namespace = '', pattern = '', ...rest] = host.split('/');
    if (rest.length > 0 || pattern === '') continue;
    const key = namespace === OWN_NAMESPACE ? clientNamespace : namespace || EVERY_NAMESPACE;
    const patterns = found.get(key) ?? new HostPatterns();
    patterns.add(pattern);
    found.set(key, patterns);
  }
  return found;
}

/** The patterns of the namespace itself come before those of every namespace. */
function first(
  all: ByNamespace,
  namespace: string,
  holds: (patterns: HostPatterns) => boolean,
): HostPatterns | undefined {
  const named = all.get(namespace);
  if (named !== undefined && holds(named)) return named;
  const any = all.get(EVERY_NAMESPACE);
  return any !== undefined && holds(any) ? any : undefined;
}

function some(all: ByNamespace, namespace: string, holds: (patterns: HostPatterns) => boolean): boolean {
  return all.size > 0 && first(all, namespace, holds) !== undefined;
}

/**
 * Leaves of every hostname the services of one namespace: the client's own, else that of a Kubernetes Service, else
 * that of the first.
 */
export function keepOneNamespace(services: readonly MeshService[], clientNamespace: string): readonly MeshService[] {
  const chosen = new Map<string, MeshService>();
  let contested = false;
  for (const service of services) {
    const held = chosen.get(service.hostname);
    if (held === undefined) {
      chosen.set(service.hostname, service);
    } else if (held.namespace !== service.namespace) {
      contested = true;
      const better = held.registry !== 'Kubernetes' && service.registry === 'Kubernetes';
      if (service.namespace === clientNamespace || (better && held.namespace !== clientNamespace)) {
        chosen.set(service.hostname, service);
      }
    }
  }
  if (!contested) return services;
  return services.filter(({ hostname, namespace }) => chosen.get(hostname)?.namespace === namespace);
}

/** hostname -> the VirtualService whose hosts fit it best; empty where no VirtualService has a wildcard host. */
export function bestVirtualServices(
  virtualServices: readonly VirtualService[],
  services: readonly MeshService[],
): ReadonlyMap<string, VirtualService> {
  const hosts = virtualServices.flatMap((virtualService) =>
    (virtualService.spec.hosts ?? []).map((host) => ({ host, virtualService })),
  );
  const best = new Map<string, VirtualService>();
  if (!hosts.some(({ host }) => isWildcard(host))) return best;
  const index = new HostnameIndex<VirtualService>();
  for (const { host, virtualService } of hosts) index.add(host, virtualService);
  for (const { hostname } of services) {
    const found = index.get(hostname);
    if (found !== undefined) best.set(hostname, found);
  }
  return best;
}
