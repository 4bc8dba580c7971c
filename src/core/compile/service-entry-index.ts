import { parseCidr } from '../match/cidr-index.ts';
import { parseIp } from '../match/ip-address.ts';
import { parseProtocol } from '../match/protocol.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { Resolution, ServiceEntry, ServicePortSpec } from '../model/service-entry.ts';
import type { WorkloadEntrySpec } from '../model/workload-entry.ts';
import { createdAt, namespaceOf, refOf } from './age.ts';
import type { MeshEndpoint, MeshService, MeshServicePort } from './compiled.ts';
import { gatherEndpoints, type EndpointRegistry, type EndpointSource } from './registered-service.ts';
import { addressFields, completeLabels, type WorkloadIndex } from './workload-index.ts';

/** Stands for "no address": the wildcard listener. */
export const UNSPECIFIED_ADDRESS = '0.0.0.0';

const NO_ADDRESS: readonly string[] = Object.freeze([UNSPECIFIED_ADDRESS]);
const NO_NAMES: readonly string[] = Object.freeze([]);
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

const RESOLUTIONS: Readonly<Record<Resolution, MeshService['resolution']>> = {
  NONE: 'PASSTHROUGH',
  STATIC: 'CLIENT_SIDE_LB',
  DNS: 'DNS_LB',
  DNS_ROUND_ROBIN: 'DNS_ROUND_ROBIN_LB',
  DYNAMIC_DNS: 'DYNAMIC_DNS',
};

/** Everything that the services of one ServiceEntry have in common. */
class EntryFacts {
  readonly entry: ServiceEntry;
  readonly namespace: string;
  readonly ports: readonly MeshServicePort[];
  readonly resolution: MeshService['resolution'];
  readonly exportTo: ReadonlySet<string>;
  readonly createdAt: number;
  readonly context: EntryContext;
  #ref: ResourceRef | undefined;

  constructor(entry: ServiceEntry, context: EntryContext) {
    this.entry = entry;
    this.namespace = namespaceOf(entry);
    this.ports = context.ports.of(entry.spec.ports);
    this.resolution = RESOLUTIONS[entry.spec.resolution ?? 'NONE'];
    this.exportTo = context.exportTo(entry);
    this.createdAt = createdAt(entry);
    this.context = context;
  }

  get ref(): ResourceRef {
    this.#ref ??= refOf(this.entry);
    return this.#ref;
  }
}

/** What the services of all ServiceEntries of a mesh have in common. */
export interface EntryContext {
  readonly mesh: MeshConfig;
  readonly workloads: WorkloadIndex;
  readonly endpoints: EndpointRegistry;
  readonly ports: PortLists;
  /** Effective, for a ServiceEntry. */
  readonly exportTo: (entry: ServiceEntry) => ReadonlySet<string>;
}

/**
 * One host of a ServiceEntry at one address. Most of a large mesh is never asked for, so that only what every listener
 * needs is kept and the rest is read from the ServiceEntry on demand.
 */
class EntryService implements MeshService, EndpointSource {
  readonly hostname: string;
  readonly defaultAddress: string;
  readonly #facts: EntryFacts;
  #endpoints: readonly MeshEndpoint[] | undefined;

  constructor(facts: EntryFacts, hostname: string, defaultAddress: string) {
    this.hostname = hostname;
    this.defaultAddress = defaultAddress;
    this.#facts = facts;
  }

  get registry(): 'ServiceEntry' {
    return 'ServiceEntry';
  }

  get namespace(): string {
    return this.#facts.namespace;
  }

  get name(): string {
    return this.#facts.entry.metadata.name;
  }

  get ports(): readonly MeshServicePort[] {
    return this.#facts.ports;
  }

  get resolution(): MeshService['resolution'] {
    return this.#facts.resolution;
  }

  get entryResolution(): Resolution {
    return this.#facts.entry.spec.resolution ?? 'NONE';
  }

  get addresses(): readonly string[] {
    return [this.defaultAddress];
  }

  get autoAllocatedAddresses(): readonly string[] {
    const { entry, context } = this.#facts;
    return isGiven(entry.spec.addresses) ? NO_NAMES : autoAllocated(entry, this.hostname, context.mesh);
  }

  get meshExternal(): boolean {
    return this.#facts.entry.spec.location !== 'MESH_INTERNAL';
  }

  get headless(): boolean {
    return false;
  }

  get aliases(): readonly string[] {
    return NO_NAMES;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#facts.entry.metadata.labels ?? NO_LABELS;
  }

  get annotations(): Readonly<Record<string, string>> | undefined {
    return this.#facts.entry.metadata.annotations;
  }

  get selector(): Readonly<Record<string, string>> | undefined {
    const { workloadSelector } = this.#facts.entry.spec;
    return workloadSelector === undefined ? undefined : (workloadSelector.labels ?? NO_LABELS);
  }

  get hasSelector(): boolean {
    return this.#facts.entry.spec.workloadSelector !== undefined;
  }

  get subjectAltNames(): readonly string[] {
    return this.#facts.entry.spec.subjectAltNames ?? NO_NAMES;
  }

  get exportTo(): ReadonlySet<string> {
    return this.#facts.exportTo;
  }

  get exportedByDefault(): boolean {
    return !isGiven(this.#facts.entry.spec.exportTo);
  }

  get createdAt(): number {
    return this.#facts.createdAt;
  }

  get ref(): ResourceRef {
    return this.#facts.ref;
  }

  get endpoints(): readonly MeshEndpoint[] {
    const { context, namespace } = this.#facts;
    this.#endpoints ??= gatherEndpoints(context.endpoints, this.hostname, namespace);
    return this.#endpoints;
  }

  get origin(): object {
    return this.#facts.entry;
  }

  ownEndpoints(): readonly MeshEndpoint[] {
    return serviceEntryEndpoints(this.#facts.entry, this.hostname, this.#facts.context.workloads);
  }
}

/** The services of one ServiceEntry: one for every host and address, in the order written. Hosts keep their letter case. */
export function serviceEntryServices(
  entry: ServiceEntry,
  context: EntryContext,
): readonly (MeshService & EndpointSource)[] {
  const facts = new EntryFacts(entry, context);
  const addresses = serviceAddresses(entry.spec.addresses);
  const services: EntryService[] = [];
  for (const host of entry.spec.hosts) {
    for (const address of addresses) services.push(new EntryService(facts, host, address));
  }
  return services;
}

function isGiven(list: readonly string[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

/** The ports of ServiceEntries. Entries that stand one after the other and have the same ports share them. */
export class PortLists {
  #last: readonly MeshServicePort[] = [];

  of(written: readonly ServicePortSpec[] = []): readonly MeshServicePort[] {
    const last = this.#last;
    if (last.length !== written.length || !last.every((port, at) => isSamePort(port, written[at]))) {
      this.#last = written.map(servicePort);
    }
    return this.#last;
  }
}

function isSamePort(port: MeshServicePort, written: ServicePortSpec | undefined): boolean {
  return (
    port.port === written?.number &&
    port.name === written.name &&
    port.targetPort === written.targetPort &&
    port.protocol === parseProtocol(written.protocol)
  );
}

function servicePort({ name, number: port, protocol: text, targetPort }: ServicePortSpec): MeshServicePort {
  const protocol = parseProtocol(text);
  return targetPort === undefined ? { name, port, protocol } : { name, port, protocol, targetPort };
}

/** Blocks of one address become that address; what is neither address nor block is left out. */
function serviceAddresses(addresses: readonly string[] | undefined): readonly string[] {
  if (addresses === undefined || addresses.length === 0) return NO_ADDRESS;
  return addresses.flatMap((text) => {
    if (parseIp(text) !== undefined) return [text];
    const cidr = parseCidr(text);
    if (cidr === undefined) return [];
    return [cidr.prefix === (cidr.network.family === 4 ? 32 : 128) ? cidr.network.text : text];
  });
}

/** Allocated addresses count only where DNS capture hands them to the application, and never for NONE. */
function autoAllocated(entry: ServiceEntry, host: string, mesh: MeshConfig): readonly string[] {
  const allocated = entry.status?.addresses;
  if (allocated === undefined || (entry.spec.resolution ?? 'NONE') === 'NONE' || !capturesDns(mesh)) return NO_NAMES;
  return allocated.flatMap(({ host: owner, value }) =>
    value !== undefined && (owner === undefined || owner === host) ? [value] : [],
  );
}

function capturesDns(mesh: MeshConfig): boolean {
  return mesh.dnsCapture ?? mesh.defaultConfig.proxyMetadata?.['ISTIO_META_DNS_CAPTURE'] === 'true';
}

/**
 * The endpoints that one ServiceEntry gives to one of its hosts: its own list, the workloads it selects, or, for DNS
 * without either, the host itself.
 */
export function serviceEntryEndpoints(entry: ServiceEntry, hostname: string, workloads: WorkloadIndex): MeshEndpoint[] {
  const { spec } = entry;
  const ports = spec.ports ?? [];
  if (spec.workloadSelector !== undefined) {
    const selected = workloads.select(spec.workloadSelector.labels ?? NO_LABELS, namespaceOf(entry));
    const usable = resolvesNames(spec.resolution)
      ? selected
      : selected.filter(({ spec: { address = '' } }) => parseIp(address) !== undefined);
    return ports.flatMap((port) => usable.map((workload) => workloadEndpoint(workload.spec, port)));
  }
  if (spec.endpoints !== undefined && spec.endpoints.length > 0) {
    const { endpoints } = spec;
    return ports.flatMap((port) => endpoints.map((endpoint) => workloadEndpoint(endpoint, port)));
  }
  return resolvesNames(spec.resolution) ? ports.map((port) => workloadEndpoint({ address: hostname }, port)) : [];
}

function resolvesNames(resolution: Resolution | undefined): boolean {
  return resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
}

function workloadEndpoint(workload: WorkloadEntrySpec, port: ServicePortSpec): MeshEndpoint {
  const mapped = workload.ports?.[port.name];
  const number = mapped !== undefined && mapped > 0 ? mapped : (port.targetPort ?? port.number);
  const labels = completeLabels(workload);
  const tlsMode = labels['security.istio.io/tlsMode'] ?? (workload.serviceAccount ? 'istio' : 'disabled');
  return Object.freeze({
    ...addressFields(workload.address ?? '', number),
    servicePortName: port.name,
    servicePort: port.number,
    labels,
    ...(workload.weight === undefined ? {} : { weight: workload.weight }),
    ...(workload.locality === undefined ? {} : { locality: workload.locality }),
    ...(workload.network === undefined ? {} : { network: workload.network }),
    ...(workload.serviceAccount === undefined ? {} : { serviceAccount: workload.serviceAccount }),
    tlsMode,
    healthy: true,
  });
}
