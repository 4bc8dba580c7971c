import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { LocalReply } from '../core/model/decision.ts';
import { answerTlsQuestions } from './tls-questions.ts';

/**
 * Stands in for the socket of an HTTP/1 request that is answered here. It swallows what the client writes and, once
 * the client has written something, gives the answer as raw HTTP, so that Node's own parser makes the response. A socket
 * without a connection: what programs ask one (its address, its certificate) is answered, and its timeout runs.
 */
export class LocalReplySocket extends Socket {
  /** Node's http reads these. */
  override readonly connecting: boolean = false;
  readonly encrypted: boolean;
  #reply: Buffer | undefined;
  #delayMs: number;

  constructor(reply: Buffer, { delayMs = 0, encrypted = false } = {}) {
    super({ allowHalfOpen: true });
    this.#reply = reply;
    this.#delayMs = delayMs;
    this.encrypted = encrypted;
    if (encrypted) answerTlsQuestions(this, () => undefined);
  }

  /** Nobody else's certificate is in question. */
  get authorized(): boolean | undefined {
    return this.encrypted ? true : undefined;
  }

  override _read(): void {
    // The answer is pushed when it is due.
  }

  override _write(_chunk: unknown, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#answer();
    callback();
  }

  override _writev(_chunks: unknown, callback: (error?: Error | null) => void): void {
    this.#answer();
    callback();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#answer();
    callback();
  }

  /** Never before the caller has had its turn: an answer from a network is not synchronous either. */
  #answer(): void {
    const reply = this.#reply;
    if (!reply) return;
    this.#reply = undefined;
    const push = (): void => {
      if (this.destroyed) return;
      this.push(reply);
      this.push(null);
    };
    if (this.#delayMs > 0) {
      const timer = setTimeout(push, this.#delayMs);
      this.once('close', () => clearTimeout(timer));
    } else setImmediate(push);
  }

  override destroySoon(): void {
    this.destroy();
  }
  /** There is no connection that these would wait for. */
  override setNoDelay(): this {
    return this;
  }
  override setKeepAlive(): this {
    return this;
  }
  override ref(): this {
    return this;
  }
  override unref(): this {
    return this;
  }
}

/** The request that is answered: its method decides whether a body is sent, its headers whether it is gRPC. */
export interface RepliedRequest {
  readonly method: string;
  readonly isGrpc: boolean;
}

/** Header fields of a local reply, in Envoy's order; the body's length included. */
export function replyHeaders(reply: LocalReply, body: Buffer, { isGrpc }: RepliedRequest): [string, string][] {
  const headers: [string, string][] = [];
  if (reply.grpcStatus !== undefined || isGrpc) {
    headers.push(['content-type', 'application/grpc']);
    headers.push(['grpc-status', String(reply.grpcStatus ?? grpcStatusOf(reply.status))]);
    const message = reply.grpcMessage ?? reply.body;
    if (message) headers.push(['grpc-message', encodeURIComponent(message).replaceAll('%20', ' ')]);
  } else {
    headers.push(['content-length', String(body.length)]);
    if (body.length > 0) headers.push(['content-type', 'text/plain']);
  }
  if (reply.location !== undefined) headers.push(['location', reply.location]);
  const given = new Set((reply.headers ?? []).map(([name]) => name.toLowerCase()));
  return [
    ...headers.filter(([name]) => !given.has(name)),
    ...(reply.headers ?? []).map(([n, v]): [string, string] => [n, v]),
  ];
}

/** The answer as bytes of HTTP/1.1. The connection ends with it, so that no pool keeps it. */
export function serializeReply(reply: LocalReply, request: RepliedRequest): Buffer {
  const grpc = reply.grpcStatus !== undefined || request.isGrpc;
  const body = Buffer.from(grpc ? '' : (reply.body ?? ''), 'utf8');
  const status = grpc ? 200 : reply.status;
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`];
  for (const [name, value] of replyHeaders(reply, body, request)) lines.push(`${name}: ${oneLine(value)}`);
  lines.push(`date: ${new Date().toUTCString()}`, 'connection: close', '', '');
  const head = Buffer.from(lines.join('\r\n'), 'latin1');
  return request.method === 'HEAD' ? head : Buffer.concat([head, body]);
}

/** A configured value must not become a header of its own. */
function oneLine(value: string): string {
  return value.replace(/[\r\n\0]/g, ' ');
}

/** Envoy's mapping of HTTP status to gRPC status for local replies. */
export function grpcStatusOf(httpStatus: number): number {
  if (httpStatus === 400) return 13;
  if (httpStatus === 401) return 16;
  if (httpStatus === 403) return 7;
  if (httpStatus === 404) return 12;
  if (httpStatus === 429 || httpStatus === 502 || httpStatus === 503 || httpStatus === 504) return 14;
  return 2;
}
