import type { IncomingHttpHeaders } from 'node:http2';
import { errorMonitor } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Exchange, Guard } from './seam.ts';
import { describeOnce, type ObservedSocket } from './socket-exchange.ts';
import {
  isConnectError,
  isFailureNoted,
  isRefusal,
  noteClientGone,
  noteConnectFailure,
  noteUpstreamFailure,
} from './upstream-failure.ts';
import { readStreamHeaders, valueOf } from './http2-headers.ts';
import { NGHTTP2_CANCEL } from './http2-stream.ts';
import { flatHeaders } from '../upstream/header-operations.ts';
import { answered, type TryOutcome } from '../upstream/retry.ts';
import { hiddenField } from './hidden-field.ts';

const NGHTTP2_PROTOCOL_ERROR = 1;
const NGHTTP2_REFUSED_STREAM = 7;

/** A stream of Node's, or one that stands in for it. */
type Stream = Duplex & {
  readonly session?: object | undefined;
  readonly rstCode?: number | undefined;
  /** The real one, where this one stands in. */
  readonly carrier?: { readonly session?: object | undefined } | undefined;
};

/** Fills in the exchange of one stream. Listens only; bytes are those of the body, counted as they are written and read. */
export function observeStream(guard: Guard, stream: Stream, exchange: Exchange): void {
  exchange.protocol = 'HTTP/2';
  let socket: ObservedSocket & { readonly destroyed?: boolean } = {};
  const note = (): void => {
    const session = (stream.carrier ?? stream).session;
    const found = session === undefined ? undefined : hiddenField(session, 'socket');
    if (typeof found !== 'object' || found === null) return;
    describeOnce(exchange, (socket = found));
  };
  note();
  stream.prependOnceListener('response', (head: IncomingHttpHeaders & { ':status'?: number }) => {
    note();
    exchange.firstByteAt = performance.now();
    exchange.responseHeaders = flatHeaders(head);
    if (exchange.responseCode !== 0 || exchange.responseCodeDetails !== undefined) return;
    exchange.responseCode = Number(head[':status'] ?? 0);
    exchange.responseCodeDetails = 'via_upstream';
  });
  stream.prependOnceListener('trailers', (trailers: IncomingHttpHeaders) => {
    exchange.responseTrailers = flatHeaders(trailers);
  });
  stream.once('finish', () => (exchange.requestSentAt = performance.now()));
  count(stream, exchange);
  stream.once(errorMonitor, (error: NodeJS.ErrnoException) => noteError(exchange, error, stream.rstCode));
  stream.once('close', () => {
    if (exchange.endedAt !== undefined) return;
    exchange.endedAt = performance.now();
    if (!isFailureNoted(exchange)) noteUnanswered(exchange, stream.rstCode, socket.destroyed === true);
    guard.ended(exchange);
  });
}

function count(stream: Stream, exchange: Exchange): void {
  const push = stream.push.bind(stream);
  const counting = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk instanceof Uint8Array) exchange.bytesSent += chunk.byteLength;
    return push(chunk, encoding);
  };
  Object.defineProperty(stream, 'push', { value: counting, writable: true, configurable: true });
  // Most requests end with their headers: nothing is written any more.
  if (stream.writableEnded) return;
  for (const name of ['write', 'end'] as const) {
    const original = stream[name].bind(stream) as (...args: unknown[]) => unknown;
    let inside = false;
    Object.defineProperty(stream, name, {
      configurable: true,
      writable: true,
      value: (...args: unknown[]) => {
        const [chunk, encoding] = args;
        if (!inside && chunk instanceof Uint8Array) exchange.bytesReceived += chunk.byteLength;
        else if (!inside && typeof chunk === 'string')
          exchange.bytesReceived += Buffer.byteLength(
            chunk,
            typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8',
          );
        inside = true;
        try {
          return original(...args);
        } finally {
          inside = false;
        }
      },
    });
  }
}

function noteError(exchange: Exchange, error: NodeJS.ErrnoException, rstCode: number | undefined): void {
  if (isRefusal(error) || isFailureNoted(exchange)) return;
  const cause = causeOf(error);
  if (error.name === 'AbortError') noteClientGone(exchange, 'stream');
  else if (exchange.firstByteAt === undefined && isConnectError(cause)) noteConnectFailure(exchange, cause);
  else if (error.code !== 'ERR_HTTP2_STREAM_ERROR') noteUpstreamFailure(exchange, 'connection_termination');
  else if (rstCode === NGHTTP2_REFUSED_STREAM) noteUpstreamFailure(exchange, 'remote_refused_stream_reset');
  else noteUpstreamFailure(exchange, rstCode === NGHTTP2_PROTOCOL_ERROR ? 'protocol_error' : 'remote_reset');
}

/** The stream is over without an error: given up, cut off, or reset by a server that had nothing to say. */
function noteUnanswered(exchange: Exchange, rstCode: number | undefined, cut: boolean): void {
  // NODE: when the connection goes away first, streams are cancelled as if the application had.
  if (rstCode === NGHTTP2_CANCEL && cut) noteUpstreamFailure(exchange, 'connection_termination');
  else if (rstCode === NGHTTP2_CANCEL) noteClientGone(exchange, 'stream');
  else if (exchange.responseCode === 0 && exchange.responseFlags === '') noteUpstreamFailure(exchange, 'remote_reset');
}

/** A stream that waited for its session is told of its end in other words, with what happened as the cause. */
function causeOf(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  return error.cause instanceof Error ? error.cause : error;
}

/** How a try ended that got no answer, as far as another depends on it. Undefined: nothing that could go better. */
export function outcomeOfStream(
  rstCode: number | undefined,
  error: NodeJS.ErrnoException | undefined,
): TryOutcome | undefined {
  if (error !== undefined && isRefusal(error)) return undefined;
  if (error !== undefined && isConnectError(causeOf(error))) return { kind: 'connect-failure' };
  return { kind: 'reset', sent: true, refused: rstCode === NGHTTP2_REFUSED_STREAM };
}

/** An answer, for the conditions of a retry policy. */
export function outcomeOfHead(head: IncomingHttpHeaders & { ':status'?: number }): TryOutcome {
  const list = readStreamHeaders(head);
  return answered(Number(head[':status'] ?? 0), (name) => valueOf(list, name));
}
