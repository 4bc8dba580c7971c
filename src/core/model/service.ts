import type { Resource } from './resource.ts';

export interface KubernetesServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
}

export interface KubernetesServiceSpec {
  readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly externalName?: string;
  readonly externalIPs?: readonly string[];
  readonly ports?: readonly KubernetesServicePort[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly publishNotReadyAddresses?: boolean;
  readonly [field: string]: unknown;
}

/** Kubernetes v1 Service. */
export type KubernetesService = Resource<'Service', KubernetesServiceSpec>;

/** Kubernetes discovery.k8s.io EndpointSlice, with its fields under `spec` (they stand beside `metadata` in YAML). */
export type EndpointSlice = Resource<
  'EndpointSlice',
  {
    readonly addressType?: string;
    readonly endpoints?: readonly {
      readonly addresses: readonly string[];
      readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
      readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
      readonly [field: string]: unknown;
    }[];
    readonly ports?: readonly {
      readonly name?: string;
      readonly port?: number;
      readonly protocol?: string;
      readonly appProtocol?: string;
    }[];
  }
>;

/** Kubernetes v1 Endpoints, with `subsets` under `spec`. */
export type Endpoints = Resource<
  'Endpoints',
  {
    readonly subsets?: readonly {
      readonly addresses?: readonly {
        readonly ip: string;
        readonly targetRef?: { readonly kind?: string; readonly name?: string };
      }[];
      readonly notReadyAddresses?: readonly { readonly ip: string }[];
      readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[];
    }[];
  }
>;

/** Kubernetes v1 Pod, as far as endpoints and capture need it; `status.podIP` and friends are under `spec.status`. */
export type Pod = Resource<
  'Pod',
  {
    readonly status?: {
      readonly podIP?: string;
      readonly podIPs?: readonly { readonly ip: string }[];
      readonly phase?: string;
      readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
    };
    readonly [field: string]: unknown;
  }
>;

/** Kubernetes v1 Namespace: its labels, for selectors in MeshConfig. */
export type KubernetesNamespace = Resource<'Namespace', Readonly<Record<string, unknown>>>;
