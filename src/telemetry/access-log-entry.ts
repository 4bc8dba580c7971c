/** What `%ACCESS_LOG_TYPE%` prints. */
export type AccessLogType = 'DownstreamEnd' | 'TcpConnectionEnd' | 'NotSet';

/**
 * Envoy's points of time of `%COMMON_DURATION%`: downstream is the application, upstream the server.
 * CX: connection, HS: handshake, RX: received, TX: sent.
 */
export const TIME_POINTS = [
  'DS_CX_BEG',
  'DS_CX_END',
  'DS_RX_BEG',
  'DS_RX_HDR_END',
  'DS_RX_END',
  'US_CX_BEG',
  'US_CX_END',
  'US_HS_END',
  'US_TX_BEG',
  'US_TX_END',
  'US_RX_BEG',
  'US_RX_BODY_BEG',
  'US_RX_END',
  'DS_TX_BEG',
  'DS_TX_END',
] as const;

export type TimePoint = (typeof TIME_POINTS)[number];

/** Header access by lower-case name. The first value of a repeated header; undefined: not there; an empty value is there. */
export interface HeaderLookup {
  get(name: string): string | undefined;
}

/** JSON as it occurs in metadata. */
export type MetadataValue =
  string | number | boolean | null | readonly MetadataValue[] | { readonly [key: string]: MetadataValue };

/**
 * One finished request or connection: what the operators of an access log format read. Absent means that there was no
 * such value (`-`). Strings that came over the wire are as Node gives them, one character per byte.
 */
export interface AccessLogEntry {
  readonly type: AccessLogType;
  /** One object for all requests to one destination over one connection that went as they were asked. Absent: unknown. */
  readonly shared?: object | undefined;
  /** Milliseconds since the epoch, microseconds as its fraction. */
  readonly startTime: number;
  /** Milliseconds since the epoch at which its line was due. Absent: the moment at which it is written. */
  readonly emitTime?: number | undefined;
  /** Milliseconds from start to end. */
  readonly duration?: number | undefined;
  /** Nanoseconds from the start to the points that were reached; `DS_RX_BEG` is the start and need not be given. */
  readonly timePoints?: Readonly<Partial<Record<TimePoint, number>>> | undefined;

  /** `HTTP/1.0`, `HTTP/1.1`, `HTTP/2`; absent for TCP. */
  readonly protocol?: string | undefined;
  readonly method?: string | undefined;
  readonly scheme?: string | undefined;
  /** Path and query as it left, after rewrites. */
  readonly path?: string | undefined;
  /** As the application wrote it, when a rewrite changed it. */
  readonly originalPath?: string | undefined;
  /** Host as it left, after rewrites. */
  readonly authority?: string | undefined;
  readonly originalAuthority?: string | undefined;
  readonly requestHeaders?: HeaderLookup | undefined;

  /** 0: no answer, and always for TCP. */
  readonly responseCode: number;
  readonly responseCodeDetails?: string | undefined;
  /** Short names joined with commas, in the order in which they were set; empty: none. */
  readonly responseFlags?: string | undefined;
  readonly connectionTerminationDetails?: string | undefined;
  readonly responseHeaders?: HeaderLookup | undefined;
  readonly responseTrailers?: HeaderLookup | undefined;
  readonly grpcStatus?: number | undefined;
  /** Milliseconds until the upstream's answer; printed for the response header `x-envoy-upstream-service-time`. */
  readonly upstreamServiceTime?: number | undefined;
  /** HTTP: body bytes of the request. TCP: bytes that the application sent. */
  readonly bytesReceived: number;
  /** HTTP: body bytes of the answer. TCP: bytes that the application got. */
  readonly bytesSent: number;

  /** `ip:port`, or the path of a unix socket. */
  readonly upstreamHost?: string | undefined;
  readonly upstreamHostName?: string | undefined;
  /** `outbound|443||api.example.com`. */
  readonly upstreamCluster?: string | undefined;
  /** Where it differs: the name for statistics. */
  readonly upstreamClusterAltStatName?: string | undefined;
  readonly upstreamLocalAddress?: string | undefined;
  readonly upstreamRemoteAddress?: string | undefined;
  readonly upstreamProtocol?: string | undefined;
  readonly upstreamRequestAttemptCount?: number | undefined;
  readonly upstreamTransportFailureReason?: string | undefined;

  /** Original destination: the address that was dialled, `ip:port`. */
  readonly downstreamLocalAddress?: string | undefined;
  /** The application's end, `ip:port`. */
  readonly downstreamRemoteAddress?: string | undefined;
  readonly downstreamDirectLocalAddress?: string | undefined;
  readonly downstreamDirectRemoteAddress?: string | undefined;
  /** SNI. */
  readonly requestedServerName?: string | undefined;

  readonly routeName?: string | undefined;
  readonly virtualClusterName?: string | undefined;
  readonly filterChainName?: string | undefined;
  readonly streamId?: string | undefined;
  /** By filter namespace. */
  readonly dynamicMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly clusterMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly upstreamHostMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly routeMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly virtualHostMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly listenerMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly filterChainMetadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly filterState?: Readonly<Record<string, string>> | undefined;
  /** The plain operators without a field of their own (`UPSTREAM_TLS_VERSION`, wire byte counts), by operator name. */
  attribute?(operator: string): string | number | undefined;
}

/** Envoy's short response flags and their long names. */
export const RESPONSE_FLAGS: Readonly<Record<string, string>> = {
  LH: 'FailedLocalHealthCheck',
  UH: 'NoHealthyUpstream',
  UT: 'UpstreamRequestTimeout',
  LR: 'LocalReset',
  UR: 'UpstreamRemoteReset',
  UF: 'UpstreamConnectionFailure',
  UC: 'UpstreamConnectionTermination',
  UO: 'UpstreamOverflow',
  NR: 'NoRouteFound',
  DI: 'DelayInjected',
  FI: 'FaultInjected',
  RL: 'RateLimited',
  UAEX: 'UnauthorizedExternalService',
  RLSE: 'RateLimitServiceError',
  DC: 'DownstreamConnectionTermination',
  URX: 'UpstreamRetryLimitExceeded',
  SI: 'StreamIdleTimeout',
  IH: 'InvalidEnvoyRequestHeaders',
  DPE: 'DownstreamProtocolError',
  UMSDR: 'UpstreamMaxStreamDurationReached',
  RFCF: 'ResponseFromCacheFilter',
  NFCF: 'NoFilterConfigFound',
  DT: 'DurationTimeout',
  UPE: 'UpstreamProtocolError',
  NC: 'NoClusterFound',
  OM: 'OverloadManagerTerminated',
  DF: 'DnsResolutionFailed',
  DO: 'DropOverload',
  DR: 'DownstreamRemoteReset',
  UDO: 'UnconditionalDropOverload',
};
