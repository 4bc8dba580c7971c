import { ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import { applyHeaderOperations, withAuthority, type HeaderList } from '../upstream/header-operations.ts';
import type { NodeRequest } from './http-connection.ts';
import { noteResponse } from './http-exchange.ts';
import { addGoverned, governedUnder } from './http-governed-by.ts';
import { headersOf, renderedHeaders, sameHeaders, unrenderedHeaders } from './http-headers.ts';
import { RequestMirrors } from './http-mirror.ts';
import type { HttpPassage } from './http-passages.ts';
import { countBody } from './http-request-body.ts';
import { rewriteResponse } from './http-response.ts';
import { RequestTimeout } from './http-timeout.ts';
import type { HttpWatch } from './http-watch.ts';
import { LocalReplySocket, serializeReply } from './local-reply.ts';
import { failingSocket } from './socket-failure.ts';
import type { CallOptions, Exchange, Guard, RequestPlan, RequestVerdict, SeamName } from './seam.ts';

/** One HTTP/1 request under one guard: what was decided, and what is still to be done to it. */
export class GovernedRequest {
  readonly guard: Guard;
  readonly watch: HttpWatch;
  readonly request: NodeRequest;
  readonly seam: SeamName;
  readonly call: CallOptions | undefined;
  readonly passage: HttpPassage | undefined;
  plan: RequestPlan | undefined = undefined;
  exchange: Exchange | undefined = undefined;
  /** The request was answered here: a socket that arrives later is not for it. */
  settled = false;
  /** Its events are heard, until it is closed. */
  watched = false;
  /** The connection that it got, as far as it is watched. */
  socket: Socket | undefined = undefined;
  /** Under another guard that decided it afterwards. */
  next: GovernedRequest | undefined = undefined;
  #connection: Connection | undefined;
  #rendered = false;
  #timeout: RequestTimeout | undefined = undefined;
  #mirrors: RequestMirrors | undefined = undefined;

  /** `connection`: what was asked for, unless the request goes by a passage. */
  constructor(
    watch: HttpWatch,
    request: NodeRequest,
    seam: SeamName,
    connection: Connection | undefined,
    call: CallOptions | undefined,
    passage?: HttpPassage,
  ) {
    this.guard = watch.guard;
    this.watch = watch;
    this.request = request;
    this.seam = seam;
    this.call = call;
    this.passage = passage;
    this.#connection = connection;
    addGoverned(request, this);
  }

  /** What was decided. */
  get connection(): Connection {
    return (this.#connection ??= this.passage?.connectionOf(this.request) ?? { port: 0 });
  }

  /** The request goes on by its passage: all there is to do is to watch it, where somebody does. */
  pass({ passage }: HttpPassage): void {
    this.plan = passage?.plan;
    if (!this.guard.watched || passage === undefined) return;
    this.exchange = this.guard.passed(passage, this.connection, this.seam);
    if (this.exchange) this.#watch(this.exchange);
  }

  /** What was decided for its destination held for it to the end, and it had its answer. */
  wentByPassage(): boolean {
    return this.exchange?.connection === this.#connection && this.exchange?.responseFlags === '';
  }

  /** The request goes on. What changes it is done when its head is rendered, for headers may still be set. */
  proceed(plan: RequestPlan, exchange: Exchange | undefined): void {
    this.plan = plan;
    if (exchange && this.exchange !== exchange) {
      this.exchange = exchange;
      this.#watch(exchange);
    } else if (plan.responseHeaders.length > 0 || plan.timeoutMs !== undefined) this.watch.add(this);
    if (plan.timeoutMs !== undefined) {
      this.#timeout = new RequestTimeout(this, plan.timeoutMs);
      this.#timeout.arm();
    }
    if (plan.mirrors.length > 0)
      this.#mirrors = new RequestMirrors(this.guard, this.request, this.connection, plan.mirrors);
    if (this.request._header) this.#rewriteRendered();
  }

  #watch(exchange: Exchange): void {
    exchange.protocol = 'HTTP/1.1';
    this.watch.add(this);
    countBody(this.request, exchange);
  }

  /** The request is answered here, or fails: through the socket it would have got, so that Node does the rest. */
  settle(verdict: Exclude<RequestVerdict, { kind: 'proceed' | 'resolve' }>): void {
    this.settled = true;
    const { request, connection } = this;
    const secure = connection.transport === 'tls';
    if (verdict.exchange) {
      verdict.exchange.protocol = 'HTTP/1.1';
      this.exchange = verdict.exchange;
      this.watch.add(this);
    }
    const delayMs = verdict.delayMs ?? 0;
    const socket =
      verdict.kind === 'reply'
        ? new LocalReplySocket(serializeReply(verdict.reply, { method: request.method, isGrpc: this.isGrpc() }), {
            delayMs,
            encrypted: secure,
          })
        : failingSocket(verdict.error, {
            secure,
            host: connection.host ?? 'localhost',
            port: connection.port,
            delayMs,
          });
    // As the socket of a connection would have it from its options.
    const { timeout } = request as { readonly timeout?: number };
    if (timeout !== undefined && timeout > 0) socket.setTimeout(timeout);
    ClientRequest.prototype.onSocket.call(request, socket);
  }

  /** Whether the head may be rendered as it is. Else {@link renderHead} has to do it. */
  leavesHead(): boolean {
    if (this.#rendered || this.settled || !this.guard.active) return true;
    if (this.passage === undefined || !this.passage.takes(this.request)) return false;
    this.#rendered = true;
    return true;
  }

  /** The head is about to be rendered: the last moment to look at it, and the moment to change it. */
  renderHead(render: () => void): void {
    this.#rendered = true;
    if (this.passage !== undefined || this.#changedSinceDecided()) this.#decideAgain();
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
    const former = request._header;
    request._header = `${this.#firstLine(plan)}${lines.join('')}\r\n`;
    replaceQueued(request, former);
  }

  isGrpc(): boolean {
    const type = this.request.getHeader('content-type');
    return typeof type === 'string' && /^application\/grpc($|[+;])/.test(type);
  }

  /** Node has parsed the response's head; nobody has seen it yet. */
  onResponse(response: IncomingMessage): void {
    this.#timeout?.onResponse(response);
    if (this.plan && this.plan.responseHeaders.length > 0 && !this.settled)
      rewriteResponse(response, this.plan.responseHeaders);
    if (this.exchange) noteResponse(this.exchange, response);
  }
}

/** The head of a request that was ended before its connection came is in the queue, before the first of the body. */
function replaceQueued(request: NodeRequest, former: string): void {
  const [first] = request.outputData ?? [];
  const head = request._header;
  if (head === null || typeof first?.data !== 'string' || !first.data.startsWith(former)) return;
  first.data = head + first.data.slice(former.length);
  if (request.outputSize !== undefined) request.outputSize += head.length - former.length;
}

function changesHead(plan: RequestPlan): boolean {
  return plan.request !== undefined || plan.requestHeaders.length > 0;
}

/** Something in this package broke: the request does not go out. */
export function failClosed(watch: HttpWatch, request: NodeRequest, cause: unknown): void {
  const { guard } = watch;
  const governed = governedUnder(request, guard);
  const error = guard.internalError(cause);
  (governed ?? new GovernedRequest(watch, request, 'http', { host: 'localhost', port: 1 }, undefined)).settle({
    kind: 'fail',
    error,
  });
}
