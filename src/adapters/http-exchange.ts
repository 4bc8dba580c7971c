import type { IncomingMessage } from 'node:http';
import { errorMonitor } from 'node:events';
import type { Socket } from 'node:net';
import type { NodeRequest } from './http-connection.ts';
import type { Exchange, Guard } from './seam.ts';
import { connectFailureDetails, describeSocket, isConnectError, isRefusal, isTlsError } from './socket-exchange.ts';

/**
 * Fills in the exchange of one HTTP/1 request. It only listens: no listener of its kind changes what Node does (an
 * `error` listener would swallow an uncaught error, a `response` listener would keep Node from dumping the body).
 */
export function observeRequest(guard: Guard, request: NodeRequest, exchange: Exchange): void {
  exchange.protocol = 'HTTP/1.1';
  let ended = false;
  let socketOf: Socket | undefined;
  const end = (): void => {
    if (ended) return;
    ended = true;
    exchange.endedAt = performance.now();
    const socket = socketOf ?? request.socket ?? undefined;
    // A stand-in for a socket (of a mocking library) may hold on to a handle that is gone: reading that ends the process.
    if (socket && !socket.destroyed) describeSocket(exchange, socket);
    exchange.reusedSocket = request.reusedSocket;
    if (exchange.bytesReceived === 0) exchange.bytesReceived = request._contentLength ?? 0;
    if (exchange.responseCode === 0 && exchange.responseFlags === '') exchange.responseFlags = 'DC';
    guard.ended(exchange);
  };
  request.once('socket', (socket: Socket) => {
    socketOf = socket;
    if (socket.connecting) socket.once('connect', () => describeSocket(exchange, socket));
    else describeSocket(exchange, socket);
  });
  request.once('finish', () => (exchange.requestSentAt = performance.now()));
  request.once(errorMonitor, (error: Error) => noteError(exchange, error, request));
  request.once('close', () => {
    // After an upgrade the request is over at once, the connection is not.
    if (request.upgradeOrConnect && socketOf && !socketOf.destroyed) socketOf.once('close', end);
    else end();
  });
}

/** The response's head has arrived: its status, its headers, and from now on the size of its body. */
export function observeResponse(exchange: Exchange, response: IncomingMessage): void {
  exchange.firstByteAt = performance.now();
  if (exchange.responseCode === 0 || exchange.responseCodeDetails === undefined) {
    exchange.responseCode = response.statusCode ?? 0;
    exchange.responseCodeDetails ??= 'via_upstream';
  }
  exchange.protocol = `HTTP/${response.httpVersion}`;
  exchange.responseHeaders = response.rawHeaders;
  const push = response.push.bind(response);
  response.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk instanceof Uint8Array) exchange.bytesSent += chunk.byteLength;
    else if (typeof chunk === 'string') exchange.bytesSent += Buffer.byteLength(chunk, encoding);
    return push(chunk, encoding);
  };
}

/** Envoy's flags for how a request came to grief. A denial was described when it was decided. */
function noteError(exchange: Exchange, error: NodeJS.ErrnoException, request: NodeRequest): void {
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
