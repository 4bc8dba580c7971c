import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import type { LocalReply } from '../core/model/decision.ts';
import { replyHeaders } from './local-reply.ts';

// From RFC 9113; `node:http2` itself is loaded only by programs that use it.
const NGHTTP2_NO_ERROR = 0;
const NGHTTP2_INTERNAL_ERROR = 2;
export const NGHTTP2_CANCEL = 8;
export const NGHTTP2_FLAG_END_STREAM = 1;

/**
 * Stands in for the stream of a request that is answered here, or refused. A real stream that is destroyed would have
 * sent its headers first.
 */
export class LocalStream extends Duplex {
  readonly id = undefined;
  readonly session: ClientHttp2Session;
  readonly sentHeaders: object;
  readonly endAfterHeaders = false;
  readonly headersSent = true;
  readonly bufferSize = 0;
  readonly scheme = 'http';
  rstCode: number = NGHTTP2_NO_ERROR;
  aborted = false;
  pending = true;

  constructor(session: ClientHttp2Session, sentHeaders: object) {
    super({ autoDestroy: true, allowHalfOpen: true });
    this.session = session;
    this.sentHeaders = sentHeaders;
  }

  override _read(): void {
    // The answer is pushed when it is due.
  }

  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback();
  }

  /** The whole answer at once; a reply without a body ends with its headers. */
  reply(head: IncomingHttpHeaders, body: Buffer): void {
    if (this.destroyed) return;
    this.pending = false;
    this.emit('ready');
    this.emit('response', head, body.length === 0 ? NGHTTP2_FLAG_END_STREAM : 0);
    if (body.length > 0) this.push(body);
    this.push(null);
    // As with a real stream, the client's own half is cut off once the answer is complete.
    if (!this.writableEnded) this.end();
  }

  refuse(error: Error): void {
    if (this.destroyed) return;
    this.rstCode = NGHTTP2_INTERNAL_ERROR;
    this.destroy(error);
  }

  close(code: number = NGHTTP2_NO_ERROR, callback?: () => void): void {
    if (callback) this.once('close', callback);
    this.rstCode = code;
    if (code === NGHTTP2_CANCEL && !this.aborted && !this.writableEnded) {
      this.aborted = true;
      this.emit('aborted');
    }
    this.destroy();
  }

  setTimeout(_ms: number, callback?: () => void): this {
    if (callback) this.once('timeout', callback);
    return this;
  }

  priority(): void {
    // There is nothing to be ordered.
  }

  sendTrailers(): void {
    this.end();
  }

  get state(): object {
    return {};
  }
}

/** Head and body of a local reply in HTTP/2. */
export function replyParts(
  reply: LocalReply,
  method: string,
  isGrpc: boolean,
): { head: IncomingHttpHeaders; body: Buffer } {
  const grpc = isGrpc || reply.grpcStatus !== undefined;
  const body = Buffer.from(grpc || method === 'HEAD' ? '' : (reply.body ?? ''), 'utf8');
  const head = Object.create(null) as Record<string, unknown>;
  head[':status'] = grpc ? 200 : reply.status;
  for (const [name, value] of replyHeaders(reply, body, { method, isGrpc })) head[name.toLowerCase()] = value;
  head['date'] = new Date().toUTCString();
  return { head: head as IncomingHttpHeaders, body };
}
