import { effectiveExportTo } from '../match/visibility.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { Resolution } from '../model/service-entry.ts';
import type { MeshEndpoint, MeshService, MeshServicePort } from './compiled.ts';

/** What a MeshService is made of; the endpoints come later, when somebody asks for them. */
export type ServiceFields = Omit<MeshService, 'endpoints'>;

type ServiceChange = Partial<Pick<MeshService, 'hostname' | 'ports' | 'aliases'>>;

const NO_ENDPOINTS: readonly MeshEndpoint[] = Object.freeze([]);

/**
 * A service of the registry. Its endpoints are those of every service of the same host and namespace, as Istio keeps
 * them, and are gathered when they are first asked for: a mesh of many entries uses few of them.
 */
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
  readonly entryResolution?: Resolution;
  readonly meshExternal: boolean;
  readonly headless: boolean;
  readonly externalName?: string;
  readonly aliases: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
  readonly subjectAltNames: readonly string[];
  readonly exportTo: ReadonlySet<string>;
  readonly exportedByDefault?: boolean;
  readonly createdAt: number;
  readonly hasSelector: boolean;
  readonly ref: ResourceRef;
  readonly #gather: () => readonly MeshEndpoint[];
  #endpoints: readonly MeshEndpoint[] | undefined;

  constructor(
    fields: ServiceFields,
    gather: () => readonly MeshEndpoint[] = () => NO_ENDPOINTS,
    change: ServiceChange = {},
  ) {
    this.hostname = change.hostname ?? fields.hostname;
    this.namespace = fields.namespace;
    this.name = fields.name;
    this.registry = fields.registry;
    this.defaultAddress = fields.defaultAddress;
    this.addresses = fields.addresses;
    this.autoAllocatedAddresses = fields.autoAllocatedAddresses;
    this.ports = change.ports ?? fields.ports;
    this.resolution = fields.resolution;
    if (fields.entryResolution !== undefined) this.entryResolution = fields.entryResolution;
    this.meshExternal = fields.meshExternal;
    this.headless = fields.headless;
    if (fields.externalName !== undefined) this.externalName = fields.externalName;
    this.aliases = change.aliases ?? fields.aliases;
    this.labels = fields.labels;
    if (fields.annotations !== undefined) this.annotations = fields.annotations;
    if (fields.selector !== undefined) this.selector = fields.selector;
    this.subjectAltNames = fields.subjectAltNames;
    this.exportTo = fields.exportTo;
    if (fields.exportedByDefault !== undefined) this.exportedByDefault = fields.exportedByDefault;
    this.createdAt = fields.createdAt;
    this.hasSelector = fields.hasSelector;
    this.ref = fields.ref;
    this.#gather = gather;
  }

  get endpoints(): readonly MeshEndpoint[] {
    this.#endpoints ??= Object.freeze(this.#gather());
    return this.#endpoints;
  }
}

/** The same service with another hostname, ports or aliases; endpoints stay shared and lazy. */
export function reshape(service: MeshService, change: ServiceChange): MeshService {
  return new RegisteredService(service, () => service.endpoints, change);
}

/** `exportTo` and `exportedByDefault` of a service that declares `own`. */
export function exportFields(
  own: readonly string[] | undefined,
  meshDefault: readonly string[],
): Pick<MeshService, 'exportTo' | 'exportedByDefault'> {
  return {
    exportTo: effectiveExportTo(own, meshDefault),
    exportedByDefault: own === undefined || own.length === 0,
  };
}
