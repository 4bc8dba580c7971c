import { stringify } from 'node:querystring';
import type { ParsedUrlQueryInput } from 'node:querystring';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import { applyHeaderOperations, withAuthority } from '../upstream/header-operations.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { serverNameOf } from './connection-snapshot.ts';
import { CALL_OPTIONS } from './seam.ts';
import type { CallOptions, Exchange, Guard, RequestPlan, RequestVerdict, UpstreamTarget } from './seam.ts';
import { mirrorTo } from './mirror-connection.ts';
import { dialledAddress } from './socket-lookup.ts';
import { discardBody } from './undici-body.ts';
import { isLeaf, parseOrigin } from './undici-dispatcher.ts';
import type { Dispatcher, DispatchOptions, Handler } from './undici-dispatcher.ts';
import { GovernedDispatch } from './undici-governed.ts';
import { inShapeOf, isOneShot, readRequestHeaders, toHeaderRecord } from './undici-headers.ts';
import { isInstalled } from './undici-installed.ts';
import { TargetDispatchers, type Detour } from './undici-targets.ts';
import { mark, readToken } from './undici-token.ts';
import { refusedTunnel } from './undici-tunnel.ts';

export type Dispatch = (options: DispatchOptions, handler: Handler) => boolean;

/** One call of `dispatch`, outermost. */
export interface DispatchCall {
  /** Absent: behind an interceptor, which is not told. */
  readonly dispatcher: object | undefined;
  readonly options: DispatchOptions;
  readonly handler: Handler;
  /** What was wrapped. */
  readonly dispatch: Dispatch;
}

type Named = Connection & { readonly host: string; readonly request: HttpRequest };

/** The bundled preload loads this file at the first request of undici. */
export function undiciDispatches(guard: Guard): UndiciDispatches {
  return new UndiciDispatches(guard);
}

/**
 * Decides requests that pass an undici dispatcher. A request goes through several dispatchers of one copy (Agent, Pool,
 * Client), some of them later, from a queue: it is decided at the first, and recognised at the others by its options.
 */
export class UndiciDispatches {
  readonly #guard: Guard;
  readonly #beside: TargetDispatchers;
  /** The request whose dispatch is on the stack: its `undici:request:create` is published meanwhile. */
  current: GovernedDispatch | true | undefined;

  constructor(guard: Guard) {
    this.#guard = guard;
    this.#beside = new TargetDispatchers(guard);
  }

  /** The application closes or destroys a dispatcher: what was made beside it goes the same way. */
  ended(dispatcher: object, end: (beside: Dispatcher) => void): void {
    this.#beside.ended(dispatcher, end);
  }

  dispatch(call: DispatchCall): boolean {
    const { options, handler, dispatcher } = call;
    const token = readToken(options, this.#guard);
    if (token !== undefined) {
      if (token.detour !== undefined && dispatcher !== undefined) {
        const led = this.#lead(call, token.governed, token.detour);
        if (led !== undefined) return led;
      }
      if (dispatcher !== undefined && isLeaf(dispatcher)) token.spent = true;
      return this.#pass(token.governed, () => call.dispatch(options, handler));
    }
    try {
      return this.#decide(call);
    } catch (error) {
      if (!this.#guard.seamFailed('undici', error)) return this.#pass(true, () => call.dispatch(options, handler));
      const governed = this.#governed({ host: 'localhost', port: 1 }, call);
      governed.settle({ kind: 'fail', error: this.#guard.internalError(error) });
      return true;
    }
  }

  #decide(call: DispatchCall): boolean {
    const snapshot: DispatchOptions = { ...call.options };
    const origin = parseOrigin(snapshot.origin ?? originOf(call.dispatcher));
    // undici has its own words for what is no origin; one of several may be chosen below, and it is decided there.
    if (origin === undefined) return call.dispatch(call.options, call.handler);
    if (snapshot.method === 'CONNECT') {
      const refusal = refusedTunnel(this.#guard, origin, String(snapshot.path));
      if (refusal) {
        this.#governed({ host: origin.host, port: origin.port }, call).settle(refusal);
        return true;
      }
      // Of the way to the proxy the socket is what is decided.
      const marked = mark(snapshot, this.#guard, true);
      return this.#pass(true, () => call.dispatch(marked, call.handler));
    }
    if (snapshot.origin !== undefined) snapshot.origin = origin.text;
    const headers = readRequestHeaders(snapshot.headers);
    if (isOneShot(snapshot.headers)) snapshot.headers = headers.flat();
    const path = pathOf(snapshot);
    const secure = origin.protocol === 'https:';
    const authority = headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? origin.authority;
    const sni = secure ? serverNameOf(snapshot.servername, origin.host, authority) : undefined;
    const connection: Named = {
      host: origin.host,
      port: origin.port,
      transport: secure ? 'tls' : 'tcp',
      protocol: 'http1',
      authority,
      ...(sni !== undefined && { sni }),
      request: {
        method: typeof snapshot.method === 'string' ? snapshot.method : 'GET',
        path,
        scheme: secure ? 'https' : 'http',
        headers: toHeaderRecord(headers),
      },
    };
    return this.#ask({ ...call, options: snapshot }, connection, headers);
  }

  #ask(call: DispatchCall, connection: Named, headers: HeaderList): boolean {
    const wishes = call.options[CALL_OPTIONS] as CallOptions | undefined;
    const governed = this.#governed(connection, call);
    const carryOut = (verdict: ReturnType<Guard['request']>, address?: string): boolean => {
      if (verdict.kind === 'proceed') {
        const send = { call, connection, headers, governed, plan: verdict.plan, address, mirrored: { done: false } };
        return this.#forward(send, verdict);
      }
      if (verdict.kind === 'resolve') return this.#resolve(connection, wishes, carryOut, governed);
      discardBody(call.options.body, verdict.kind === 'fail' ? verdict.error : new Error('answered by policy'));
      governed.settle(verdict);
      return true;
    };
    return carryOut(this.#guard.request(connection, 'undici', wishes));
  }

  /** The address decides: resolve, ask again with it, and dial that one and no other. */
  #resolve(
    connection: Named,
    wishes: CallOptions | undefined,
    carryOut: (verdict: ReturnType<Guard['request']>, address?: string) => boolean,
    governed: GovernedDispatch,
  ): true {
    dialledAddress(connection.host, undefined, (error, address) => {
      if (error || address === undefined) return governed.fail(error ?? new Error('no address'));
      const verdict = this.#guard.request({ ...connection, address }, 'undici', wishes);
      if (verdict.kind !== 'resolve') carryOut(verdict, address);
    });
    return true;
  }

  #forward(send: Send, { exchange, wait }: Proceed): boolean {
    const { governed, plan, call } = send;
    const untouched =
      exchange === undefined &&
      plan.target === undefined &&
      send.address === undefined &&
      plan.timeoutMs === undefined &&
      plan.delayMs === undefined &&
      plan.retries === undefined &&
      plan.mirrors.length === 0 &&
      wait === undefined &&
      plan.responseHeaders.length === 0;
    if (untouched) return this.#send(send, call.handler, undefined, true);
    let result = true;
    const { generation } = this.#guard;
    const sendTry = (handler: Handler, target: UpstreamTarget | undefined): void => {
      // It waited, and the policy is another: what was decided does not hold any more.
      if (this.#guard.generation !== generation) this.#askAgain(send, exchange);
      else result = this.#send(send, handler, target, governed);
    };
    governed.proceed(plan, exchange, sendTry, wait);
    return result;
  }

  #askAgain({ call, connection, headers, governed }: Send, exchange: Exchange | undefined): void {
    const wishes = call.options[CALL_OPTIONS] as CallOptions | undefined;
    const verdict = this.#guard.request(connection, 'undici', wishes, exchange);
    if (verdict.kind === 'proceed')
      this.#forward(
        { call, connection, headers, governed, plan: verdict.plan, address: undefined, mirrored: { done: false } },
        verdict,
      );
    else if (verdict.kind !== 'resolve') governed.settle(verdict);
    else governed.fail(this.#guard.internalError(new Error('the policy changed while the request waited')));
  }

  #send(send: Send, handler: Handler, target: UpstreamTarget | undefined, governed: GovernedDispatch | true): boolean {
    const { call, plan, connection, headers, address } = send;
    const options: DispatchOptions = { ...call.options };
    if (plan.request !== undefined || plan.requestHeaders.length > 0) rewrite(options, plan, headers, connection);
    if (plan.mirrors.length > 0 && governed !== true) this.#openMirrors(send, options, governed);
    if (governed !== true && governed.replay !== undefined) options.body = governed.replay;
    if (target === undefined && address === undefined) {
      mark(options, this.#guard, governed);
      return this.#pass(governed, () => call.dispatch(options, handler));
    }
    const connectTimeoutMs = plan.destination?.upstream?.connectTimeoutMs;
    const detour: Detour = { connection, connectTimeoutMs, ...(target && { target }), ...(address && { address }) };
    const named = plan.request?.authority !== undefined || headers.some(([name]) => name.toLowerCase() === 'host');
    if (!named) {
      const list = withAuthority(readRequestHeaders(options.headers), connection.authority ?? '');
      options.headers = inShapeOf(options.headers, list);
    }
    const led = call.dispatcher && this.#lead({ ...call, options, handler }, governed, detour);
    if (led !== undefined) return led;
    // Without its dispatcher, and without the seams below, the origin itself has to be another.
    if (call.dispatcher === undefined && !isInstalled(this.#guard)) this.#redirect(options, detour);
    mark(options, this.#guard, governed, detour);
    return this.#pass(governed, () => call.dispatch(options, handler));
  }

  /** Undefined: the dispatcher has no connections itself, and hands the request on to one that has. */
  #lead(call: DispatchCall, governed: GovernedDispatch | true, detour: Detour): boolean | undefined {
    const found = this.#beside.find(call.dispatcher ?? {}, detour);
    if (found === undefined) return undefined;
    const { target, connection } = detour;
    const options: DispatchOptions = { ...call.options, origin: found.origin };
    // undici would derive the server name from the Host header.
    options.servername = target?.tls ? (target.tls.servername ?? '') : (connection.sni ?? '');
    mark(options, this.#guard, governed);
    return this.#pass(governed, () => found.dispatcher.dispatch(options, call.handler));
  }

  #redirect(options: DispatchOptions, { connection, target, address }: Detour): void {
    if (target?.tls !== undefined || target?.tunnel !== undefined || target?.path !== undefined) {
      const refusal = this.#guard.unroutable(connection, INTERCEPTOR_ONLY);
      if (refusal) throw refusal;
      return;
    }
    const host = target?.host ?? address ?? connection.host;
    const scheme = connection.transport === 'tls' ? 'https' : 'http';
    options.origin = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${target?.port ?? connection.port}`;
    options.servername = connection.sni ?? '';
  }

  /** Once, with the head of the first try. */
  #openMirrors({ plan, connection, mirrored }: Send, options: DispatchOptions, governed: GovernedDispatch): void {
    if (mirrored.done) return;
    mirrored.done = true;
    const list = readRequestHeaders(options.headers);
    const named = list.some(([name]) => name.toLowerCase() === 'host');
    const head = {
      method: typeof options.method === 'string' ? options.method : 'GET',
      path: typeof options.path === 'string' ? options.path : '/',
      headers: named ? list : withAuthority(list, connection.authority ?? ''),
    };
    const upstreams = plan.mirrors.flatMap(({ upstream }) => (upstream === undefined ? [] : [upstream]));
    governed.mirror(upstreams.map((upstream) => mirrorTo(this.#guard, connection, upstream, head)));
  }

  #governed(connection: Connection, { handler, options }: DispatchCall): GovernedDispatch {
    return new GovernedDispatch({ guard: this.#guard, connection, handler, body: options.body });
  }

  #pass(token: GovernedDispatch | true, send: () => boolean): boolean {
    const before = this.current;
    this.current = token;
    try {
      return send();
    } finally {
      this.current = before;
    }
  }
}

const INTERCEPTOR_ONLY =
  'an interceptor cannot originate TLS, open a tunnel or a unix socket: install the egress in the process for that';

type Proceed = Extract<RequestVerdict, { kind: 'proceed' }>;

/** What is needed to send a request, once or again. */
interface Send {
  readonly call: DispatchCall;
  readonly connection: Named;
  readonly headers: HeaderList;
  readonly governed: GovernedDispatch;
  readonly plan: RequestPlan;
  readonly address: string | undefined;
  readonly mirrored: { done: boolean };
}

/** Pools and Clients know their origin themselves. */
function originOf(dispatcher: object | undefined): unknown {
  if (dispatcher === undefined) return undefined;
  for (const symbol of Object.getOwnPropertySymbols(dispatcher))
    if (symbol.description === 'url') return (dispatcher as Record<symbol, unknown>)[symbol];
  return undefined;
}

/** The path as undici will send it, its `query` option included, which is thereby settled. */
function pathOf(options: DispatchOptions): string {
  const path = typeof options.path === 'string' ? options.path : '/';
  if (typeof options.query !== 'object' || options.query === null) return path;
  const query = stringify(options.query as ParsedUrlQueryInput);
  options.query = undefined;
  options.path = query === '' ? path : `${path}?${query}`;
  return options.path as string;
}

function rewrite(options: DispatchOptions, plan: RequestPlan, headers: HeaderList, connection: Named): void {
  const { request } = plan;
  let list = applyHeaderOperations(headers, plan.requestHeaders);
  if (request !== undefined) {
    options.method = request.method;
    options.path = request.path;
    if (request.authority !== '' && request.authority !== connection.authority) {
      list = withAuthority(list, request.authority);
      // The certificate is still that of the host which was asked for.
      if (connection.sni !== undefined) options.servername = connection.sni;
    }
  }
  options.headers = inShapeOf(options.headers, list);
}
