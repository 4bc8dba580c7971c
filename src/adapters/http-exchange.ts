import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeRequest } from './http-connection.ts';
import type { Exchange } from './seam.ts';
import {
  carriesRequests,
  connectFailureDetails,
  describeSocket,
  isConnectError,
  isRefusal,
  isTlsError,
} from './socket-exchange.ts';

/** What of a connection goes into the exchange of each of its requests. */
type SocketFacts = Pick<Exchange, 'upstreamHost' | 'localAddress' | 'tlsVersion' | 'tlsCipher'>;

/** Of connections that are there: they do not change any more. */
const facts = new WeakMap<object, SocketFacts>();

/** The request has its connection, which may still be under way. */
export function noteSocket(exchange: Exchange, socket: Socket): void {
  carriesRequests(socket);
  if (socket.connecting) socket.once('connect', () => describeSocket(exchange, socket));
  else describe(exchange, socket);
}

function describe(exchange: Exchange, socket: Socket): void {
  const known = facts.get(socket);
  if (known !== undefined) {
    exchange.upstreamHost = known.upstreamHost;
    exchange.localAddress = known.localAddress;
    exchange.tlsVersion = known.tlsVersion;
    exchange.tlsCipher = known.tlsCipher;
    return;
  }
  // A stand-in for a socket (of a mocking library) may hold on to a handle that is gone: reading that ends the process.
  if (socket.destroyed) return;
  describeSocket(exchange, socket);
  const { upstreamHost, localAddress, tlsVersion, tlsCipher } = exchange;
  const isComplete = upstreamHost !== undefined && localAddress !== undefined;
  const isSecure = 'getCipher' in socket;
  if (isComplete && (!isSecure || tlsCipher !== undefined))
    facts.set(socket, { upstreamHost, localAddress, tlsVersion, tlsCipher });
}

/** The request is over. */
export function noteEnd(exchange: Exchange, request: NodeRequest, socket: Socket | undefined): void {
  exchange.endedAt = performance.now();
  if (socket) describe(exchange, socket);
  exchange.reusedSocket = request.reusedSocket;
  if (exchange.bytesReceived === 0) exchange.bytesReceived = request._contentLength ?? 0;
  if (exchange.responseCode === 0 && exchange.responseFlags === '') exchange.responseFlags = 'DC';
}

/** The response's head has arrived: its status, its headers, and from now on the size of its body. */
export function noteResponse(exchange: Exchange, response: IncomingMessage): void {
  exchange.firstByteAt = performance.now();
  if (exchange.responseCode === 0 || exchange.responseCodeDetails === undefined) {
    exchange.responseCode = response.statusCode ?? 0;
    exchange.responseCodeDetails ??= 'via_upstream';
  }
  exchange.protocol = response.httpVersion === '1.1' ? 'HTTP/1.1' : `HTTP/${response.httpVersion}`;
  exchange.responseHeaders = response.rawHeaders;
}

/** Envoy's flags for how a request came to grief. A denial was described when it was decided. */
export function noteError(exchange: Exchange, error: NodeJS.ErrnoException, request: NodeRequest): void {
  // Told by the retries: their last failure follows.
  const { responseFlags: before } = exchange;
  const retried = before === 'URX' || before === 'UO';
  if (isRefusal(error) || (before !== '' && !retried)) return;
  if (request.res !== undefined && request.res !== null) exchange.responseFlags = 'UPE';
  else if (isConnectError(error)) {
    exchange.responseFlags = 'UF';
    exchange.responseCode = 503;
    exchange.responseCodeDetails = connectFailureDetails(error);
    if (isTlsError(error)) exchange.upstreamTransportFailureReason = `TLS_error:|${error.code}:${error.message}`;
  } else if (error.code === 'ECONNRESET') {
    exchange.responseFlags = request.destroyed && error.message === 'socket hang up' && request.aborted ? 'DC' : 'UC';
    if (exchange.responseFlags === 'UC') {
      exchange.responseCode = 503;
      exchange.responseCodeDetails = 'upstream_reset_before_response_started{connection_termination}';
    }
  } else if (error.name === 'AbortError' || error.code === 'ABORT_ERR') exchange.responseFlags = 'DC';
  else if (error.code?.startsWith('HPE_')) exchange.responseFlags = 'UPE';
  if (retried && exchange.responseFlags !== before) exchange.responseFlags = `${before},${exchange.responseFlags}`;
}
