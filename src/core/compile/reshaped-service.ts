import type { ResourceRef } from '../model/resource.ts';
import type { MeshEndpoint, MeshService, MeshServicePort } from './compiled.ts';

type ServiceChange = Partial<Pick<MeshService, 'hostname' | 'ports' | 'aliases'>>;

/** A service seen with other ports, aliases or another hostname. It holds nothing else: large meshes make many of them. */
class ReshapedService implements MeshService {
  readonly hostname: string;
  readonly ports: readonly MeshServicePort[];
  readonly aliases: readonly string[];
  /** As it was registered. */
  readonly original: MeshService;

  constructor(service: MeshService, change: ServiceChange) {
    this.hostname = change.hostname ?? service.hostname;
    this.ports = change.ports ?? service.ports;
    this.aliases = change.aliases ?? service.aliases;
    this.original = originalOf(service);
  }

  get namespace(): string {
    return this.original.namespace;
  }

  get name(): string {
    return this.original.name;
  }

  get registry(): MeshService['registry'] {
    return this.original.registry;
  }

  get defaultAddress(): string {
    return this.original.defaultAddress;
  }

  get addresses(): readonly string[] {
    return this.original.addresses;
  }

  get autoAllocatedAddresses(): readonly string[] {
    return this.original.autoAllocatedAddresses;
  }

  get resolution(): MeshService['resolution'] {
    return this.original.resolution;
  }

  get entryResolution(): MeshService['entryResolution'] {
    return this.original.entryResolution;
  }

  get meshExternal(): boolean {
    return this.original.meshExternal;
  }

  get headless(): boolean {
    return this.original.headless;
  }

  get externalName(): string | undefined {
    return this.original.externalName;
  }

  get labels(): MeshService['labels'] {
    return this.original.labels;
  }

  get annotations(): MeshService['annotations'] {
    return this.original.annotations;
  }

  get selector(): MeshService['selector'] {
    return this.original.selector;
  }

  get subjectAltNames(): readonly string[] {
    return this.original.subjectAltNames;
  }

  get exportTo(): ReadonlySet<string> {
    return this.original.exportTo;
  }

  get exportedByDefault(): boolean | undefined {
    return this.original.exportedByDefault;
  }

  get createdAt(): number {
    return this.original.createdAt;
  }

  get endpoints(): readonly MeshEndpoint[] {
    return this.original.endpoints;
  }

  get hasSelector(): boolean {
    return this.original.hasSelector;
  }

  get ref(): ResourceRef {
    return this.original.ref;
  }
}

/** The same service with another hostname, ports or aliases; everything else stays shared. */
export function reshape(service: MeshService, change: ServiceChange): MeshService {
  return new ReshapedService(service, change);
}

/** The service that was registered, before it was reshaped. */
export function originalOf(service: MeshService): MeshService {
  return service instanceof ReshapedService ? service.original : service;
}
