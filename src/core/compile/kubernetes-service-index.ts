import { convertKubernetesProtocol } from '../match/protocol.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { EndpointSlice, Endpoints, KubernetesService, KubernetesServicePort } from '../model/service.ts';
import { createdAt, namespaceOf, refOf } from './age.ts';
import type { MeshEndpoint, MeshService, MeshServicePort } from './compiled.ts';
import { exportFields, type ServiceFields } from './registered-service.ts';
import { UNSPECIFIED_ADDRESS } from './service-entry-index.ts';
import type { WorkloadIndex } from './workload-index.ts';

const EXPORT_TO = 'networking.istio.io/exportTo';
const SLICE_OWNER = 'kubernetes.io/service-name';
const NO_NAMES: readonly string[] = Object.freeze([]);
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** `name.namespace.svc.<cluster domain>`. */
export function kubernetesHostname(name: string, namespace: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`.toLowerCase();
}

/** The service of a Kubernetes Service, endpoints aside. An ExternalName is an alias, a headless one has no address. */
export function kubernetesService(service: KubernetesService, mesh: MeshConfig): ServiceFields {
  const { spec, metadata } = service;
  const namespace = namespaceOf(service);
  const headless = spec.clusterIP === 'None';
  const alias = spec.type === 'ExternalName' && spec.externalName !== undefined && spec.externalName !== '';
  const addresses = alias || headless ? [] : clusterAddresses(service);
  const resolution: MeshService['resolution'] = headless ? 'PASSTHROUGH' : alias ? 'ALIAS' : 'CLIENT_SIDE_LB';
  return {
    hostname: kubernetesHostname(metadata.name, namespace, mesh.clusterDomain),
    namespace,
    name: metadata.name,
    registry: 'Kubernetes',
    defaultAddress: addresses[0] ?? UNSPECIFIED_ADDRESS,
    addresses: addresses.length === 0 ? [UNSPECIFIED_ADDRESS] : addresses,
    autoAllocatedAddresses: NO_NAMES,
    ports: (spec.ports ?? []).map(servicePort),
    resolution,
    meshExternal: false,
    headless,
    ...(alias ? { externalName: (spec.externalName ?? '').toLowerCase() } : {}),
    aliases: NO_NAMES,
    labels: metadata.labels ?? NO_LABELS,
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
    ...(spec.selector === undefined ? {} : { selector: spec.selector }),
    subjectAltNames: NO_NAMES,
    ...exportFields(declaredExport(service), mesh.defaultServiceExportTo),
    createdAt: createdAt(service),
    hasSelector: spec.selector !== undefined,
    ref: refOf(service),
  };
}

function clusterAddresses({ spec }: KubernetesService): readonly string[] {
  if (spec.clusterIPs !== undefined && spec.clusterIPs.length > 0) return spec.clusterIPs;
  return spec.clusterIP === undefined || spec.clusterIP === '' ? [] : [spec.clusterIP];
}

function servicePort(port: KubernetesServicePort): MeshServicePort {
  const name = port.name ?? '';
  const protocol = convertKubernetesProtocol(port.port, name, port.protocol ?? 'TCP', port.appProtocol);
  const { targetPort } = port;
  return typeof targetPort === 'number'
    ? { name, port: port.port, protocol, targetPort }
    : { name, port: port.port, protocol };
}

function declaredExport({ metadata }: KubernetesService): readonly string[] | undefined {
  return metadata.annotations?.[EXPORT_TO]?.split(',').map((entry) => entry.trim());
}

/** EndpointSlices (and Endpoints, for Services without a slice) by `namespace/service`. */
export class KubernetesEndpoints {
  readonly #slices = new Map<string, EndpointSlice[]>();
  readonly #endpoints = new Map<string, Endpoints>();

  constructor(mesh: MeshConfig) {
    for (const slice of mesh.endpointSlices) {
      const owner = slice.metadata.labels?.[SLICE_OWNER];
      if (owner === undefined) continue;
      const key = `${namespaceOf(slice)}/${owner}`;
      const slices = this.#slices.get(key);
      if (slices === undefined) this.#slices.set(key, [slice]);
      else slices.push(slice);
    }
    for (const endpoints of mesh.endpoints) {
      this.#endpoints.set(`${namespaceOf(endpoints)}/${endpoints.metadata.name}`, endpoints);
    }
  }

  /** The endpoints of a Service: of its slices, or else of its Endpoints, and the WorkloadEntries it selects. */
  of(service: KubernetesService, workloads: WorkloadIndex): MeshEndpoint[] {
    const key = `${namespaceOf(service)}/${service.metadata.name}`;
    const slices = this.#slices.get(key);
    const legacy = this.#endpoints.get(key);
    const keepUnready = service.spec.publishNotReadyAddresses === true;
    const found =
      slices !== undefined
        ? slices.flatMap((slice) => sliceEndpoints(slice, workloads, keepUnready))
        : legacy !== undefined
          ? legacyEndpoints(legacy, workloads, keepUnready)
          : [];
    return [...found, ...selectedEndpoints(service, workloads)];
  }
}

function endpoint(address: string, servicePortName: string, port: number, workloads: WorkloadIndex): MeshEndpoint {
  const labels = workloads.podLabels(address);
  const tlsMode = labels['security.istio.io/tlsMode'] ?? 'disabled';
  return Object.freeze({ address, servicePortName, port, labels, tlsMode, inCluster: true, healthy: true });
}

function sliceEndpoints({ spec }: EndpointSlice, workloads: WorkloadIndex, keepUnready: boolean): MeshEndpoint[] {
  if (spec.addressType === 'FQDN') return [];
  const ready = (spec.endpoints ?? []).filter(({ conditions }) => keepUnready || conditions?.ready !== false);
  return (spec.ports ?? []).flatMap(({ name = '', port }) =>
    port === undefined
      ? []
      : ready.flatMap(({ addresses }) => addresses.map((address) => endpoint(address, name, port, workloads))),
  );
}

function legacyEndpoints({ spec }: Endpoints, workloads: WorkloadIndex, keepUnready: boolean): MeshEndpoint[] {
  return (spec.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const usable = keepUnready ? [...addresses, ...notReadyAddresses] : addresses;
    return ports.flatMap(({ name = '', port }) => usable.map(({ ip }) => endpoint(ip, name, port, workloads)));
  });
}

/** A Service also selects WorkloadEntries. A named target port is looked up in the workload's own port map. */
function selectedEndpoints({ spec, ...service }: KubernetesService, workloads: WorkloadIndex): MeshEndpoint[] {
  if (spec.selector === undefined || spec.type === 'ExternalName') return [];
  const selected = workloads.select(spec.selector, namespaceOf(service)).filter(({ kind }) => kind === 'WorkloadEntry');
  return (spec.ports ?? []).flatMap((port) =>
    selected.flatMap(({ spec: workload }) => {
      const { targetPort = port.port } = port;
      const name = typeof targetPort === 'string' ? targetPort : (port.name ?? '');
      const number = workload.ports?.[name] ?? (typeof targetPort === 'number' ? targetPort : undefined);
      if (number === undefined || workload.address === undefined) return [];
      const found = endpoint(workload.address, port.name ?? '', number, workloads);
      return [Object.freeze({ ...found, labels: workload.labels ?? NO_LABELS })];
    }),
  );
}
