import type {
  Decision,
  Endpoint,
  ForwardedRequest,
  HeaderOperation,
  MirrorPolicy,
  RetryPolicy,
  UpstreamCluster,
  UpstreamTls,
  WeightedDestination,
} from '../core/model/decision.ts';

/** How a timeout reaches the client: as a sidecar's 504, or as an error. */
export type TimeoutAs = 'response' | 'error';

/** A way through a proxy (Istio: `trafficPolicy.tunnel`). */
export interface UpstreamTunnel {
  readonly protocol: 'CONNECT' | 'POST';
  readonly targetHost: string;
  readonly targetPort: number;
  /** TLS to the proxy itself. */
  readonly tls?: UpstreamTls & { readonly servername?: string };
}

/** Where a request or connection is to be dialled, when not where the application said. Frozen; nothing of one request. */
export interface UpstreamTarget {
  /** Equal keys may share a pooled connection: address, TLS parameters and tunnel. */
  readonly key: string;
  /** IP, or a name that is still to be resolved; empty with `path`. */
  readonly host: string;
  /** 1-65535; 0 with `path`. */
  readonly port: number;
  /** Unix socket. */
  readonly path?: string;
  /** TLS to originate below what the application speaks; `servername` is the SNI to send. */
  readonly tls?: UpstreamTls & { readonly servername?: string };
  /** CONNECT through this target to another. */
  readonly tunnel?: UpstreamTunnel;
  readonly cluster: UpstreamCluster;
}

/** All that is to be done to an HTTP request that goes on. Shared and frozen where nothing is drawn per request. */
export interface RequestPlan {
  readonly decision: Decision;
  /** The one that was drawn; absent for `via: 'bypass'`. */
  readonly destination?: WeightedDestination;
  /** Absent: dial as the application asked. */
  readonly target?: UpstreamTarget;
  /** The chosen one of several endpoints, or one that is watched for outliers. */
  readonly endpoint?: Endpoint;
  /** Method, path and authority as they leave; absent: unchanged. */
  readonly request?: ForwardedRequest;
  readonly requestHeaders: readonly HeaderOperation[];
  readonly responseHeaders: readonly HeaderOperation[];
  /** Milliseconds from the end of the request to the end of the response. */
  readonly timeoutMs?: number;
  readonly timeoutAs: TimeoutAs;
  readonly retries?: RetryPolicy;
  /** Of a request that goes where the application said: mostly it is tried again only when no connection comes about. */
  readonly connectRetries?: RetryPolicy;
  /** Injected delay before anything is sent, in milliseconds; already drawn. */
  readonly delayMs?: number;
  /** Already drawn: each of these gets a copy. */
  readonly mirrors: readonly MirrorPolicy[];
  /** Another endpoint for a further try, avoiding those already tried; undefined: none is left. */
  readonly nextTarget?: (tried: readonly UpstreamTarget[]) => UpstreamTarget | undefined;
}
