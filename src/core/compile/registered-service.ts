import { effectiveExportTo } from '../match/visibility.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { Resolution } from '../model/service-entry.ts';
import type { MeshEndpoint, MeshService, MeshServicePort } from './compiled.ts';

/** What a service is made of; its endpoints come later, when somebody asks for them. */
export type ServiceFields = Omit<MeshService, 'endpoints'>;

/** A service that contributes endpoints of its own to its host. */
export interface EndpointSource {
  /** The resource it was made from: several services of one resource contribute once. */
  readonly origin: object;
  ownEndpoints(): readonly MeshEndpoint[];
}

/** Services of the same host and namespace share their endpoints; this finds them. */
export interface EndpointRegistry {
  sourcesOf(hostname: string, namespace: string): Iterable<EndpointSource>;
}

/** The endpoints of a host in a namespace: those of every resource that defines it, as Istio keeps them. */
export function gatherEndpoints(
  registry: EndpointRegistry,
  hostname: string,
  namespace: string,
): readonly MeshEndpoint[] {
  const origins = new Set<object>();
  const found: MeshEndpoint[] = [];
  for (const source of registry.sourcesOf(hostname, namespace)) {
    if (origins.has(source.origin)) continue;
    origins.add(source.origin);
    found.push(...source.ownEndpoints());
  }
  return Object.freeze(found);
}

/** A service with all its fields in place. */
export class RegisteredService implements MeshService {
  readonly hostname: string;
  readonly namespace: string;
  readonly name: string;
  readonly registry: 'ServiceEntry' | 'Kubernetes';
  readonly defaultAddress: string;
  readonly addresses: readonly string[];
  readonly autoAllocatedAddresses: readonly string[];
  readonly ports: readonly MeshServicePort[];
  readonly resolution: MeshService['resolution'];
  readonly entryResolution: Resolution | undefined;
  readonly meshExternal: boolean;
  readonly headless: boolean;
  readonly externalName: string | undefined;
  readonly aliases: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly subjectAltNames: readonly string[];
  readonly exportTo: ReadonlySet<string>;
  readonly exportedByDefault: boolean | undefined;
  readonly createdAt: number;
  readonly hasSelector: boolean;
  readonly ref: ResourceRef;
  readonly #gather: () => readonly MeshEndpoint[];
  #endpoints: readonly MeshEndpoint[] | undefined;

  constructor(fields: ServiceFields, gather: () => readonly MeshEndpoint[] = () => []) {
    this.hostname = fields.hostname;
    this.namespace = fields.namespace;
    this.name = fields.name;
    this.registry = fields.registry;
    this.defaultAddress = fields.defaultAddress;
    this.addresses = fields.addresses;
    this.autoAllocatedAddresses = fields.autoAllocatedAddresses;
    this.ports = fields.ports;
    this.resolution = fields.resolution;
    this.entryResolution = fields.entryResolution;
    this.meshExternal = fields.meshExternal;
    this.headless = fields.headless;
    this.externalName = fields.externalName;
    this.aliases = fields.aliases;
    this.labels = fields.labels;
    this.annotations = fields.annotations;
    this.selector = fields.selector;
    this.subjectAltNames = fields.subjectAltNames;
    this.exportTo = fields.exportTo;
    this.exportedByDefault = fields.exportedByDefault;
    this.createdAt = fields.createdAt;
    this.hasSelector = fields.hasSelector;
    this.ref = fields.ref;
    this.#gather = gather;
  }

  get endpoints(): readonly MeshEndpoint[] {
    this.#endpoints ??= this.#gather();
    return this.#endpoints;
  }
}

/** `exportTo` and `exportedByDefault` of a service that declares `own`. */
export function exportFields(
  own: readonly string[] | undefined,
  meshDefault: readonly string[],
): Required<Pick<MeshService, 'exportTo' | 'exportedByDefault'>> {
  return {
    exportTo: effectiveExportTo(own, meshDefault),
    exportedByDefault: own === undefined || own.length === 0,
  };
}
