import * as channels from 'node:diagnostics_channel';
import { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import type { HeaderOperation } from '../core/model/decision.ts';
import { EgressTimeoutError } from '../errors.ts';
import {
  applyHeaderOperations,
  fromRawHeaders,
  withAuthority,
  type HeaderList,
} from '../upstream/header-operations.ts';
import { headersOf, renderedHeaders, sameHeaders, unrenderedHeaders, type NodeRequest } from './http-connection.ts';
import { observeRequest, observeResponse } from './http-exchange.ts';
import { RequestMirrors } from './http-mirror.ts';
import { LocalReplySocket, serializeReply } from './local-reply.ts';
import { failingSocket } from './socket-failure.ts';
import type { CallOptions, Exchange, Guard, RequestPlan, RequestVerdict, SeamName } from './seam.ts';

const GOVERNED: unique symbol = Symbol('sidecarless.governed');

type Bearer = NodeRequest & { [GOVERNED]?: GovernedRequest[] };

/** All guards that decided this request; usually one. */
export function governedBy(request: NodeRequest): readonly GovernedRequest[] {
  return (request as Bearer)[GOVERNED] ?? [];
}

/** Whether `guard` decided this request already. */
export function isGoverned(request: NodeRequest, guard: Guard): boolean {
  return governedBy(request).some((governed) => governed.guard === guard);
}

/** One HTTP/1 request under one guard: what was decided, and what is still to be done to it. */
export class GovernedRequest {
  readonly guard: Guard;
  readonly request: NodeRequest;
  readonly seam: SeamName;
  readonly connection: Connection;
  readonly call: CallOptions | undefined;
  plan: RequestPlan | undefined;
  exchange: Exchange | undefined;
  /** The request was answered here: a socket that arrives later is not for it. */
  settled = false;
  #rendered = false;
  #timer: NodeJS.Timeout | undefined;
  #mirrors: RequestMirrors | undefined;
  /** The connection to a server that did not answer in time, on which the client was answered in its place. */
  #answeredOn: Socket | undefined;

  constructor(
    guard: Guard,
    request: NodeRequest,
    seam: SeamName,
    connection: Connection,
    call: CallOptions | undefined,
  ) {
    this.guard = guard;
    this.request = request;
    this.seam = seam;
    this.connection = connection;
    this.call = call;
    const bearer = request as Bearer;
    if (bearer[GOVERNED]) bearer[GOVERNED].push(this);
    else bearer[GOVERNED] = [this];
  }

  /** The request goes on. What changes it is done when its head is rendered, for headers may still be set. */
  proceed(plan: RequestPlan, exchange: Exchange | undefined): void {
    this.plan = plan;
    if (exchange && this.exchange !== exchange) {
      this.exchange = exchange;
      observeRequest(this.guard, this.request, exchange);
      countBody(this.request, exchange);
    }
    if (exchange || plan.responseHeaders.length > 0 || plan.timeoutMs !== undefined) watchResponses();
    if (plan.timeoutMs !== undefined) this.#armTimeout(plan.timeoutMs);
    if (plan.mirrors.length > 0)
      this.#mirrors = new RequestMirrors(this.guard, this.request, this.connection, plan.mirrors);
    if (this.request._header) this.#rewriteRendered();
  }

  /** The request is answered here, or fails: through the socket it would have got, so that Node does the rest. */
  settle(verdict: Exclude<RequestVerdict, { kind: 'proceed' | 'resolve' }>): void {
    this.settled = true;
    const { request, connection } = this;
    const secure = connection.transport === 'tls';
    if (verdict.exchange) {
      if (this.exchange !== verdict.exchange) observeRequest(this.guard, request, verdict.exchange);
      this.exchange = verdict.exchange;
      watchResponses();
    }
    const delayMs = verdict.delayMs ?? 0;
    const socket =
      verdict.kind === 'reply'
        ? new LocalReplySocket(serializeReply(verdict.reply, { method: request.method, isGrpc: this.#isGrpc() }), {
            delayMs,
            encrypted: secure,
          })
        : failingSocket(verdict.error, {
            secure,
            host: connection.host ?? 'localhost',
            port: connection.port,
            delayMs,
          });
    ClientRequest.prototype.onSocket.call(request, socket as unknown as Socket);
  }

  /** The head is about to be rendered: the last moment to look at it, and the moment to change it. */
  beforeHead(render: () => void): void {
    if (this.#rendered || this.settled || !this.guard.active) {
      render();
      return;
    }
    this.#rendered = true;
    if (this.#changedSinceDecided()) this.#decideAgain();
    const plan = this.plan;
    if (!plan || !(changesHead(plan) || this.#mirrors)) {
      render();
      return;
    }
    const headers = this.#rewrite(unrenderedHeaders(this.request), plan);
    this.#mirrors?.open({ method: this.request.method, path: plan.request?.path ?? this.request.path, headers });
    if (changesHead(plan)) this.request._storeHeader(this.#firstLine(plan), headers);
    else render();
  }

  /** Headers, method and path may be set until the head is sent; what the decision depended on must still hold. */
  #changedSinceDecided(): boolean {
    const { request, connection } = this;
    const decided = connection.request;
    if (!decided) return false;
    if (decided.method !== request.method || decided.path !== request.path) return true;
    return !sameHeaders(request, decided.headers);
  }

  /** Asks anew. A connection may be under way by now: what leads elsewhere, or nowhere, can only be broken off. */
  #decideAgain(): void {
    const { request, guard, connection } = this;
    const headers = headersOf(request);
    const host = headers['host'];
    const authority = typeof host === 'string' ? host : host?.[0];
    const { authority: _former, ...rest } = connection;
    const again: Connection = {
      ...rest,
      ...(authority !== undefined && authority !== '' && { authority }),
      request: { method: request.method, path: request.path, headers, scheme: connection.request?.scheme ?? 'http' },
    };
    const verdict = guard.request(again, this.seam, this.call, this.exchange);
    if (verdict.kind === 'proceed' && verdict.plan.target?.key === this.plan?.target?.key) {
      this.plan = verdict.plan;
      return;
    }
    this.plan = undefined;
    this.settled = true;
    const elsewhere = 'the headers set after the request was created lead it elsewhere: pass them in its options';
    request.destroy(verdict.kind === 'fail' ? verdict.error : new Error(elsewhere));
  }

  #firstLine(plan: RequestPlan): string {
    const { method, path } = plan.request ?? this.request;
    return `${method} ${path} HTTP/1.1\r\n`;
  }

  #rewrite(headers: HeaderList, plan: RequestPlan): HeaderList {
    const changed = applyHeaderOperations(headers, plan.requestHeaders);
    const authority = plan.request?.authority;
    return authority === undefined || authority === this.connection.authority
      ? changed
      : withAuthority(changed, authority);
  }

  /** Headers given as an array, and `Expect`, are rendered by the constructor already. */
  #rewriteRendered(): void {
    const { plan, request } = this;
    this.#rendered = true;
    if (!plan || !(changesHead(plan) || this.#mirrors) || !request._header) return;
    const headers = this.#rewrite(renderedHeaders(request._header), plan);
    this.#mirrors?.open({ method: request.method, path: plan.request?.path ?? request.path, headers });
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
    request._header = `${this.#firstLine(plan)}${lines.join('')}\r\n`;
  }

  /** Envoy's clock starts when the whole request was received, and runs until the whole response was. */
  #armTimeout(timeoutMs: number): void {
    const { request } = this;
    const start = (): void => {
      if (this.#timer || request.destroyed) return;
      this.#timer = setTimeout(() => this.#timedOut(timeoutMs), timeoutMs);
      request.once('close', () => clearTimeout(this.#timer));
    };
    if (!mayHaveBody(request)) start();
    else whenEnded(request, start);
  }

  #timedOut(timeoutMs: number): void {
    const { request, exchange, plan } = this;
    if (request.destroyed || request.upgradeOrConnect) return;
    this.settled = true;
    const { host, port } = this.connection;
    const error = new EgressTimeoutError(
      `ERR_EGRESS_TIMEOUT: request to ${host}:${port} timed out after ${timeoutMs} ms`,
      timeoutMs,
      { host: host ?? '', port, ...(plan && { decision: plan.decision }) },
    );
    if (exchange) {
      exchange.responseFlags = 'UT';
      exchange.responseCodeDetails = 'response_timeout';
      if (!request.res) exchange.responseCode = 504;
    }
    if (request.res || plan?.timeoutAs === 'error') {
      (request.res ? (request.res as IncomingMessage) : request).destroy(error);
      return;
    }
    const reply = serializeReply(
      { status: 504, body: 'upstream request timeout' },
      { method: request.method, isGrpc: this.#isGrpc() },
    );
    const socket = request.socket;
    if (socket) {
      this.#answeredOn = socket;
      answerOn(socket, request, reply);
    } else {
      ClientRequest.prototype.onSocket.call(request, new LocalReplySocket(reply) as unknown as Socket);
      // The pool may still deliver a connection: it is not wanted any more.
      define(request, 'onSocket', (late: Socket | null) => late?.destroy());
    }
  }

  #isGrpc(): boolean {
    const type = this.request.getHeader('content-type');
    return typeof type === 'string' && /^application\/grpc($|[+;])/.test(type);
  }

  /** Node has parsed the response's head; nobody has seen it yet. */
  onResponse(response: IncomingMessage): void {
    // One that still connects would wait for its writes before it closes, and the request with it.
    const abandoned = this.#answeredOn;
    if (abandoned) response.once('end', () => abandoned.destroy());
    if (this.plan && this.plan.responseHeaders.length > 0 && !this.settled)
      rewriteResponse(response, this.plan.responseHeaders);
    if (this.exchange) observeResponse(this.exchange, response);
  }
}

function changesHead(plan: RequestPlan): boolean {
  return plan.request !== undefined || plan.requestHeaders.length > 0;
}

function mayHaveBody({ method }: NodeRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE' && method !== 'CONNECT';
}

/** Calls back when the application has ended the request: on the request itself, for Node has no event for it. */
function whenEnded(request: NodeRequest, callback: () => void): void {
  if (request.writableEnded) {
    callback();
    return;
  }
  const end = request.end.bind(request) as (...args: unknown[]) => NodeRequest;
  define(request, 'end', (...args: unknown[]) => {
    const result = end(...args);
    callback();
    return result;
  });
}

/** Counts body bytes as the application writes them; a declared length is enough where there is one. */
function countBody(request: NodeRequest, exchange: Exchange): void {
  if (!mayHaveBody(request)) return;
  const count = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string')
      exchange.bytesReceived += Buffer.byteLength(
        chunk,
        typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8',
      );
    else if (chunk instanceof Uint8Array) exchange.bytesReceived += chunk.byteLength;
  };
  for (const name of ['write', 'end'] as const) {
    const original = request[name].bind(request) as (...args: unknown[]) => unknown;
    let inside = false;
    define(request, name, (...args: unknown[]) => {
      if (!inside) count(args[0], args[1]);
      inside = true;
      try {
        return original(...args);
      } finally {
        inside = false;
      }
    });
  }
}

function define(request: NodeRequest, name: string, value: unknown): void {
  Object.defineProperty(request, name, { value, writable: true, configurable: true });
}

/**
 * Gives the client an answer on a live connection to a server that has not answered: the bytes go in where the
 * server's would come out, and the connection is closed behind them.
 */
function answerOn(socket: Socket, request: NodeRequest, reply: Buffer): void {
  request.shouldKeepAlive = false;
  const handle = (socket as unknown as { _handle?: { readStop?: () => number; reading?: boolean } | null })._handle;
  handle?.readStop?.();
  // Node's parser may read from the handle directly; taking it over sends data through the stream again.
  (socket as unknown as { parser?: { unconsume?: () => void } }).parser?.unconsume?.();
  request.once('close', () => socket.destroy());
  socket.push(reply);
}

/** The response's headers as the route wants them, through Node's own rules for repeated fields. */
function rewriteResponse(response: IncomingMessage, operations: readonly HeaderOperation[]): void {
  const raw = applyHeaderOperations(fromRawHeaders(response.rawHeaders), operations).flat();
  const fresh = new IncomingMessage(response.socket) as IncomingMessage & {
    _addHeaderLines(headers: string[], count: number): void;
  };
  fresh._addHeaderLines(raw, raw.length);
  response.rawHeaders = raw;
  response.headers = fresh.headers;
  response.headersDistinct = fresh.headersDistinct;
}

let watching = false;

/** Published by Node when a response's head was parsed, before `response` is emitted. Subscribed once per process. */
function watchResponses(): void {
  if (watching) return;
  watching = true;
  channels.subscribe('http.client.response.finish', (message) => {
    const { request, response } = message as { request: NodeRequest; response: IncomingMessage };
    for (const governed of governedBy(request)) {
      try {
        governed.onResponse(response);
      } catch (error) {
        governed.guard.seamFailed(governed.seam, error);
      }
    }
  });
}
