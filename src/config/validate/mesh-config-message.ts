import type { ConnectionPoolFields } from '../schema/connection-pool.ts';
import type { LocalityLbFields, OutlierDetectionFields } from '../schema/destination-rule.ts';
import type { HTTPRetryFields } from '../schema/virtual-service.ts';

/** The fields of istio.mesh.v1alpha1.MeshConfig that Istio validates. */
export interface MeshConfigMessage {
  readonly proxyListenPort?: number;
  readonly connectTimeout?: string;
  readonly protocolDetectionTimeout?: string;
  readonly defaultConfig?: MeshProxyConfig;
  readonly localityLbSetting?: LocalityLbFields;
  readonly serviceSettings?: readonly { readonly hosts?: readonly string[] | undefined }[];
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  readonly meshMTLS?: { readonly ecdhCurves?: readonly string[] };
  readonly tlsDefaults?: { readonly ecdhCurves?: readonly string[] };
  readonly defaultInboundHttpRetryPolicy?: HTTPRetryFields;
  readonly defaultTrafficPolicy?: {
    readonly connectionPool?: ConnectionPoolFields;
    readonly outlierDetection?: OutlierDetectionFields;
  };
}

interface Sink {
  readonly address?: string;
}

/** The same of ProxyConfig, as `defaultConfig` holds it. */
export interface MeshProxyConfig {
  readonly configPath?: string;
  readonly binaryPath?: string;
  readonly serviceCluster?: string;
  readonly tracingServiceName?: string;
  readonly drainDuration?: string;
  readonly discoveryAddress?: string;
  readonly proxyAdminPort?: number;
  readonly statusPort?: number;
  readonly controlPlaneAuthPolicy?: string | number;
  readonly statsdUdpAddress?: string;
  readonly envoyMetricsServiceAddress?: string;
  readonly envoyMetricsService?: Sink;
  readonly envoyAccessLogService?: Sink;
  readonly proxyMetadata?: Readonly<Record<string, string>>;
  readonly privateKeyProvider?: {
    readonly cryptomb?: { readonly pollDelay?: string };
    readonly qat?: { readonly pollDelay?: string };
  };
  readonly tracing?: {
    readonly lightstep?: Sink & { readonly accessToken?: string };
    readonly zipkin?: Sink;
    readonly datadog?: Sink;
  };
}

/** What Istio fills in where `defaultConfig` says nothing. */
export const proxyConfigDefaults: MeshProxyConfig = {
  configPath: './etc/istio/proxy',
  binaryPath: '/usr/local/bin/envoy',
  serviceCluster: 'istio-proxy',
  drainDuration: '45s',
  discoveryAddress: 'istiod.istio-system.svc:15012',
  proxyAdminPort: 15000,
  statusPort: 15020,
  controlPlaneAuthPolicy: 'MUTUAL_TLS',
};
