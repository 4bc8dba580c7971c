import type { ResourceRef } from './resource.ts';

/** Why a decision is what it is. Closed: codes are added, never renamed. docs/decisions.md says each in a sentence. */
export type DecisionReason =
  // allow
  | 'not_captured' // outside the capture settings: a sidecar would not see it
  | 'registry' // a visible service or ServiceEntry admits it
  | 'passthrough' // unknown, and the outbound traffic policy is ALLOW_ANY
  | 'dynamic_dns' // unknown, and the policy is ALLOW_ANY_DYNAMIC_DNS
  // route
  | 'http_route' // a VirtualService http route sends it there
  | 'tls_route' // a VirtualService tls route
  | 'tcp_route' // a VirtualService tcp route
  | 'destination' // the upstream differs from what was dialled: endpoints, target port, TLS origination, tunnel, gateway
  | 'egress_proxy' // unknown, and the Sidecar names an egressProxy
  | 'redirect'
  | 'direct_response'
  | 'fault_abort'
  | 'cors_preflight'
  // deny
  | 'no_service_entry' // unknown, and the policy is REGISTRY_ONLY
  | 'host_mismatch' // the Host header or SNI names another host than was dialled, and no one rule admits both
  | 'no_route' // the host is known, none of its routes matches (404 NR)
  | 'no_virtual_host' // a gateway serves no such host (404 NR)
  | 'no_listener' // a gateway does not listen on that port
  | 'no_filter_chain' // a gateway has no chain for that SNI (NR)
  | 'cluster_not_found' // the destination is not in the registry (503 NC)
  | 'no_healthy_upstream' // it is, without an endpoint (503 UH)
  | 'https_redirect' // a gateway answers plaintext with 301
  | 'invalid_authority'
  | 'missing_host'
  | 'invalid_path'
  | 'protocol_error'
  | 'unsupported_upgrade'
  | 'loop' // the proxy's own ports 15001 and 15006
  | 'invalid_connection' // not a Connection: wrong types, host that is no host
  | 'internal_error'; // an exception in our code: fails closed

/** An address that a cluster sends to. `host` is an IP, a name still to be resolved, or empty for a unix socket. */
export interface Endpoint {
  readonly host: string;
  /** 1-65535; 0 with `path`. */
  readonly port: number;
  /** Unix socket path. */
  readonly path?: string;
  readonly weight?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly locality?: string;
}

/** TLS that is originated on behalf of the application, from a DestinationRule. */
export interface UpstreamTls {
  readonly mode: 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  /** Sent as is; absent with `autoSni`: the request's host. */
  readonly sni?: string;
  readonly autoSni?: boolean;
  /** The server certificate must carry the SNI that was sent. */
  readonly autoSanValidation?: boolean;
  readonly subjectAltNames?: readonly string[];
  readonly alpn?: readonly string[];
  /** Files, as the DestinationRule names them. `caCertificates: 'system'` is the system's roots; absent: not verified. */
  readonly caCertificates?: string;
  readonly caCrl?: string;
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly credentialName?: string;
  readonly insecureSkipVerify?: boolean;
  /** Istio's automatic mutual TLS: used only for endpoints inside the mesh that declare it. */
  readonly onlyIfEndpointHasTls?: boolean;
}

/** Limits of one cluster. Absent: none. */
export interface CircuitBreakers {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
}

/** Envoy's `outlier_detection`, resolved: defaults filled in, times in milliseconds. */
export interface OutlierPolicy {
  readonly consecutive5xx: number;
  readonly consecutiveGatewayFailure: number;
  readonly consecutiveLocalOriginFailure?: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly intervalMs: number;
  readonly baseEjectionTimeMs: number;
  /** Percent, 0-100. */
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
}

export type LoadBalancer = 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'RANDOM' | 'PASSTHROUGH' | 'CONSISTENT_HASH';

/** An upstream cluster as Istio would generate it for the asker. Built once per (host, port, subset) and frozen. */
export interface UpstreamCluster {
  /** `outbound|443||api.example.com`, `PassthroughCluster`, ... */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly subset: string;
  readonly type: 'EDS' | 'STATIC' | 'STRICT_DNS' | 'LOGICAL_DNS' | 'ORIGINAL_DST' | 'DYNAMIC_FORWARD_PROXY';
  /** Empty for ORIGINAL_DST (the dialled address) and DYNAMIC_FORWARD_PROXY (the request's host). */
  readonly endpoints: readonly Endpoint[];
  /** ORIGINAL_DST with a `targetPort`: the port that replaces the dialled one. */
  readonly upstreamPortOverride?: number;
  readonly tls?: UpstreamTls;
  /** Absent: HTTP/1.1. `as-downstream`: whatever the application spoke. */
  readonly protocol?: 'http2' | 'as-downstream';
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs?: number;
  readonly maxRequestsPerConnection?: number;
  readonly maxConnectionDurationMs?: number;
  readonly tcpKeepalive?: { readonly probes?: number; readonly timeMs?: number; readonly intervalMs?: number };
  readonly circuitBreakers?: CircuitBreakers;
  readonly outlierDetection?: OutlierPolicy;
  readonly loadBalancer: LoadBalancer;
  readonly proxyProtocol?: 'V1' | 'V2';
  readonly destinationRule?: ResourceRef;
  /** The ServiceEntry or Service; absent for the catch-all clusters. */
  readonly service?: ResourceRef;
  readonly external: boolean;
  /** The upstream is the Service of a Gateway's pods: a second hop follows. */
  readonly gateway?: boolean;
}

/** Applied in order. `set` replaces, `add` appends a further value. */
export interface HeaderOperation {
  readonly op: 'set' | 'add' | 'remove';
  readonly name: string;
  readonly value?: string;
}

/** One upstream that a forwarded request or connection may take. */
export interface WeightedDestination {
  /** Cluster name, also when the cluster does not exist. */
  readonly cluster: string;
  /** Share of the sum of all weights; 1 for a single destination. */
  readonly weight: number;
  /** Absent: the cluster does not exist (NC when chosen). */
  readonly upstream?: UpstreamCluster;
  /**
   * All that makes the upstream's request differ from the application's: the route's and the destination's operations
   * in the order in which they apply, and what Envoy does by itself (`x-envoy-original-path`, `x-envoy-original-host`,
   * `grpc-timeout`, removal of `x-envoy-*` controls). Bookkeeping (`x-request-id`, ...) is left out.
   */
  readonly requestHeaders?: readonly HeaderOperation[];
  readonly responseHeaders?: readonly HeaderOperation[];
  /** Replaces the Host header. */
  readonly authority?: string;
}

export interface RetryPolicy {
  /** Further tries after the first. */
  readonly attempts: number;
  readonly retryOn: string;
  readonly perTryTimeoutMs?: number;
  readonly statusCodes?: readonly number[];
  /** Base of the jittered exponential back-off; absent: 25. */
  readonly backoffMs?: number;
  readonly retryRemoteLocalities?: boolean;
  /** Absent: true. */
  readonly ignorePreviousHosts?: boolean;
}

/** Percentages are 0-100 with up to four decimals; whoever carries the decision out draws the number. */
export interface FaultPolicy {
  readonly delay?: { readonly fixedDelayMs: number; readonly percent: number };
  /** Without `percent` the VirtualService names none, and Envoy never aborts. */
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: number; readonly percent?: number };
}

export interface MirrorPolicy {
  readonly cluster: string;
  readonly percent: number;
  readonly upstream?: UpstreamCluster;
}

/** What a CORS-aware route adds to an answer; the preflight's own answer is a LocalReply. */
export interface CorsRules {
  readonly allowOrigins: readonly { readonly exact?: string; readonly prefix?: string; readonly regex?: string }[];
  readonly allowMethods?: string;
  readonly allowHeaders?: string;
  readonly exposeHeaders?: string;
  readonly maxAge?: string;
  readonly allowCredentials?: boolean;
  readonly forwardUnmatchedPreflights: boolean;
}

/** Envoy's route hash policy, one key each, as in its JSON form. */
export type HashPolicy = Readonly<Record<string, unknown>>;

/** An answer without an upstream. */
export interface LocalReply {
  /** HTTP status; 200 for gRPC, whose outcome is `grpcStatus`. */
  readonly status: number;
  readonly body?: string;
  readonly headers?: readonly (readonly [string, string])[];
  /** Of a redirect. */
  readonly location?: string;
  readonly grpcStatus?: number;
  readonly grpcMessage?: string;
}

/** The request as it leaves, after rewrites. */
export interface ForwardedRequest {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
}

interface DecisionBase {
  readonly reason: DecisionReason;
  /** Istio's spelling; empty when none was chosen (local replies). With several destinations the first. */
  readonly cluster: string;
  /** Envoy's `%ROUTE_NAME%`: empty when unnamed; absent outside HTTP. */
  readonly routeName?: string;
  /** Absent outside HTTP. */
  readonly virtualHost?: string;
  /** Each resource that made the decision, most important first. */
  readonly determinedBy: readonly ResourceRef[];
  /** As what a proxy treated the bytes. */
  readonly seenAs: 'http' | 'tls' | 'tcp';
  /** Envoy's names of the generated objects, for explanations. */
  readonly listener?: string;
  readonly filterChain?: string;
  /** The VirtualService that made the route. */
  readonly virtualService?: ResourceRef;
}

/** What is common to all that goes on to an upstream. */
export interface Forward extends DecisionBase {
  /** At least one; several are weighted. */
  readonly destinations: readonly WeightedDestination[];
  /** HTTP only; null: none. */
  readonly retries?: RetryPolicy | null;
  /** HTTP only. */
  readonly request?: ForwardedRequest;
  /** Route-wide request header operations are already part of each destination's. */
  readonly fault?: FaultPolicy;
  readonly mirrors?: readonly MirrorPolicy[];
  readonly cors?: CorsRules;
  readonly hashPolicy?: readonly HashPolicy[];
  /** TCP and TLS: idle time after which the connection is closed. */
  readonly idleTimeoutMs?: number;
  readonly tunnel?: { readonly protocol: 'CONNECT' | 'POST'; readonly targetHost: string; readonly targetPort: number };
  /** Envoy's decorator operation. */
  readonly operation?: string;
}

/** Go where you were going. */
export interface AllowDecision extends Forward {
  readonly action: 'allow';
  readonly via: 'registry' | 'passthrough' | 'bypass';
}

/** Go, but as a rule says; or, with `localReply`, be answered here. */
export interface RouteDecision extends Forward {
  readonly action: 'route';
  readonly localReply?: LocalReply;
  /** What the route does to the headers of a local reply that has no destination (redirect, direct response). */
  readonly responseHeaders?: readonly HeaderOperation[];
  readonly responseFlags?: string;
  readonly responseCodeDetails?: string;
}

/** Go, with a deadline. The fields of DecisionBase are those of `then`. */
export interface TimeoutDecision extends DecisionBase {
  readonly action: 'timeout';
  readonly timeoutMs: number;
  readonly then: AllowDecision | RouteDecision;
}

/** Do not go. */
export interface DenyDecision extends DecisionBase {
  readonly action: 'deny';
  /** What an HTTP client is answered; absent when the connection is closed. */
  readonly localReply?: LocalReply;
  /** As in the access log: `UH`, `NR`, `NC`, empty for none. */
  readonly responseFlags: string;
  readonly responseCodeDetails?: string;
  /**
   * The matched route whose cluster does not exist (`cluster_not_found`): its destinations, timeout, retries, fault,
   * mirrors and response headers stay visible, as Envoy logs and applies them to its own 503.
   */
  readonly route?: AllowDecision | RouteDecision | TimeoutDecision;
  /**
   * The name alone is not admitted, but capture depends on the address: ask again with `address` before refusing.
   */
  readonly provisional?: true;
}

export type Decision = AllowDecision | RouteDecision | TimeoutDecision | DenyDecision;

/** One step of an explanation, in the order in which `decide` took it. */
export interface ExplanationStep {
  readonly step: string;
  readonly outcome: string;
  readonly resources?: readonly ResourceRef[];
}

/** The same answer as `decide`, with every step, the nearest miss and what to add. */
export interface Explanation {
  readonly decision: Decision;
  readonly steps: readonly ExplanationStep[];
  readonly nearestMiss?: string;
  /** YAML that would admit a denied connection, ready to paste. */
  readonly suggestion?: string;
}
