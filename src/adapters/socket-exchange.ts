import { errorMonitor } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { hostAndPort } from '../upstream/authority.ts';
import type { Exchange, Guard } from './seam.ts';
import { takeConnectTries } from './connect-tries.ts';
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
  Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort' | 'destroyed'> &
    Pick<TLSSocket, 'alpnProtocol' | 'getProtocol' | 'getCipher'>
>;

/** Addresses and TLS facts, while the socket still has them. */
export function describeSocket(exchange: Exchange, socket: ObservedSocket): void {
  takeConnectTries(exchange, socket);
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress !== undefined) exchange.upstreamHost = hostAndPort(remoteAddress, remotePort ?? 0);
  if (localAddress !== undefined) exchange.localAddress = hostAndPort(localAddress, localPort ?? 0);
  const version = typeof socket.getProtocol === 'function' ? socket.getProtocol() : undefined;
  if (version) exchange.tlsVersion = version;
  const cipher =
    typeof socket.getCipher === 'function' ? (socket.getCipher() as { name?: string } | undefined) : undefined;
  if (cipher?.name !== undefined) exchange.tlsCipher = cipher.name;
}

/** What of a connection goes into the exchange of each of its requests. */
interface SocketFacts extends Pick<Exchange, 'upstreamHost' | 'localAddress' | 'tlsVersion' | 'tlsCipher'> {
  /** The passage by which the latest requests over it went, and what these have in common. */
  passage: object | undefined;
  shared: object | undefined;
}

/** Of connections that are there: they do not change any more. */
const known = new WeakMap<object, SocketFacts>();

/** What is known of a connection that was looked at before. False: nothing. */
export function describeKnown(exchange: Exchange, socket: object): boolean {
  const facts = known.get(socket);
  if (facts === undefined) return false;
  exchange.upstreamHost = facts.upstreamHost;
  exchange.localAddress = facts.localAddress;
  exchange.tlsVersion = facts.tlsVersion;
  exchange.tlsCipher = facts.tlsCipher;
  return true;
}

/** The same of a connection that is not under way, which may carry many requests: it is looked at once. */
export function describeOnce(exchange: Exchange, socket: ObservedSocket): void {
  if (describeKnown(exchange, socket)) return;
  // A stand-in for a socket (of a mocking library) may hold on to a handle that is gone: reading that ends the process.
  if (socket.destroyed === true) return;
  describeSocket(exchange, socket);
  const { upstreamHost, localAddress, tlsVersion, tlsCipher } = exchange;
  if (upstreamHost === undefined || localAddress === undefined) return;
  if ('getCipher' in socket && tlsCipher === undefined) return;
  known.set(socket, { upstreamHost, localAddress, tlsVersion, tlsCipher, passage: undefined, shared: undefined });
}

/** A request over it went by this passage, as it was asked. */
export function noteShared(exchange: Exchange, socket: object, passage: object): void {
  const facts = known.get(socket);
  if (facts === undefined) return;
  if (facts.passage !== passage) {
    facts.passage = passage;
    facts.shared = {};
  }
  exchange.shared = facts.shared;
}

/** A denial was described when it was decided. */
function noteError(exchange: Exchange, error: NodeJS.ErrnoException): void {
  if (!isRefusal(error) && exchange.responseFlags === '' && isConnectError(error))
    noteTcpConnectFailure(exchange, error);
}
