import { EgressError, EgressTimeoutError, findEgressError } from '../errors.ts';
import type { Connection } from '../core/model/connection.ts';
import type { RetryState } from '../upstream/retry.ts';
import type { Exchange, RequestPlan } from './seam.ts';

/** How an upstream failed a request, in Envoy's words for a stream that is reset. */
export type UpstreamFailure =
  | 'connection_termination'
  /** The upstream reset the stream; `refused`: before it looked at it. */
  | 'remote_reset'
  | 'remote_refused_stream_reset'
  /** What it said is not the protocol, or ends in the middle: Envoy's parser of HTTP/1 makes no difference. */
  | 'protocol_error';

const FLAGS: Readonly<Record<UpstreamFailure, string>> = {
  connection_termination: 'UC',
  remote_reset: 'UR',
  remote_refused_stream_reset: 'UR',
  protocol_error: 'UPE',
};

/** A request failed after its connection was there. The answer's code stays when its head was given. */
export function noteUpstreamFailure(exchange: Exchange, failure: UpstreamFailure): void {
  const answered = exchange.firstByteAt !== undefined;
  addFlag(exchange, FLAGS[failure]);
  if (!answered) exchange.responseCode = failure === 'protocol_error' ? 502 : 503;
  exchange.responseCodeDetails = `upstream_reset_${answered ? 'after' : 'before'}_response_started{${failure}}`;
}

/** A request got no connection. A name without addresses is a cluster without hosts. */
export function noteConnectFailure(exchange: Exchange, error: NodeJS.ErrnoException): void {
  exchange.responseCode = 503;
  if (isNameError(error)) {
    addFlag(exchange, 'UH');
    exchange.responseCodeDetails = 'no_healthy_upstream';
    return;
  }
  addFlag(exchange, 'UF');
  const reason = noteTransportFailure(exchange, error);
  const kind = isConnectTimeout(error) ? 'connection_timeout' : 'remote_connection_failure';
  exchange.responseCodeDetails = `upstream_reset_before_response_started{${kind}${reason && `|${reason}`}}`;
}

/** The same of a TCP connection, which Envoy tries once: `UF,URX`. */
export function noteTcpConnectFailure(exchange: Exchange, error: NodeJS.ErrnoException): void {
  exchange.responseFlags = isNameError(error) ? 'UH' : 'UF,URX';
  noteTransportFailure(exchange, error);
}

/** Of the whole request, or of one try. */
export type TimeoutDetails = 'response_timeout' | 'upstream_per_try_timeout';

/** The time that a route gives passed: 504 unless an answer had begun. */
export function noteTimeout(exchange: Exchange, details: TimeoutDetails): void {
  addFlag(exchange, 'UT');
  exchange.responseCodeDetails = details;
  if (exchange.firstByteAt === undefined) exchange.responseCode = 504;
}

/** What a client is told of it that is not answered 504. */
export function requestTimeout(
  { host = '', port }: Connection,
  timeoutMs: number,
  plan: RequestPlan | undefined,
): EgressTimeoutError {
  return new EgressTimeoutError(
    `ERR_EGRESS_TIMEOUT: request to ${host}:${port} timed out after ${timeoutMs} ms`,
    timeoutMs,
    { host, port, ...(plan && { decision: plan.decision }) },
  );
}

/** A request is not tried again, though its route's conditions held. */
export function noteRetriesSpent(exchange: Exchange, retries: RetryState): void {
  if (retries.exhausted) addFlag(exchange, 'URX');
  else if (retries.overflowed) addFlag(exchange, 'UO');
}

/** The application gave a request up; `stream`: over HTTP/2, where that is a reset of the stream alone. */
export function noteClientGone(exchange: Exchange, stream: 'stream' | 'connection' = 'connection'): void {
  addFlag(exchange, stream === 'stream' ? 'DR' : 'DC');
  exchange.responseCodeDetails = stream === 'stream' ? 'http2.remote_reset' : 'downstream_remote_disconnect';
}

/** Whether it was said already why nothing, or no whole answer, came back. */
export function isFailureNoted({ responseFlags }: Exchange): boolean {
  return responseFlags !== '' && /\b(UF|UH|UC|UR|UT|UPE|DC|DR)\b/.test(responseFlags);
}

/** The kernel's words for why a connection did not come about (strerror), as Envoy prints them. */
const CONNECT_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection_refused',
  ECONNRESET: 'Connection_reset_by_peer',
  EHOSTUNREACH: 'No_route_to_host',
  ENETUNREACH: 'Network_is_unreachable',
  ETIMEDOUT: 'Connection_timed_out',
};

/** Fills in UPSTREAM_TRANSPORT_FAILURE_REASON, and gives it. */
function noteTransportFailure(exchange: Exchange, error: NodeJS.ErrnoException): string {
  const { code = '' } = error;
  let reason = '';
  if (isTlsError(error)) reason = `TLS_error:|${code}:${error.message}:TLS_error_end`.replaceAll(/\s+/g, '_');
  else if (!isConnectTimeout(error) && code in CONNECT_ERRORS)
    reason = `delayed_connect_error:_${CONNECT_ERRORS[code]}`;
  if (reason !== '') exchange.upstreamTransportFailureReason = reason;
  return reason;
}

/** Adds one of Envoy's response flags, once. */
function addFlag(exchange: Exchange, flag: string): void {
  const flags = exchange.responseFlags === '' ? [] : exchange.responseFlags.split(',');
  if (!flags.includes(flag)) exchange.responseFlags = [...flags, flag].join(',');
}

/** The certificate or the handshake was not right. */
export function isTlsError({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code);
}

/** A cluster's connect timeout passed: the error is Node's ETIMEDOUT, its cause tells. A denial is described elsewhere. */
export function isConnectTimeout(error: unknown): boolean {
  return !(error instanceof EgressError) && findEgressError(error)?.code === 'ERR_EGRESS_TIMEOUT';
}

/** This package's own refusal, which was described when it was decided. */
export function isRefusal(error: unknown): boolean {
  return findEgressError(error) !== undefined && !isConnectTimeout(error);
}

function isNameError({ syscall }: NodeJS.ErrnoException): boolean {
  return syscall === 'getaddrinfo';
}

/** The connection was never there: refused, unreachable, name not found, or its TLS failed. */
export function isConnectError(error: NodeJS.ErrnoException): boolean {
  return error.syscall === 'connect' || isNameError(error) || error.name === 'AggregateError' || isTlsError(error);
}
