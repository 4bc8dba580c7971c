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
import type { AgentClass, DispatchOptions, Handler } from './undici-dispatcher.ts';
import { GovernedDispatch } from './undici-governed.ts';
import { isOneShot, readRequestHeaders, toHeaderRecord } from './undici-headers.ts';
import { TargetAgents } from './undici-targets.ts';

export type Dispatch = (options: DispatchOptions, handler: Handler) => boolean;

/** One call of `dispatch`, outermost. */
export interface DispatchCall {
  /** Absent: behind an interceptor, which is not told. */
  readonly dispatcher: object | undefined;
  readonly options: DispatchOptions;
  readonly handler: Handler;
  /** What was wrapped. */
  readonly dispatch: Dispatch;
  /** An Agent of the same copy of undici, to pool connections that go elsewhere. */
  readonly agentClass: AgentClass | undefined;
}

type Named = Connection & { readonly host: string; readonly request: HttpRequest };

/**
 * Decides requests that pass an undici dispatcher. A request goes through several dispatchers of one copy (Agent, Pool,
 * Client), some of them later, from a queue: it is decided at the first, and recognised at the others by its options.
 */
export class UndiciDispatches {
  readonly #guard: Guard;
  readonly #agents: TargetAgents;
  /**
   * INVARIANT: a token admits one send. It is taken away where the request is written, since a client that tries again
   * with the same options must be decided again.
   */
  readonly #tokens = new WeakMap<object, GovernedDispatch | true>();
  /** The request whose dispatch is on the stack: its `undici:request:create` is published meanwhile. */
  current: GovernedDispatch | true | undefined;

  constructor(guard: Guard) {
    this.#guard = guard;
    this.#agents = new TargetAgents(guard);
  }

  dispatch(call: DispatchCall): boolean {
    const { options, handler } = call;
    const token = this.#tokens.get(options);
    if (token !== undefined) {
      if (call.dispatcher !== undefined && isLeaf(call.dispatcher)) this.#tokens.delete(options);
      return this.#pass(token, () => call.dispatch(options, handler));
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
    // undici has its own words for what is no origin, and for a CONNECT the socket is what is decided.
    if (origin === undefined || snapshot.method === 'CONNECT') return this.#undecided(call, snapshot);
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

  #undecided(call: DispatchCall, options: DispatchOptions): boolean {
    this.#tokens.set(options, true);
    return this.#pass(true, () => call.dispatch(options, call.handler));
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

  #send(send: Send, handler: Handler, target: UpstreamTarget | undefined, token: GovernedDispatch | true): boolean {
    const { call, plan, connection, headers, address } = send;
    const options: DispatchOptions = { ...call.options };
    if (plan.request !== undefined || plan.requestHeaders.length > 0) rewrite(options, plan, headers, connection);
    if (plan.mirrors.length > 0 && token !== true) this.#openMirrors(send, options, token);
    this.#tokens.set(options, token);
    if (target === undefined && address === undefined) {
      return this.#pass(token, () => call.dispatch(options, handler));
    }
    const detour = { connection, ...(target && { target }), ...(address !== undefined && { address }) };
    const found = this.#agents.find(call.dispatcher ?? {}, call.agentClass, detour);
    // Its connections are its own affair (a proxy, a custom connector): each is decided where it is dialled. TLS that
    // the policy demands cannot be put under it.
    if (found === undefined) {
      if (target?.tls !== undefined)
        throw new Error('this dispatcher makes its own connections: TLS cannot be originated');
      return this.#pass(token, () => call.dispatch(options, handler));
    }
    options.origin = found.origin;
    if (!headers.some(([name]) => name.toLowerCase() === 'host') && plan.request?.authority === undefined)
      options.headers = withAuthority(readRequestHeaders(options.headers), connection.authority ?? '').flat();
    // undici would derive the server name from the Host header.
    options.servername = target?.tls ? (target.tls.servername ?? '') : (connection.sni ?? '');
    return this.#pass(token, () => found.agent.dispatch(options, handler));
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
  options.headers = list.flat();
}
