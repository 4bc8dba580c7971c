import type { MeshService, MeshServicePort } from './compiled.ts';
import { reshape } from './reshaped-service.ts';

/** The services that clusters are made of: one for every hostname. */
export class ScopeServices {
  #list: MeshService[] = [];
  #byHost: Map<string, MeshService> = new Map();
  #position: Map<string, number> | undefined;
  /** Of the mesh, until something is added that it does not hold. */
  #shared: { readonly list: readonly MeshService[]; readonly byHost: ReadonlyMap<string, MeshService> } | undefined;

  get list(): readonly MeshService[] {
    return this.#shared?.list ?? this.#list;
  }

  get byHost(): ReadonlyMap<string, MeshService> {
    return this.#shared?.byHost ?? this.#byHost;
  }

  /** Begins with services of which every host has one. */
  static of(list: readonly MeshService[], byHost: ReadonlyMap<string, MeshService>): ScopeServices {
    const scope = new ScopeServices();
    scope.#shared = { list, byHost };
    return scope;
  }

  /**
   * Adds a service. Of the same hostname a Kubernetes Service displaces a ServiceEntry; entries that are alike in all
   * but their ports unite them; any other later one is left out.
   */
  add(service: MeshService): void {
    const held = this.byHost.get(service.hostname);
    if (held === undefined) {
      this.#own().set(service.hostname, this.#list.length);
      this.#list.push(service);
      this.#byHost.set(service.hostname, service);
    } else if (held !== service && !(held.registry === 'Kubernetes' && service.registry !== 'Kubernetes')) {
      const displaces = held.registry !== 'Kubernetes' && service.registry === 'Kubernetes';
      const united = displaces ? service : unite(held, service);
      if (united !== undefined) this.#replace(united);
    }
  }

  #replace(service: MeshService): void {
    const at = this.#own().get(service.hostname);
    if (at !== undefined) this.#list[at] = service;
    this.#byHost.set(service.hostname, service);
  }

  /** Stops sharing. Returns where each host stands in the list. */
  #own(): Map<string, number> {
    if (this.#shared !== undefined) {
      this.#list = [...this.#shared.list];
      this.#byHost = new Map(this.#shared.byHost);
      this.#shared = undefined;
    }
    this.#position ??= new Map(this.#list.map(({ hostname }, at) => [hostname, at]));
    return this.#position;
  }
}

/** What gateways see: all services side by side; a hostname means its Kubernetes Service, else the first. */
export function unmergedByHost(services: readonly MeshService[]): ReadonlyMap<string, MeshService> {
  const byHost = new Map<string, MeshService>();
  for (const service of services) {
    const held = byHost.get(service.hostname);
    if (held === undefined || (held.registry !== 'Kubernetes' && service.registry === 'Kubernetes')) {
      byHost.set(service.hostname, service);
    }
  }
  return byHost;
}

function unite(held: MeshService, added: MeshService): MeshService | undefined {
  const known = new Set(held.ports.map(({ port }) => port));
  const further = added.ports.filter(({ port }) => !known.has(port));
  if (further.length === 0 || samePorts(held.ports, added.ports) || !isAlike(held, added)) return undefined;
  return reshape(held, { ports: [...held.ports, ...further] });
}

function samePorts(a: readonly MeshServicePort[], b: readonly MeshServicePort[]): boolean {
  return a === b || (a.length === b.length && a.every((port, at) => port === b[at]));
}

function isAlike(a: MeshService, b: MeshService): boolean {
  return (
    a.namespace === b.namespace &&
    a.resolution === b.resolution &&
    a.registry === b.registry &&
    sameLabels(a.labels, b.labels) &&
    sameLabels(a.selector ?? {}, b.selector ?? {}) &&
    (a.exportedByDefault ?? false) === (b.exportedByDefault ?? false) &&
    a.exportTo.size === b.exportTo.size &&
    [...a.exportTo].every((entry) => b.exportTo.has(entry))
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
