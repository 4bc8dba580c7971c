import type { MeshConfig } from '../model/mesh-config.ts';
import { compareText } from './age.ts';
import type { MeshEndpoint, MeshService } from './compiled.ts';
import { KubernetesEndpoints, kubernetesService } from './kubernetes-service-index.ts';
import { narrowExport, serviceEntryVisibility } from './namespace-policy.ts';
import { RegisteredService, reshape, type ServiceFields } from './registered-service.ts';
import { serviceEntryEndpoints, serviceEntryServices } from './service-entry-index.ts';
import { WorkloadIndex } from './workload-index.ts';

/** All services of a mesh, oldest first, and who sees them. Does not depend on who asks. */
export class ServiceIndex {
  /** Oldest first; of the same age by Istio's service name (a ServiceEntry's host), then namespace, then object. */
  readonly services: readonly MeshService[];
  readonly #byHost = new Map<string, MeshService[]>();
  readonly #publicServices: MeshService[] = [];
  readonly #privateTo = new Map<string, MeshService[]>();
  readonly #exportedTo = new Map<string, MeshService[]>();

  constructor(services: readonly MeshService[]) {
    const sorted = services.every(
      (service, at) => at === 0 || compareServices(services[at - 1] ?? service, service) <= 0,
    )
      ? services
      : [...services].sort(compareServices);
    this.services = resolveAliases(sorted);
    for (const service of this.services) {
      append(this.#byHost, service.hostname, service);
      this.#export(service);
    }
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
    return this.#byHost.get(hostname) ?? [];
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
    const { exportTo, namespace } = service;
    if (exportTo.has('*')) {
      this.#publicServices.push(service);
    } else if (!exportTo.has('~')) {
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
  const services: MeshService[] = [];
  const endpoints = new EndpointSources();
  const add = (fields: ServiceFields): void => {
    const { hostname, namespace } = fields;
    services.push(new RegisteredService(fields, () => endpoints.of(hostname, namespace)));
  };
  if (mesh.services.length > 0) {
    const kubernetes = new KubernetesEndpoints(mesh);
    for (const service of mesh.services) {
      const fields = kubernetesService(service, mesh);
      endpoints.add(fields.hostname, fields.namespace, () => kubernetes.of(service, workloads));
      add(fields);
    }
  }
  const visibility = serviceEntryVisibility(mesh);
  for (const entry of mesh.serviceEntries) {
    let hostname: string | undefined;
    for (const fields of serviceEntryServices(entry, mesh)) {
      const exportTo = narrowExport(fields.exportTo, visibility(fields.namespace), fields.namespace);
      if (fields.hostname !== hostname) {
        hostname = fields.hostname;
        endpoints.add(hostname, fields.namespace, () => serviceEntryEndpoints(entry, fields.hostname, workloads));
      }
      add(exportTo === fields.exportTo ? fields : { ...fields, exportTo });
    }
  }
  return new ServiceIndex(services);
}

/** Who contributes endpoints to a host of a namespace, in order of loading. */
class EndpointSources {
  readonly #sources = new Map<string, (() => readonly MeshEndpoint[])[]>();

  add(hostname: string, namespace: string, source: () => readonly MeshEndpoint[]): void {
    append(this.#sources, `${namespace}/${hostname}`, source);
  }

  of(hostname: string, namespace: string): readonly MeshEndpoint[] {
    return (this.#sources.get(`${namespace}/${hostname}`) ?? []).flatMap((source) => source());
  }
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
  return services.map((service) => {
    const names = service.resolution === 'ALIAS' ? undefined : aliases.get(service.hostname);
    return names === undefined ? service : reshape(service, { aliases: Object.freeze(names.sort(compareText)) });
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
