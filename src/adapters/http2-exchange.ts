import type { IncomingHttpHeaders } from 'node:http2';
import { errorMonitor } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Exchange, Guard } from './seam.ts';
import { addFlag, connectFailureDetails, describeSocket, isRefusal } from './socket-exchange.ts';
import { readStreamHeaders } from './http2-headers.ts';
import { NGHTTP2_CANCEL } from './http2-stream.ts';
import { hiddenField } from './hidden-field.ts';

/** A stream of Node's, or one that stands in for it. */
type Stream = Duplex & { readonly session?: object | undefined; readonly rstCode?: number | undefined };

/** Fills in the exchange of one stream. Listens only; bytes are those of the body, counted as they are written and read. */
export function observeStream(guard: Guard, stream: Stream, exchange: Exchange, timedOut?: symbol): void {
  exchange.protocol = 'HTTP/2';
  const note = (): void => {
    const socket = stream.session === undefined ? undefined : hiddenField(stream.session, 'socket');
    if (typeof socket !== 'object' || socket === null) return;
    describeSocket(exchange, socket);
  };
  note();
  stream.prependOnceListener('response', (head: IncomingHttpHeaders & { ':status'?: number }) => {
    note();
    exchange.firstByteAt = performance.now();
    exchange.responseHeaders = readStreamHeaders(head).flat();
    if (exchange.responseCode !== 0 || exchange.responseCodeDetails !== undefined) return;
    exchange.responseCode = Number(head[':status'] ?? 0);
    exchange.responseCodeDetails = 'via_upstream';
  });
  stream.prependOnceListener('trailers', (trailers: IncomingHttpHeaders) => {
    exchange.responseTrailers = readStreamHeaders(trailers).flat();
  });
  stream.once('finish', () => (exchange.requestSentAt = performance.now()));
  count(stream, exchange);
  if (timedOut)
    stream.once(timedOut, () => {
      addFlag(exchange, 'UT');
      exchange.responseCodeDetails = 'response_timeout';
      if (exchange.responseCode === 0) exchange.responseCode = 504;
    });
  stream.once(errorMonitor, (error: NodeJS.ErrnoException) => noteError(exchange, error));
  stream.once('close', () => {
    if (exchange.endedAt !== undefined) return;
    exchange.endedAt = performance.now();
    if (exchange.responseCode === 0 && exchange.responseFlags === '' && stream.rstCode === NGHTTP2_CANCEL)
      addFlag(exchange, 'DR');
    guard.ended(exchange);
  });
}

function count(stream: Stream, exchange: Exchange): void {
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk instanceof Uint8Array) exchange.bytesSent += chunk.byteLength;
    return push(chunk, encoding);
  };
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

function noteError(exchange: Exchange, error: NodeJS.ErrnoException): void {
  if (isRefusal(error) || exchange.responseFlags !== '') return;
  if (exchange.responseHeaders !== undefined) return addFlag(exchange, 'UPE');
  const connecting = error.syscall === 'connect' || error.syscall === 'getaddrinfo';
  addFlag(exchange, connecting ? 'UF' : 'UC');
  exchange.responseCode = 503;
  exchange.responseCodeDetails = connecting
    ? connectFailureDetails(error)
    : 'upstream_reset_before_response_started{connection_termination}';
}
