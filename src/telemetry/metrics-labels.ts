import type { Workload } from '../core/model/connection.ts';
import type { UpstreamCluster } from '../core/model/decision.ts';
import { ExchangeEntry } from './exchange-entry.ts';
import type { Exchange } from './exchange.ts';

/**
 * Label values of Istio's standard metrics as a source proxy reports them. All come from closed sets: the policy's own
 * names, numbers of a known range, and `unknown`.
 */
export type Labels = Readonly<Record<string, string>>;

const UNKNOWN = 'unknown';

/** Who asks. A canonical service is named by label, else by app, else by the workload. */
export function sourceLabels(workload: Workload): Labels {
  const labels = workload.labels ?? {};
  const label = (...names: string[]): string | undefined => names.map((name) => labels[name]).find(Boolean);
  const name = workload.name ?? UNKNOWN;
  return {
    reporter: 'source',
    source_workload: name,
    source_workload_namespace: workload.namespace,
    source_canonical_service: label('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? name,
    source_canonical_revision:
      label('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
    source_app: label('app') ?? UNKNOWN,
    source_version: label('version') ?? UNKNOWN,
    source_cluster: UNKNOWN,
    source_principal: UNKNOWN,
  };
}

/** Where it went: the cluster's service, or the name of a catch-all. `admit` bounds hosts that nobody declared. */
export function destinationLabels(exchange: Exchange, admit: (host: string) => string): Labels {
  const cluster = exchange.destination?.upstream;
  const service = cluster?.service;
  const common = {
    destination_app: UNKNOWN,
    destination_version: UNKNOWN,
    destination_cluster: UNKNOWN,
    destination_principal: UNKNOWN,
    destination_canonical_revision: 'latest',
  };
  if (cluster !== undefined && service !== undefined) {
    const named = cluster.type === 'STRICT_DNS' || cluster.type === 'LOGICAL_DNS' || cluster.type === 'STATIC';
    return {
      ...common,
      destination_service: cluster.host,
      destination_service_name: service.kind === 'Service' ? service.name : cluster.host,
      destination_service_namespace: service.namespace,
      destination_workload: named ? service.name : UNKNOWN,
      destination_workload_namespace: named ? service.namespace : UNKNOWN,
      destination_canonical_service: named ? service.name : UNKNOWN,
    };
  }
  const authority = exchange.layer === 'http' ? exchange.connection.authority : undefined;
  const host = authority === undefined ? UNKNOWN : admit(authority);
  return {
    ...common,
    destination_service: host,
    destination_service_name: catchAllName(exchange, cluster) ?? host,
    destination_service_namespace: UNKNOWN,
    destination_workload: UNKNOWN,
    destination_workload_namespace: UNKNOWN,
    destination_canonical_service: UNKNOWN,
  };
}

function catchAllName(exchange: Exchange, cluster: UpstreamCluster | undefined): string | undefined {
  switch (exchange.decision.routeName) {
    case 'block_all':
      return 'BlackHoleCluster';
    case 'allow_any':
      return 'PassthroughCluster';
    default: {
      const name = cluster?.name ?? exchange.decision.cluster;
      return name === 'BlackHoleCluster' || name === 'PassthroughCluster' ? name : undefined;
    }
  }
}

export function requestProtocol(exchange: Exchange): 'tcp' | 'http' | 'grpc' {
  if (exchange.layer === 'tcp') return 'tcp';
  return exchange.connection.protocol === 'grpc' || grpcStatusOf(exchange) !== '' ? 'grpc' : 'http';
}

/** The gRPC status as a number, empty for what is no gRPC. Codes that gRPC does not know are told as 17. */
export function grpcStatusOf(exchange: Exchange): string {
  const { grpcStatus } = new ExchangeEntry(exchange);
  return grpcStatus === undefined ? '' : String(Math.min(grpcStatus, 17));
}

/** HTTP metrics only. A code that cannot come off the wire is told as 0. */
export function responseCodeOf(exchange: Exchange): Labels {
  const code = exchange.responseCode;
  return {
    response_code: Number.isInteger(code) && code >= 0 && code <= 999 ? String(code) : '0',
    grpc_response_status: grpcStatusOf(exchange),
  };
}
