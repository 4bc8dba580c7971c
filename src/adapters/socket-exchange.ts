import { errorMonitor } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { hostAndPort } from '../upstream/authority.ts';
import type { Exchange, Guard } from './seam.ts';
import { isConnectError, isRefusal, noteTcpConnectFailure } from './upstream-failure.ts';

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
  if (remoteAddress !== undefined) exchange.upstreamHost = hostAndPort(remoteAddress, remotePort ?? 0);
  if (localAddress !== undefined) exchange.localAddress = hostAndPort(localAddress, localPort ?? 0);
  const version = typeof socket.getProtocol === 'function' ? socket.getProtocol() : undefined;
  if (version) exchange.tlsVersion = version;
  const cipher =
    typeof socket.getCipher === 'function' ? (socket.getCipher() as { name?: string } | undefined) : undefined;
  if (cipher?.name !== undefined) exchange.tlsCipher = cipher.name;
}

/** A denial was described when it was decided. */
function noteError(exchange: Exchange, error: NodeJS.ErrnoException): void {
  if (!isRefusal(error) && exchange.responseFlags === '' && isConnectError(error))
    noteTcpConnectFailure(exchange, error);
}
