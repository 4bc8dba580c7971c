import { effectiveExportTo } from '../match/visibility.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { ServiceEntry } from '../model/service-entry.ts';
import { compareText, namespaceOf } from './age.ts';
import type { MeshService } from './compiled.ts';
import { KubernetesEndpoints, kubernetesService } from './kubernetes-service-index.ts';
import { narrowExport, serviceEntryVisibility } from './namespace-policy.ts';
import {
  gatherEndpoints,
  RegisteredService,
  type EndpointRegistry,
  type EndpointSource,
} from './registered-service.ts';
import { originalOf, reshape } from './reshaped-service.ts';
import { PortLists, serviceEntryServices } from './service-entry-index.ts';
import { WorkloadIndex } from './workload-index.ts';

/** All services of a mesh, oldest first, and who sees them. Does not depend on who asks. */
export class ServiceIndex {
  /** Oldest first; of the same age by Istio's service name (a ServiceEntry's host), then namespace, then object. */
  readonly services: readonly MeshService[];
  /** The oldest of every host. */
  readonly #first = new Map<string, MeshService>();
  /** All of the hosts that several services have. */
  readonly #shared = new Map<string, MeshService[]>();
  readonly #publicServices: MeshService[] = [];
  readonly #privateTo = new Map<string, MeshService[]>();
  readonly #exportedTo = new Map<string, MeshService[]>();

  constructor(services: readonly MeshService[]) {
    this.services = resolveAliases(isSorted(services) ? services : [...services].sort(compareServices));
    for (const service of this.services) {
      const { hostname } = service;
      const first = this.#first.get(hostname);
      if (first === undefined) this.#first.set(hostname, service);
      else {
        const shared = this.#shared.get(hostname);
        if (shared === undefined) this.#shared.set(hostname, [first, service]);
        else shared.push(service);
      }
      this.#export(service);
    }
  }

  /** The one service of every host, where no host has two and everyone sees all; undefined elsewhere. */
  get undisputed(): ReadonlyMap<string, MeshService> | undefined {
    return this.#shared.size === 0 && this.#publicServices.length === this.services.length ? this.#first : undefined;
  }

  /** What a namespace sees: what was exported to it alone first, then what everyone sees, each in order of age. */
  visibleFrom(namespace: string): readonly MeshService[] {
    const own = this.#privateTo.get(namespace);
    const named = this.#exportedTo.get(namespace);
    if (own === undefined && named === undefined) return this.#publicServices;
    return [...(own ?? []), ...(named ?? []), ...this.#publicServices];
  }

  /** Every service of a host, whoever sees it, oldest first. */
  ofHost(hostname: string): readonly MeshService[] {
    const shared = this.#shared.get(hostname);
    if (shared !== undefined) return shared;
    const first = this.#first.get(hostname);
    return first === undefined ? [] : [first];
  }

  /** The one that stands for a host in each namespace: a Kubernetes Service, else the oldest. */
  byNamespace(hostname: string): ReadonlyMap<string, MeshService> {
    const found = new Map<string, MeshService>();
    for (const service of this.ofHost(hostname)) {
      const held = found.get(service.namespace);
      if (held === undefined || (held.registry !== 'Kubernetes' && service.registry === 'Kubernetes')) {
        found.set(service.namespace, service);
      }
    }
    return found;
  }

  #export(service: MeshService): void {
    const { exportTo } = service;
    if (exportTo.has('*')) {
      this.#publicServices.push(service);
    } else if (!exportTo.has('~')) {
      const { namespace } = service;
      for (const target of exportTo) {
        if (target === '.' || target === namespace) append(this.#privateTo, namespace, service);
        else append(this.#exportedTo, target, service);
      }
    }
  }
}

/** The services of a mesh: ServiceEntries and Kubernetes Services. Endpoints are gathered on demand. */
export function buildServiceIndex(mesh: MeshConfig): ServiceIndex {
  const workloads = new WorkloadIndex(mesh);
  const endpoints = new EndpointSources();
  const services: MeshService[] = [];
  if (mesh.services.length > 0) {
    const kubernetes = new KubernetesEndpoints(mesh);
    for (const service of mesh.services) {
      const fields = kubernetesService(service, mesh);
      const { hostname, namespace } = fields;
      endpoints.add(hostname, namespace, { origin: service, ownEndpoints: () => kubernetes.of(service, workloads) });
      services.push(new RegisteredService(fields, () => gatherEndpoints(endpoints, hostname, namespace)));
    }
  }
  const visibility = serviceEntryVisibility(mesh);
  const exportTo = (entry: ServiceEntry): ReadonlySet<string> => {
    const namespace = namespaceOf(entry);
    const declared = effectiveExportTo(entry.spec.exportTo, mesh.defaultServiceExportTo);
    return narrowExport(declared, visibility(namespace), namespace);
  };
  const context = { mesh, workloads, endpoints, exportTo, ports: new PortLists() };
  for (const entry of mesh.serviceEntries) {
    for (const service of serviceEntryServices(entry, context)) services.push(service);
  }
  endpoints.index = new ServiceIndex(services);
  return endpoints.index;
}

/** Who contributes endpoints to a host: its Kubernetes Services, then its ServiceEntries, oldest first. */
class EndpointSources implements EndpointRegistry {
  index: ServiceIndex | undefined;
  readonly #kubernetes = new Map<string, EndpointSource[]>();

  add(hostname: string, namespace: string, source: EndpointSource): void {
    append(this.#kubernetes, `${namespace}/${hostname}`, source);
  }

  *sourcesOf(hostname: string, namespace: string): Iterable<EndpointSource> {
    yield* this.#kubernetes.get(`${namespace}/${hostname}`) ?? [];
    for (const service of this.index?.ofHost(hostname) ?? []) {
      const source = originalOf(service);
      if (service.namespace === namespace && isSource(source)) yield source;
    }
  }
}

function isSource(service: MeshService): service is MeshService & EndpointSource {
  return 'ownEndpoints' in service;
}

function isSorted(services: readonly MeshService[]): boolean {
  let previous: MeshService | undefined;
  for (const service of services) {
    if (previous !== undefined && compareServices(previous, service) > 0) return false;
    previous = service;
  }
  return true;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** Istio's `SortServicesByCreationTime`. */
function compareServices(a: MeshService, b: MeshService): number {
  return (
    a.createdAt - b.createdAt ||
    compareText(orderName(a), orderName(b)) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}

function orderName(service: MeshService): string {
  return service.registry === 'Kubernetes' ? service.name : service.hostname;
}

/** Gives every concrete service the names of the ExternalName Services that lead to it, through other aliases too. */
function resolveAliases(services: readonly MeshService[]): readonly MeshService[] {
  const targets = new Map<string, string>();
  for (const { resolution, hostname, externalName } of services) {
    if (resolution === 'ALIAS' && externalName !== undefined) targets.set(hostname, externalName);
  }
  if (targets.size === 0) return services;
  const aliases = new Map<string, string[]>();
  for (const alias of targets.keys()) {
    const concrete = concreteName(alias, targets);
    if (concrete !== undefined) append(aliases, concrete, alias);
  }
  // Several services may have the host to which an alias leads.
  for (const names of aliases.values()) Object.freeze(names.sort(compareText));
  return services.map((service) => {
    const names = service.resolution === 'ALIAS' ? undefined : aliases.get(service.hostname);
    return names === undefined ? service : reshape(service, { aliases: names });
  });
}

/** Follows aliases to a name that is none; undefined when they run in a circle. */
function concreteName(alias: string, targets: ReadonlyMap<string, string>): string | undefined {
  const seen = new Set<string>();
  let name = alias;
  for (let next = targets.get(name); next !== undefined; next = targets.get(name)) {
    if (seen.has(name)) return undefined;
    seen.add(name);
    name = next;
  }
  return name;
}
