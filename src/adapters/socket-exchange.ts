import { errorMonitor } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { EgressError, findEgressError } from '../errors.ts';
import type { Exchange, Guard } from './seam.ts';

const exchanges = new WeakMap<object, Exchange>();

/** Its requests turn out to be told of one by one. */
export function carriesRequests(socket: unknown): void {
  const exchange = typeof socket === 'object' && socket !== null ? exchanges.get(socket) : undefined;
  if (exchange) exchange.carriesRequests = true;
}

/** Fills in the exchange of one TCP or TLS connection, by listening only. One per connection, at its end. */
export function observeSocket(guard: Guard, socket: Socket, exchange: Exchange): void {
  exchanges.set(socket, exchange);
  socket.once('connect', () => {
    describeSocket(exchange, socket);
    guard.opened(exchange);
  });
  socket.once(errorMonitor as never, (error: NodeJS.ErrnoException) => noteError(exchange, error));
  socket.once('close', () => {
    exchange.endedAt = performance.now();
    exchange.bytesReceived = socket.bytesWritten ?? 0;
    exchange.bytesSent = socket.bytesRead ?? 0;
    guard.ended(exchange);
  });
}

/** What of a socket goes into a log: a `net.Socket`, a `tls.TLSSocket`, or what stands in for one. */
export type ObservedSocket = Partial<
  Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'> &
    Pick<TLSSocket, 'alpnProtocol' | 'getProtocol' | 'getCipher'>
>;

/** Addresses and TLS facts, while the socket still has them. */
export function describeSocket(exchange: Exchange, socket: ObservedSocket): void {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress !== undefined) exchange.upstreamHost = endpointText(remoteAddress, remotePort);
  if (localAddress !== undefined) exchange.localAddress = endpointText(localAddress, localPort);
  const version = typeof socket.getProtocol === 'function' ? socket.getProtocol() : undefined;
  if (version) exchange.tlsVersion = version;
  const cipher =
    typeof socket.getCipher === 'function' ? (socket.getCipher() as { name?: string } | undefined) : undefined;
  if (cipher?.name !== undefined) exchange.tlsCipher = cipher.name;
}

/** Adds one of Envoy's response flags, once. */
export function addFlag(exchange: Exchange, flag: string): void {
  const flags = exchange.responseFlags === '' ? [] : exchange.responseFlags.split(',');
  if (!flags.includes(flag)) exchange.responseFlags = [...flags, flag].join(',');
}

/** `ip:port`, IPv6 in brackets. */
export function endpointText(address: string, port: number | undefined): string {
  return address.includes(':') ? `[${address}]:${port ?? 0}` : `${address}:${port ?? 0}`;
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

/** Envoy's word for why no connection came about. */
export function connectFailureDetails(error: unknown): string {
  const reason = isConnectTimeout(error) ? 'connection_timeout' : 'remote_connection_failure';
  return `upstream_reset_before_response_started{${reason}}`;
}

/** The connection was never there: refused, unreachable, name not found, or its TLS failed. */
export function isConnectError(error: NodeJS.ErrnoException): boolean {
  return (
    error.syscall === 'connect' ||
    error.syscall === 'getaddrinfo' ||
    error.name === 'AggregateError' ||
    isTlsError(error)
  );
}

/** Envoy tries a TCP upstream once and says so: `UF,URX`. A denial was described when it was decided. */
function noteError(exchange: Exchange, error: NodeJS.ErrnoException): void {
  if (isRefusal(error) || exchange.responseFlags !== '' || !isConnectError(error)) return;
  exchange.responseFlags = 'UF,URX';
  if (isTlsError(error)) exchange.upstreamTransportFailureReason = `TLS_error:|${error.code}:${error.message}`;
}
