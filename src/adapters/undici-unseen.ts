import * as channels from 'node:diagnostics_channel';
import type { Connection } from '../core/model/connection.ts';
import type { Exchange, Guard } from './seam.ts';
import { connectionTo } from './undici-connection.ts';
import { parseOrigin } from './undici-dispatcher.ts';
import { noteClientGone } from './upstream-failure.ts';
import { noteAnswer, noteFailure } from './undici-exchange.ts';
import { readRequestHeaders } from './undici-headers.ts';
import type { HeaderList } from '../upstream/header-operations.ts';

/** undici's Request, as its channel publishes it. */
export interface CreatedRequest {
  readonly origin?: unknown;
  readonly method?: unknown;
  readonly path?: unknown;
  readonly host?: unknown;
  readonly upgrade?: unknown;
  /** A header block in undici 6, names and values since 7. */
  readonly headers?: unknown;
  readonly servername?: unknown;
  /** Undocumented: a request that has one fails with it before anything is written. */
  error?: unknown;
}

/**
 * A request of a copy of undici that was bundled into a program, where nothing can be wrapped: it is decided when it
 * is made, and refused by the error it is given. More than refuse cannot be done here; the socket seam below decides its
 * connection as any other.
 */
export function observeUnseen(guard: Guard, request: CreatedRequest): void {
  try {
    const connection = connectionOf(request);
    if (connection === undefined) return;
    const verdict = guard.request(connection, 'undici');
    if (verdict.kind === 'fail') refuse(guard, request, verdict.error, verdict.exchange);
    else if (verdict.kind === 'reply')
      refuse(guard, request, new Error(`answered by policy with ${verdict.reply.status}`), verdict.exchange);
    else if (verdict.kind === 'proceed' && verdict.exchange) follow(guard, request, verdict.exchange);
  } catch (error) {
    if (guard.seamFailed('undici', error)) request.error = guard.internalError(error);
  }
}

function refuse(guard: Guard, request: CreatedRequest, error: unknown, exchange: Exchange | undefined): void {
  request.error = error;
  if (!exchange) return;
  exchange.endedAt = performance.now();
  guard.ended(exchange);
}

function connectionOf(request: CreatedRequest): Connection | undefined {
  const origin = parseOrigin(request.origin);
  if (origin === undefined || request.method === 'CONNECT') return undefined;
  const headers =
    typeof request.headers === 'string' ? readBlock(request.headers) : readRequestHeaders(request.headers);
  const named = typeof request.host === 'string' && request.host !== '' ? request.host : undefined;
  const servername = request.servername ?? undefined;
  return connectionTo(origin, { method: request.method, path: request.path, servername }, headers, named);
}

function readBlock(block: string): HeaderList {
  return block
    .split('\r\n')
    .filter((line) => line.includes(':'))
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
}

const following = new WeakMap<object, (name: string, message: unknown) => void>();
let subscribed = false;

/** What the other channels tell of it, for its log line. */
function follow(guard: Guard, request: object, exchange: Exchange): void {
  exchange.protocol = 'HTTP/1.1';
  exchange.attempts = 1;
  const end = (): void => {
    following.delete(request);
    exchange.endedAt = performance.now();
    guard.ended(exchange);
  };
  following.set(request, (name, message) => {
    if (name === 'headers') {
      const { response } = message as { response: { statusCode: number; headers: unknown[] } };
      noteAnswer(exchange, response.statusCode, { raw: response.headers, parsed: null });
    } else if (name === 'trailers') end();
    else {
      const { error } = message as { error: Error };
      noteFailure(exchange, error, error.name === 'AbortError');
      if (exchange.responseFlags === '') noteClientGone(exchange);
      end();
    }
  });
  if (subscribed) return;
  subscribed = true;
  for (const name of ['headers', 'trailers', 'error'])
    channels.subscribe(`undici:request:${name}`, (message) => {
      following.get((message as { request: object }).request)?.(name, message);
    });
}
