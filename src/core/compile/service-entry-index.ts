import { parseCidr } from '../match/cidr-index.ts';
import { parseIp } from '../match/ip-address.ts';
import { parseProtocol } from '../match/protocol.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { Resolution, ServiceEntry, ServicePortSpec } from '../model/service-entry.ts';
import type { WorkloadEntrySpec } from '../model/workload-entry.ts';
import { createdAt, namespaceOf, refOf } from './age.ts';
import type { MeshEndpoint, MeshService, MeshServicePort } from './compiled.ts';
import { exportFields, type ServiceFields } from './registered-service.ts';
import { addressFields, completeLabels, type WorkloadIndex } from './workload-index.ts';

/** Stands for "no address": the wildcard listener. */
export const UNSPECIFIED_ADDRESS = '0.0.0.0';

const NO_NAMES: readonly string[] = Object.freeze([]);
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

const RESOLUTIONS: Readonly<Record<Resolution, MeshService['resolution']>> = {
  NONE: 'PASSTHROUGH',
  STATIC: 'CLIENT_SIDE_LB',
  DNS: 'DNS_LB',
  DNS_ROUND_ROBIN: 'DNS_ROUND_ROBIN_LB',
  DYNAMIC_DNS: 'DYNAMIC_DNS',
};

/** The services of one ServiceEntry, endpoints aside: one for every host and address, in the order written. */
export function serviceEntryServices(entry: ServiceEntry, mesh: MeshConfig): ServiceFields[] {
  const { spec } = entry;
  const namespace = namespaceOf(entry);
  const resolution = spec.resolution ?? 'NONE';
  const shared = {
    namespace,
    name: entry.metadata.name,
    registry: 'ServiceEntry',
    ports: servicePorts(spec.ports),
    resolution: RESOLUTIONS[resolution],
    entryResolution: resolution,
    meshExternal: spec.location !== 'MESH_INTERNAL',
    headless: false,
    aliases: NO_NAMES,
    labels: entry.metadata.labels ?? NO_LABELS,
    ...(entry.metadata.annotations === undefined ? {} : { annotations: entry.metadata.annotations }),
    ...(spec.workloadSelector === undefined ? {} : { selector: spec.workloadSelector.labels ?? NO_LABELS }),
    subjectAltNames: spec.subjectAltNames ?? NO_NAMES,
    ...exportFields(spec.exportTo, mesh.defaultServiceExportTo),
    createdAt: createdAt(entry),
    hasSelector: spec.workloadSelector !== undefined,
    ref: refOf(entry),
  } as const;
  const addresses = serviceAddresses(spec.addresses);
  const services: ServiceFields[] = [];
  for (const hostname of spec.hosts) {
    const autoAllocatedAddresses = addresses === undefined ? autoAllocated(entry, hostname, mesh) : NO_NAMES;
    for (const defaultAddress of addresses ?? [UNSPECIFIED_ADDRESS]) {
      services.push({ ...shared, hostname, defaultAddress, addresses: [defaultAddress], autoAllocatedAddresses });
    }
  }
  return services;
}

function servicePorts(ports: readonly ServicePortSpec[] = []): MeshServicePort[] {
  return ports.map((port) => {
    const { name, number, targetPort } = port;
    const protocol = parseProtocol(port.protocol);
    return targetPort === undefined ? { name, port: number, protocol } : { name, port: number, protocol, targetPort };
  });
}

/** Blocks of one address become that address; what is neither address nor block is left out. Undefined: none given. */
function serviceAddresses(addresses: readonly string[] | undefined): readonly string[] | undefined {
  if (addresses === undefined || addresses.length === 0) return undefined;
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
    labels,
    ...(workload.weight === undefined ? {} : { weight: workload.weight }),
    ...(workload.locality === undefined ? {} : { locality: workload.locality }),
    ...(workload.network === undefined ? {} : { network: workload.network }),
    ...(workload.serviceAccount === undefined ? {} : { serviceAccount: workload.serviceAccount }),
    tlsMode,
    healthy: true,
  });
}
