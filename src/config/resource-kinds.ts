/** The kinds that the loader reads, where their fields stand, and under which name MeshConfig holds them. */
import type { MeshResources } from '../core/model/mesh-config.ts';

export interface ResourceKind {
  readonly kind: string;
  readonly group: string;
  readonly versions: readonly string[];
  readonly collection: keyof MeshResources;
  /**
   * Top-level fields that move under `spec`, because these kinds have no `spec` or say the rest in `status`.
   * Absent: `spec` is taken as it stands.
   */
  readonly besideMetadata?: readonly string[];
  /** A resource without a namespace: it belongs to the cluster. */
  readonly clusterScoped?: boolean;
}

const ISTIO = { group: 'networking.istio.io', versions: ['v1alpha3', 'v1beta1', 'v1'] } as const;
const CORE = { group: '', versions: ['v1'] } as const;

export const resourceKinds: readonly ResourceKind[] = [
  { kind: 'ServiceEntry', ...ISTIO, collection: 'serviceEntries' },
  { kind: 'VirtualService', ...ISTIO, collection: 'virtualServices' },
  { kind: 'DestinationRule', ...ISTIO, collection: 'destinationRules' },
  { kind: 'Gateway', ...ISTIO, collection: 'gateways' },
  { kind: 'Sidecar', ...ISTIO, collection: 'sidecars' },
  { kind: 'WorkloadEntry', ...ISTIO, collection: 'workloadEntries' },
  { kind: 'Service', ...CORE, collection: 'services' },
  {
    kind: 'EndpointSlice',
    group: 'discovery.k8s.io',
    versions: ['v1', 'v1beta1'],
    collection: 'endpointSlices',
    besideMetadata: ['addressType', 'endpoints', 'ports'],
  },
  { kind: 'Endpoints', ...CORE, collection: 'endpoints', besideMetadata: ['subsets'] },
  { kind: 'Pod', ...CORE, collection: 'pods', besideMetadata: ['status'] },
  { kind: 'Namespace', ...CORE, collection: 'namespaces', clusterScoped: true },
];

/** Kinds by group that are not read here although they can move, open or close egress in a cluster. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'networking.istio.io': ['EnvoyFilter', 'ProxyConfig'],
  'extensions.istio.io': ['WasmPlugin', 'TrafficExtension'],
  'telemetry.istio.io': ['Telemetry'],
  'gateway.networking.k8s.io': ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'Gateway', 'BackendTLSPolicy'],
  'networking.k8s.io': ['NetworkPolicy'],
};

export function governsEgressElsewhere(kind: string, group: string): boolean {
  return ELSEWHERE[group]?.includes(kind) === true;
}

/** `networking.istio.io/v1` -> group and version. The core group has no slash. */
export function splitApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The kind as this group knows it; `Gateway` and `Service` exist in groups that have nothing to do with it. */
export function findResourceKind(kind: string, group: string): ResourceKind | undefined {
  return resourceKinds.find((known) => known.kind === kind && known.group === group);
}
