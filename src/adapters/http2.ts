import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import { EgressTimeoutError } from '../errors.ts';
import { applyHeaderOperations } from '../upstream/header-operations.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { nameOfAuthority } from './connection-snapshot.ts';
import { observeStream } from './http2-exchange.ts';
import { changeInPlace, readStreamHeaders, toStreamHeaders, valueOf } from './http2-headers.ts';
import type { RequestHeaders } from './http2-headers.ts';
import { LocalStream, NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, replyParts } from './http2-stream.ts';
import type { PatchRegistry } from './patch-registry.ts';
import { CALL_OPTIONS } from './seam.ts';
import type { CallOptions, Guard, RequestPlan, RequestVerdict } from './seam.ts';
import { recordsOf } from './socket-records.ts';
import { hiddenField } from './hidden-field.ts';

type Request = (this: ClientHttp2Session, headers?: RequestHeaders, options?: StreamOptions) => ClientHttp2Stream;
type StreamOptions = Record<PropertyKey, unknown>;
type Named = Connection & { readonly request: HttpRequest };

/**
 * Governs each stream of each HTTP/2 session. The connection below was decided when it was dialled; where it leads
 * cannot be changed by one of its streams, whatever else of a route can.
 */
export function installHttp2(guard: Guard, patches: PatchRegistry): void {
  whenHttp2IsLoaded(patches, () => {
    patches.wrap<Request>(sessionPrototype(), 'request', (original) => {
      return function request(headers, options) {
        const pass = (): ClientHttp2Stream => original.call(this, headers, options);
        // Requests of undici were decided where they were dispatched.
        if (!guard.active || hiddenField(this, 'open streams') !== undefined) return pass();
        try {
          return govern(guard, this, original, headers, options);
        } catch (error) {
          if (!guard.seamFailed('http2', error)) return pass();
          return refuse(new LocalStream(this, {}), guard.internalError(error));
        }
      };
    });
  });
}

const LOADED = 'NativeModule internal/http2/core';

/**
 * `node:http2` takes long to load, and most programs never do. A session is made over a socket, so that it is enough to
 * look when one is dialled; the look is done once it was found.
 */
function whenHttp2IsLoaded(patches: PatchRegistry, found: () => void): void {
  // NODE: `process.moduleLoadList` is there from 20 to 26, in workers too, and not documented.
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  if (moduleLoadList === undefined || moduleLoadList.includes(LOADED)) return found();
  let waiting = true;
  patches.wrap(Socket.prototype, 'connect', (original: (...args: unknown[]) => Socket) => {
    return function connect(this: Socket, ...args: unknown[]): Socket {
      if (waiting && moduleLoadList.includes(LOADED)) {
        waiting = false;
        found();
      }
      return original.apply(this, args);
    };
  });
  patches.onRestore(() => (waiting = false));
}

/** Node does not export the class: a session over a stream that leads nowhere has it. */
function sessionPrototype(): object {
  const http2 = process.getBuiltinModule('node:http2');
  const nowhere = new Duplex({ read: () => undefined, write: (_chunk, _encoding, callback) => callback() });
  const session = http2.connect('http://localhost', { createConnection: () => nowhere });
  session.on('error', () => undefined);
  const prototype = Object.getPrototypeOf(session) as object;
  session.destroy();
  return prototype;
}

function govern(
  guard: Guard,
  session: ClientHttp2Session,
  original: Request,
  headers: RequestHeaders,
  options: StreamOptions | undefined,
): ClientHttp2Stream {
  // A session that is over has its own words.
  if (session.destroyed || session.closed) return original.call(session, headers, options);
  const list = readStreamHeaders(headers);
  const connection = streamConnection(guard, session, list);
  const wishes = options?.[CALL_OPTIONS] as CallOptions | undefined;
  const verdict = guard.request(connection, 'http2', wishes);
  if (verdict.kind === 'proceed') {
    const { plan, exchange } = verdict;
    const changed = changesHead(plan) ? toStreamHeaders(rewritten(list, plan), headers) : headers;
    const stream = original.call(session, changed, options);
    if (plan.responseHeaders.length > 0)
      stream.prependOnceListener('response', (head) => changeInPlace(head, plan.responseHeaders));
    if (exchange) observeStream(guard, stream, exchange, TIMED_OUT);
    if (plan.timeoutMs !== undefined) armTimeout(stream, plan, plan.timeoutMs, connection);
    return stream;
  }
  // The address is known only while the session is connecting to it: what the socket seam admits may go on.
  if (verdict.kind === 'resolve') return original.call(session, headers, options);
  return answer(guard, new LocalStream(session, toStreamHeaders(list, headers)), verdict, connection);
}

function answer(
  guard: Guard,
  stream: LocalStream,
  verdict: Exclude<RequestVerdict, { kind: 'proceed' | 'resolve' }>,
  { request }: Named,
): ClientHttp2Stream {
  if (verdict.exchange) observeStream(guard, stream, verdict.exchange);
  if (verdict.kind === 'fail') return refuse(stream, verdict.error, verdict.delayMs);
  const { head, body } = replyParts(verdict.reply, request.method, isGrpc(request));
  later(() => stream.reply(head, body), verdict.delayMs);
  return stream as unknown as ClientHttp2Stream;
}

function refuse(stream: LocalStream, error: Error, delayMs?: number): ClientHttp2Stream {
  later(() => stream.refuse(error), delayMs);
  return stream as unknown as ClientHttp2Stream;
}

/** Never before every listener had its turn to be attached. */
function later(action: () => void, delayMs = 0): void {
  if (delayMs > 0) setTimeout(action, delayMs);
  else setImmediate(action);
}

/** The destination is that of the socket; the authority is of each stream. */
function streamConnection(guard: Guard, session: ClientHttp2Session, list: HeaderList): Named {
  const socket = hiddenField(session, 'socket') as { readonly _parent?: unknown } | undefined;
  const record = recordsOf(guard).get(socket) ?? recordsOf(guard).get(socket?._parent);
  const own = hiddenField(session, 'authority');
  const authority = valueOf(list, ':authority') ?? valueOf(list, 'host') ?? (typeof own === 'string' ? own : undefined);
  const secure = session.encrypted === true || record?.transport === 'tls';
  const { host, port } = record?.connection ?? fromAuthority(typeof own === 'string' ? own : authority, secure);
  const type = valueOf(list, 'content-type') ?? '';
  return {
    host,
    port,
    transport: secure ? 'tls' : 'tcp',
    protocol: /^application\/grpc($|[+;])/.test(type) ? 'grpc' : 'http2',
    ...(authority !== undefined && { authority }),
    ...(record?.connection.sni !== undefined && { sni: record.connection.sni }),
    request: {
      method: valueOf(list, ':method') ?? 'GET',
      path: valueOf(list, ':path') ?? '/',
      scheme: secure ? 'https' : 'http',
      headers: Object.fromEntries(
        Object.entries(toStreamHeaders(list, null)).filter(([name]) => !name.startsWith(':')),
      ) as HttpRequest['headers'],
    },
  };
}

function fromAuthority(authority: string | undefined, secure: boolean): { host: string; port: number } {
  const port = /:(\d+)$/.exec(authority ?? '')?.[1];
  return { host: nameOfAuthority(authority ?? ''), port: port === undefined ? (secure ? 443 : 80) : Number(port) };
}

function changesHead(plan: RequestPlan): boolean {
  return plan.request !== undefined || plan.requestHeaders.length > 0;
}

function rewritten(list: HeaderList, plan: RequestPlan): HeaderList {
  const changed = applyHeaderOperations(list, plan.requestHeaders).map(([name, value]): [string, string] => [
    name.toLowerCase(),
    value,
  ]);
  if (plan.request === undefined) return changed;
  const { method, path, authority } = plan.request;
  const rest = changed.filter(([name]) => ![':method', ':path', ':authority', 'host'].includes(name));
  const kept = authority === '' ? changed.filter(([name]) => name === ':authority') : [[':authority', authority]];
  return [[':method', method], [':path', path], ...(kept as HeaderList), ...rest];
}

function isGrpc({ headers }: HttpRequest): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^application\/grpc($|[+;])/.test(type);
}

/** Envoy's clock runs from the end of the request to the end of the answer. */
function armTimeout(stream: ClientHttp2Stream, plan: RequestPlan, timeoutMs: number, connection: Named): void {
  let timer: NodeJS.Timeout | undefined;
  let responded = false;
  stream.prependOnceListener('response', () => (responded = true));
  const start = (): void => {
    timer ??= setTimeout(
      () => timedOut(stream, plan, { timeoutMs, responded: () => responded }, connection),
      timeoutMs,
    );
  };
  if (stream.writableEnded || stream.endAfterHeaders) start();
  else stream.once('finish', start);
  stream.once('close', () => clearTimeout(timer));
}

function timedOut(
  stream: ClientHttp2Stream,
  plan: RequestPlan,
  { timeoutMs, responded }: { readonly timeoutMs: number; readonly responded: () => boolean },
  connection: Named,
): void {
  if (stream.destroyed) return;
  const { host = '', port } = connection;
  const error = new EgressTimeoutError(
    `ERR_EGRESS_TIMEOUT: request to ${host}:${port} timed out after ${timeoutMs} ms`,
    timeoutMs,
    { host, port, decision: plan.decision },
  );
  stream.emit(TIMED_OUT, error);
  if (responded() || plan.timeoutAs === 'error') {
    stream.destroy(error);
    return;
  }
  const reply = { status: 504, body: 'upstream request timeout' };
  const { head, body } = replyParts(reply, connection.request.method, isGrpc(connection.request));
  giveOnLiveStream(stream, head, body);
}

/** Told to the exchange before anything else happens. */
export const TIMED_OUT = Symbol('sidecarless.timed-out');

/** The answer goes in where the server's would come out; the server is told that it is not wanted any more. */
function giveOnLiveStream(stream: ClientHttp2Stream, head: IncomingHttpHeaders, body: Buffer): void {
  stream.emit('response', head, body.length === 0 ? NGHTTP2_FLAG_END_STREAM : 0);
  if (body.length > 0) stream.push(body);
  stream.push(null);
  stream.once('end', () => stream.close(NGHTTP2_CANCEL));
}
