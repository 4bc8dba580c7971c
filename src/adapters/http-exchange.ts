import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeRequest } from './http-connection.ts';
import type { Exchange } from './seam.ts';
import { carriesRequests, describeKnown, describeOnce, describeSocket } from './socket-exchange.ts';
import {
  isConnectError,
  isFailureNoted,
  isRefusal,
  noteClientGone,
  noteConnectFailure,
  noteUpstreamFailure,
} from './upstream-failure.ts';

/** The request has its connection, which may still be under way. */
export function noteSocket(exchange: Exchange, socket: Socket): void {
  if (describeKnown(exchange, socket)) return;
  carriesRequests(socket);
  if (socket.connecting) socket.once('connect', () => describeSocket(exchange, socket));
  else describeOnce(exchange, socket);
}

/** The request is over. */
export function noteEnd(exchange: Exchange, request: NodeRequest, socket: Socket | undefined): void {
  exchange.endedAt = performance.now();
  // Of a connection that carried a request before, all there is to know was known when the request got it.
  if (socket && (!request.reusedSocket || exchange.localAddress === undefined)) describeOnce(exchange, socket);
  exchange.reusedSocket = request.reusedSocket;
  if (exchange.bytesReceived === 0) exchange.bytesReceived = request._contentLength ?? 0;
  if (!isFailureNoted(exchange)) noteUnfinished(exchange, request);
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

/** How a request came to grief. A denial was described when it was decided. */
export function noteError(exchange: Exchange, error: NodeJS.ErrnoException, request: NodeRequest): void {
  if (isRefusal(error) || isFailureNoted(exchange)) return;
  if (isAbort(error)) noteClientGone(exchange);
  else if (error.code?.startsWith('HPE_')) noteUpstreamFailure(exchange, 'protocol_error');
  else if (exchange.firstByteAt === undefined && isConnectError(error)) noteConnectFailure(exchange, error);
  else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    // NODE: a request that the application destroys without an error is told of in the same words.
    if (request.destroyed && error.message === 'socket hang up') noteClientGone(exchange);
    else noteUpstreamFailure(exchange, 'connection_termination');
  }
}

/** The request is over without an error of its own: the answer's, if it broke off, or the application's end of it. */
function noteUnfinished(exchange: Exchange, request: NodeRequest): void {
  const response = request.res as IncomingMessage | null | undefined;
  if (response === undefined || response === null) {
    if (exchange.responseCode === 0 && exchange.responseFlags === '') noteClientGone(exchange);
  } else if (!response.complete && !request.upgradeOrConnect) {
    // NODE: `aborted` is the error of an answer whose connection went away.
    const broken: NodeJS.ErrnoException | null | undefined = response.errored;
    if (broken?.code === 'ECONNRESET') noteUpstreamFailure(exchange, 'protocol_error');
    else noteClientGone(exchange);
  }
}

function isAbort({ name, code }: NodeJS.ErrnoException): boolean {
  return name === 'AbortError' || code === 'ABORT_ERR';
}
