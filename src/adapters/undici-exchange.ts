import { findEgressError } from '../errors.ts';
import type { TryOutcome } from '../upstream/retry.ts';
import type { Exchange } from './seam.ts';
import { readResponseHead } from './undici-headers.ts';
import type { ResponseHead } from './undici-headers.ts';

/** What of a socket goes into a log: a `net.Socket` or a `tls.TLSSocket`. */
export interface ObservedSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly alpnProtocol?: string | false | null;
  readonly servername?: string | false | null;
  readonly getProtocol?: () => string | null;
  readonly getCipher?: () => { readonly name?: string } | undefined;
}

/** Taken when the request is written: later the addresses may be gone. */
export function noteSocket(exchange: Exchange, socket: ObservedSocket): void {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress !== undefined) exchange.upstreamHost = joined(remoteAddress, remotePort);
  if (localAddress !== undefined) exchange.localAddress = joined(localAddress, localPort);
  if (socket.alpnProtocol === 'h2') exchange.protocol = 'HTTP/2';
  const version = typeof socket.getProtocol === 'function' ? socket.getProtocol() : undefined;
  if (version) exchange.tlsVersion = version;
  const cipher = typeof socket.getCipher === 'function' ? socket.getCipher()?.name : undefined;
  if (cipher !== undefined) exchange.tlsCipher = cipher;
}

function joined(address: string, port: number | undefined): string {
  return address.includes(':') ? `[${address}]:${port ?? 0}` : `${address}:${port ?? 0}`;
}

export function noteAnswer(exchange: Exchange, status: number, head: ResponseHead): void {
  exchange.firstByteAt = performance.now();
  exchange.responseCode = status;
  exchange.responseCodeDetails = 'via_upstream';
  exchange.responseHeaders = readResponseHead(head).flat();
}

export function addFlag(exchange: Exchange, flag: string): void {
  const flags = exchange.responseFlags === '' ? [] : exchange.responseFlags.split(',');
  if (!flags.includes(flag)) exchange.responseFlags = [...flags, flag].join(',');
}

/** Envoy's flags for how a request came to grief. A denial was described when it was decided. */
export function noteFailure(
  exchange: Exchange,
  error: NodeJS.ErrnoException,
  { headGiven, aborted }: { readonly headGiven: boolean; readonly aborted: boolean },
): void {
  if (findEgressError(error)) return;
  if (aborted) return addFlag(exchange, 'DC');
  if (headGiven) return addFlag(exchange, 'UPE');
  const outcome = outcomeOf(error, true);
  if (outcome?.kind === 'connect-failure') describe(exchange, 'UF', 503, 'remote_connection_failure');
  else if (outcome?.kind === 'reset') describe(exchange, 'UC', 503, 'connection_termination');
  else if (error.code?.startsWith('HPE_')) describe(exchange, 'UPE', 502, 'protocol_error');
  if (isTlsError(error)) exchange.upstreamTransportFailureReason = `TLS_error:|${error.code ?? ''}:${error.message}`;
}

function describe(exchange: Exchange, flag: string, code: number, reason: string): void {
  addFlag(exchange, flag);
  exchange.responseCode = code;
  exchange.responseCodeDetails = `upstream_reset_before_response_started{${reason}}`;
}

/** What an error means for another try. Undefined: nothing that could go better. */
export function outcomeOf(error: NodeJS.ErrnoException, started: boolean): TryOutcome | undefined {
  if (findEgressError(error)) return undefined;
  const { code = '', syscall, name } = error;
  const connecting = syscall === 'connect' || syscall === 'getaddrinfo' || code === 'UND_ERR_CONNECT_TIMEOUT';
  if (connecting || name === 'AggregateError' || isTlsError(error)) return { kind: 'connect-failure' };
  if (code === 'ERR_HTTP2_STREAM_ERROR')
    return { kind: 'reset', sent: started, refused: error.message.includes('REFUSED_STREAM') };
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return { kind: 'reset', sent: started };
  return undefined;
}

function isTlsError({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code);
}
