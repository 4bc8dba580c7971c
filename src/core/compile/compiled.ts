/**
 * The shapes that compilation hands from stage to stage:
 *
 *   MeshConfig --service-index--> MeshService[] --sidecar-index--> Scope --listeners--> Listener{chains} --+
 *                                                     |                                                    +--> decide
 *                                                     +--route-table--> RouteTable{virtual hosts, routes} -+
 *                                                     +--cluster-index--> UpstreamCluster (lazily)
 */
import type { HeaderOperation, UpstreamCluster } from '../model/decision.ts';
import type { MeshConfig, OutboundTrafficPolicy } from '../model/mesh-config.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { Resolution } from '../model/service-entry.ts';
import type { IstioEgressListener } from '../model/sidecar.ts';
import type { VirtualService } from '../model/virtual-service.ts';
import type { Workload } from '../model/connection.ts';
import type { DestinationRule } from '../model/destination-rule.ts';
import type { Protocol } from '../match/protocol.ts';

export interface MeshServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** ServiceEntry `targetPort`, or a Kubernetes Service's numeric one. */
  readonly targetPort?: number;
}

/** One endpoint as the registry knows it, before subsets filter it. */
export interface MeshEndpoint {
  /** IP, name, or unix path (starts with `/` or `@`, `port` 0). */
  readonly address: string;
  /** Service port name this endpoint serves. */
  readonly servicePortName: string;
  /** The number of that port, where a ServiceEntry gives it: clusters that resolve names go by it. */
  readonly servicePort?: number;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight?: number;
  readonly locality?: string;
  readonly network?: string;
  readonly serviceAccount?: string;
  /** `istio` or `disabled`. */
  readonly tlsMode: string;
  /** Known from Kubernetes, not from a ServiceEntry. */
  readonly inCluster?: boolean;
  readonly healthy: boolean;
}

/** Istio's model.Service: one host of one ServiceEntry at one address, or one Kubernetes Service. */
export interface MeshService {
  /** In the letter case of the ServiceEntry; virtual hosts are told apart in lower case. */
  readonly hostname: string;
  readonly namespace: string;
  /** Name of the ServiceEntry or Service object. */
  readonly name: string;
  readonly registry: 'ServiceEntry' | 'Kubernetes';
  /** One IP or CIDR, or `0.0.0.0`: none. Kubernetes dual-stack Services carry both in `addresses`. */
  readonly defaultAddress: string;
  readonly addresses: readonly string[];
  readonly autoAllocatedAddresses: readonly string[];
  readonly ports: readonly MeshServicePort[];
  /** `PASSTHROUGH` is ServiceEntry NONE and Kubernetes headless; `ALIAS` is ExternalName. */
  readonly resolution: 'CLIENT_SIDE_LB' | 'DNS_LB' | 'DNS_ROUND_ROBIN_LB' | 'PASSTHROUGH' | 'ALIAS' | 'DYNAMIC_DNS';
  readonly entryResolution?: Resolution | undefined;
  readonly meshExternal: boolean;
  readonly headless: boolean;
  /** ExternalName target, or names that point here once aliases are resolved. */
  readonly externalName?: string | undefined;
  readonly aliases: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Labels of the pods or WorkloadEntries behind it. */
  readonly selector?: Readonly<Record<string, string>> | undefined;
  readonly subjectAltNames: readonly string[];
  /** Effective: the mesh default where the resource has none of its own. Ask with `exportedTo`. */
  readonly exportTo: ReadonlySet<string>;
  /** The resource names no `exportTo`: `exportTo` is the mesh default. */
  readonly exportedByDefault?: boolean | undefined;
  /** Milliseconds; ties go by hostname, namespace, name, order of loading. */
  readonly createdAt: number;
  readonly endpoints: readonly MeshEndpoint[];
  readonly hasSelector: boolean;
  readonly ref: ResourceRef;
}

/** One egress listener of the asker's Sidecar (or the implicit one) with what it imports. */
export interface EgressScope {
  /** Absent for the implicit catch-all. */
  readonly listener?: IstioEgressListener;
  /** In Istio's order of precedence. */
  readonly services: readonly MeshService[];
  /** Names resolved, delegates merged, in order of precedence. */
  readonly virtualServices: readonly VirtualService[];
  /**
   * hostname of an imported service -> the VirtualService whose hosts fit it most closely: the oldest that names it,
   * else the oldest of the longest wildcard. A wildcard VirtualService acts on a service only where this is itself.
   */
  readonly mostSpecificWildcardVirtualService: ReadonlyMap<string, VirtualService>;
}

/** All that one asker sees. Built once per (MeshConfig, workload identity). */
export interface Scope {
  readonly mesh: MeshConfig;
  readonly workload: Workload;
  readonly type: 'sidecar' | 'router';
  readonly sidecar?: ResourceRef;
  readonly egress: readonly EgressScope[];
  readonly outboundTrafficPolicy: Required<Pick<OutboundTrafficPolicy, 'mode'>> & OutboundTrafficPolicy;
  /** Where the policy was written. */
  readonly policySource: ResourceRef;
  /** Every visible service, the imported and those that VirtualServices name: clusters come from here. */
  readonly services: readonly MeshService[];
  readonly servicesByHost: ReadonlyMap<string, MeshService>;
  /** The VirtualServices bound to a Gateway (`namespace/name`) that the asker sees, in order of precedence. */
  virtualServicesFor(gateway: string): readonly VirtualService[];
  /** The DestinationRule (merged) that applies to a service of this scope. */
  destinationRule(service: MeshService): MergedDestinationRule | undefined;
  /** `outbound|port|subset|host`, or undefined: NC. Cached and frozen. */
  cluster(host: string, port: number, subset: string): UpstreamCluster | undefined;
  /** The catch-all clusters. */
  readonly passthroughCluster: UpstreamCluster;
  readonly blackHoleCluster: UpstreamCluster;
  /** `AllowAnyDynamicDNSCluster`: resolves the host of each request; with `outboundTrafficPolicy.tls` it originates TLS. */
  readonly dynamicDnsCluster: UpstreamCluster;
}

export interface MergedDestinationRule {
  readonly rule: DestinationRule;
  readonly ref: ResourceRef;
  /** All originals that were merged into it. */
  readonly from: readonly ResourceRef[];
}

/** A weighted L4 target. */
export interface TcpTarget {
  readonly cluster: string;
  readonly weight: number;
  readonly upstream?: UpstreamCluster;
}

/** Where a filter chain leads. */
export type ChainAction =
  | { readonly kind: 'http'; readonly routeTable: string }
  | {
      readonly kind: 'tcp';
      readonly targets: readonly TcpTarget[];
      readonly virtualService?: ResourceRef;
      readonly service?: MeshService;
      readonly idleTimeoutMs?: number;
      readonly tunnel?: {
        readonly protocol: 'CONNECT' | 'POST';
        readonly targetHost: string;
        readonly targetPort: number;
      };
    };

/** Re-exported so that stages need one import. */
export type { HeaderOperation, Protocol, UpstreamCluster };
