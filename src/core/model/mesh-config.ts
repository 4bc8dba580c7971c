import type {
  ClientTLSSettings,
  ConnectionPoolSettings,
  DestinationRule,
  OutlierDetection,
  TcpKeepalive,
} from './destination-rule.ts';
import type { SourceLocation } from './resource.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Gateway } from './gateway.ts';
import type { EndpointSlice, Endpoints, KubernetesNamespace, KubernetesService, Pod } from './service.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { Sidecar } from './sidecar.ts';
import type { Destination, HTTPRetry, VirtualService } from './virtual-service.ts';
import type { WorkloadEntry } from './workload-entry.ts';
import type { Workload } from './connection.ts';

/** `ALLOW_ANY` is Istio's default; `{}` in YAML means `REGISTRY_ONLY`, the enum's zero value. */
export type OutboundTrafficPolicyMode = 'REGISTRY_ONLY' | 'ALLOW_ANY' | 'ALLOW_ANY_DYNAMIC_DNS';

export interface OutboundTrafficPolicy {
  readonly mode?: OutboundTrafficPolicyMode;
  /** With `ALLOW_ANY_DYNAMIC_DNS` only. */
  readonly tls?: ClientTLSSettings;
  /** On a Sidecar and with `ALLOW_ANY` only: all unknown traffic goes there. */
  readonly egressProxy?: Destination;
}

export type PathNormalizationType = 'DEFAULT' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

/** The fields of istio.mesh.v1alpha1.MeshConfig that egress depends on, under their own names, defaults filled in by the loader. Durations as `10s`. */
export interface IstioMeshConfig {
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
  readonly rootNamespace: string;
  /** Empty: no access log. */
  readonly accessLogFile: string;
  /** Empty: Istio's default format. */
  readonly accessLogFormat: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  readonly disableEnvoyListenerLog: boolean;
  readonly connectTimeout: string;
  readonly protocolDetectionTimeout: string;
  readonly tcpKeepalive?: TcpKeepalive;
  readonly defaultServiceExportTo: readonly string[];
  readonly defaultVirtualServiceExportTo: readonly string[];
  readonly defaultDestinationRuleExportTo: readonly string[];
  readonly defaultHttpRetryPolicy?: HTTPRetry;
  readonly defaultTrafficPolicy?: {
    readonly connectionPool?: ConnectionPoolSettings;
    readonly outlierDetection?: OutlierDetection;
  };
  readonly h2UpgradePolicy: 'DO_NOT_UPGRADE' | 'UPGRADE';
  readonly pathNormalization: { readonly normalization?: PathNormalizationType };
  readonly localityLbSetting?: Readonly<Record<string, unknown>>;
  readonly serviceSettings?: readonly Readonly<Record<string, unknown>>[];
  readonly serviceEntryVisibility?: Readonly<Record<string, unknown>>;
  readonly discoverySelectors?: readonly Readonly<Record<string, unknown>>[];
  readonly outboundClusterStatName: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly enableAutoMtls: boolean;
  readonly proxyListenPort: number;
  readonly proxyInboundListenPort: number;
  readonly proxyHttpPort: number;
  readonly dnsRefreshRate: string;
  readonly defaultConfig: {
    readonly proxyMetadata?: Readonly<Record<string, string>>;
    readonly interceptionMode?: 'REDIRECT' | 'TPROXY' | 'NONE';
    readonly [field: string]: unknown;
  };
  readonly extensionProviders?: readonly Readonly<Record<string, unknown>>[];
  readonly defaultProviders?: Readonly<Record<string, unknown>>;
}

/** Which connections are governed at all: the lists of `traffic.sidecar.istio.io/...` annotations, as the strings Istio takes. */
export interface CaptureSettings {
  /** `*` or comma-separated CIDRs; empty: nothing by range. */
  readonly includeIPRanges: string;
  readonly excludeIPRanges: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  /**
   * Loopback destinations. Istio never captures them (`bypass`); in a process they are the first thing an SSRF asks for,
   * so `govern` is the default here.
   */
  readonly loopback: 'govern' | 'bypass';
  /** Further knobs of Istio's rule installer, see docs/capture.md. IPv6 rules exist for an IPv4 pod only with `dualStack`. */
  readonly dualStack?: boolean;
  /** Port 53 of `dnsServers`, or of everything with `captureAllDns`, goes to the mesh's resolver. */
  readonly dnsCapture?: boolean;
  readonly captureAllDns?: boolean;
  readonly dnsServers?: readonly string[];
  /** The destinations that Istio takes for loopback. Absent: `127.0.0.1/32`. */
  readonly loopbackCidr?: string;
  /** Comma-separated names of interfaces whose traffic is left alone. */
  readonly excludeInterfaces?: string;
  /** Own addresses beside `workload.addresses`, by interface, with the length of the network; the default route's first. */
  readonly interfaces?: Readonly<Record<string, readonly string[]>>;
  /** `NONE`: nothing is captured. */
  readonly interceptionMode?: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** Comma-separated numeric groups; absent or `*`: all but the excluded. */
  readonly ownerGroupsInclude?: string;
  readonly ownerGroupsExclude?: string;
  /** The installer's native nftables mode, which reads ports and IPv6 a little differently. */
  readonly nativeNftables?: boolean;
}

export interface MeshResources {
  readonly serviceEntries: readonly ServiceEntry[];
  readonly virtualServices: readonly VirtualService[];
  readonly destinationRules: readonly DestinationRule[];
  readonly gateways: readonly Gateway[];
  readonly sidecars: readonly Sidecar[];
  readonly workloadEntries: readonly WorkloadEntry[];
  readonly services: readonly KubernetesService[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly endpoints: readonly Endpoints[];
  readonly pods: readonly Pod[];
  readonly namespaces: readonly KubernetesNamespace[];
}

/**
 * One immutable, validated policy: Istio's MeshConfig, the resources, what is captured and who asks by default.
 * Made by `loadMeshConfig`, `parseMeshConfig` or `defineMeshConfig`.
 */
export interface MeshConfig extends IstioMeshConfig, CaptureSettings, MeshResources {
  /** Asks when a Connection names no workload. */
  readonly workload: Workload;
  /** Suffix of Kubernetes host names. */
  readonly clusterDomain: string;
  /**
   * Completes a host without a dot in a VirtualService or DestinationRule: `name.namespace.svc.<suffix>`. Absent:
   * `clusterDomain`. Empty: `name.namespace`, which is what Istio makes of resources that came without a domain.
   */
  readonly shortNameDomain?: string;
  /**
   * Whether HTTP routes also hold for requests inside TLS, which a sidecar cannot see (`govern`, the default)
   * or only what a proxy sees decides (`opaque`).
   */
  readonly tlsRequests: 'govern' | 'opaque';
  /** Where MeshConfig was read from, for `determinedBy` of policy decisions. */
  readonly source?: SourceLocation;
  /** Warnings and notices of loading. Never errors: those are thrown. */
  readonly diagnostics: readonly Diagnostic[];
}
