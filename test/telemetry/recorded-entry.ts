import type { AccessLogEntry, HeaderLookup, MetadataValue } from '../../src/telemetry/access-log-entry.ts';
import { toByteString } from '../../src/telemetry/byte-string.ts';

/** Text, or the bytes of what is no UTF-8. */
export type RecordedText = string | { readonly base64: string };

type Headers = readonly (readonly [string, RecordedText])[];

/** One request or connection that Envoy logged, as data/README.md says. */
export interface RecordedTransaction {
  readonly id: string;
  readonly kind: 'http' | 'tcp' | 'listener';
  readonly accessLogType: AccessLogEntry['type'];
  readonly start: { readonly epochSeconds: string };
  readonly request?: {
    readonly method: string | null;
    readonly scheme: string | null;
    readonly path: string | null;
    readonly originalPath: string | null;
    readonly authority: string | null;
    readonly originalAuthority: string | null;
    readonly protocol: string | null;
    readonly headers: Headers;
  };
  readonly response?: { readonly headers: Headers; readonly trailers: Headers };
  readonly grpcStatus: number | null;
  readonly responseFlags: string;
  readonly responseCode: number;
  readonly responseCodeDetails: string | null;
  readonly connectionTerminationDetails: string | null;
  readonly bytes: { readonly received: number; readonly sent: number };
  readonly durationsMs: Readonly<Record<string, number | null>>;
  readonly timePointsNsFromStart: Readonly<Record<string, number | null>>;
  readonly routeName: string | null;
  readonly virtualClusterName: string | null;
  readonly filterChainName: string | null;
  readonly upstream: {
    readonly cluster: string | null;
    readonly clusterAltStatName: string | null;
    readonly host: string | null;
    readonly hostName: string | null;
    readonly localAddress: string | null;
    readonly remoteAddress: string | null;
    readonly protocol: string | null;
    readonly attempts: number;
    readonly transportFailureReason: string | null;
    readonly clusterMetadata: Readonly<Record<string, MetadataValue>>;
    readonly hostMetadata: Readonly<Record<string, MetadataValue>>;
  };
  readonly downstream: {
    readonly localAddress: string | null;
    readonly remoteAddress: string | null;
    readonly directLocalAddress: string | null;
    readonly directRemoteAddress: string | null;
    readonly sni: string | null;
  };
  readonly streamId: string | null;
  readonly dynamicMetadata: Readonly<Record<string, MetadataValue>>;
  readonly filterState: Readonly<Record<string, string>>;
  readonly operators: Readonly<Record<string, string | number>>;
}

export function recordedBytes(text: RecordedText): string {
  return typeof text === 'string' ? toByteString(text) : Buffer.from(text.base64, 'base64').toString('latin1');
}

function lookup(headers: Headers): HeaderLookup {
  const first = new Map<string, string>();
  for (const [name, value] of headers) if (!first.has(name)) first.set(name, recordedBytes(value));
  return first;
}

/** Leaves out what Envoy had no value for. */
function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  ) as never;
}

/** The entry that a seam would have made of the transaction. */
export function entryOf(transaction: RecordedTransaction): AccessLogEntry {
  const { request, response, upstream, downstream, durationsMs: durations } = transaction;
  const [seconds = '0', nanos = '0'] = transaction.start.epochSeconds.split('.');
  return {
    type: transaction.accessLogType,
    startTime: Number(seconds) * 1000 + Number(nanos) / 1_000_000,
    responseCode: transaction.responseCode,
    bytesReceived: transaction.bytes.received,
    bytesSent: transaction.bytes.sent,
    timePoints: given(transaction.timePointsNsFromStart),
    dynamicMetadata: transaction.dynamicMetadata,
    filterState: transaction.filterState,
    clusterMetadata: upstream.clusterMetadata,
    upstreamHostMetadata: upstream.hostMetadata,
    upstreamRequestAttemptCount: upstream.attempts,
    attribute: (operator) => transaction.operators[operator],
    ...given({
      duration: durations['DURATION'],
      method: request?.method,
      scheme: request?.scheme,
      path: request?.path === null || request?.path === undefined ? null : toByteString(request.path),
      originalPath: request?.originalPath,
      authority: request?.authority,
      originalAuthority: request?.originalAuthority,
      protocol: request?.protocol,
      requestHeaders: request === undefined ? null : lookup(request.headers),
      responseHeaders: response === undefined ? null : lookup(response.headers),
      responseTrailers: response === undefined ? null : lookup(response.trailers),
      grpcStatus: transaction.grpcStatus,
      responseFlags: transaction.responseFlags === '-' ? null : transaction.responseFlags,
      responseCodeDetails: transaction.responseCodeDetails,
      connectionTerminationDetails: transaction.connectionTerminationDetails,
      routeName: transaction.routeName,
      virtualClusterName: transaction.virtualClusterName,
      filterChainName: transaction.filterChainName,
      upstreamCluster: upstream.cluster,
      upstreamClusterAltStatName: upstream.clusterAltStatName,
      upstreamHost: upstream.host,
      upstreamHostName: upstream.hostName,
      upstreamLocalAddress: upstream.localAddress,
      upstreamRemoteAddress: upstream.remoteAddress,
      upstreamProtocol: upstream.protocol,
      upstreamTransportFailureReason: upstream.transportFailureReason,
      downstreamLocalAddress: downstream.localAddress,
      downstreamRemoteAddress: downstream.remoteAddress,
      downstreamDirectLocalAddress: downstream.directLocalAddress,
      downstreamDirectRemoteAddress: downstream.directRemoteAddress,
      requestedServerName: downstream.sni,
      streamId: transaction.streamId,
    }),
  };
}
