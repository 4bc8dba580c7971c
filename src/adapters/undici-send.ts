import { originText } from '../upstream/authority.ts';
import { applyHeaderOperations, withAuthority } from '../upstream/header-operations.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { mirrorTo } from './mirror-connection.ts';
import type { Guard, RequestPlan, UpstreamTarget } from './seam.ts';
import type { AskedDispatch, Named } from './undici-connection.ts';
import type { Dispatcher, DispatchOptions, Handler } from './undici-dispatcher.ts';
import type { GovernedDispatch } from './undici-governed.ts';
import { inShapeOf, readRequestHeaders } from './undici-headers.ts';
import { isInstalled } from './undici-installed.ts';
import { TargetDispatchers, type Detour } from './undici-targets.ts';
import { mark } from './undici-token.ts';
import type { Followed } from './undici-token.ts';

/** Undici's own `dispatch`, or what an interceptor was given. */
export type Dispatch = (this: unknown, options: DispatchOptions, handler: Handler) => boolean;

/** Where requests are dispatched that were decided. */
export interface Carrier {
  /** Absent: behind an interceptor, which is not told. */
  readonly dispatcher: object | undefined;
  /** What was wrapped. */
  readonly dispatch: Dispatch;
}

/** What is needed to send a request, once or again. */
export interface Send {
  readonly carrier: Carrier;
  readonly handler: Handler;
  readonly asked: AskedDispatch;
  readonly governed: GovernedDispatch;
  readonly plan: RequestPlan;
  /** The one for which it was decided. */
  readonly address: string | undefined;
  readonly mirrored: { done: boolean };
}

/** Dispatches with a request on the stack, so that what is told meanwhile is known to be told of it. */
export type PassOn = (
  followed: Followed | true,
  carrier: Carrier,
  options: DispatchOptions,
  handler: Handler,
) => boolean;

/** Sends tries of decided requests: rewritten, mirrored, and led to where the policy says. */
export class DispatchSender {
  readonly #guard: Guard;
  readonly #passOn: PassOn;
  readonly #beside: TargetDispatchers;

  constructor(guard: Guard, passOn: PassOn) {
    this.#guard = guard;
    this.#passOn = passOn;
    this.#beside = new TargetDispatchers(guard);
  }

  /** The application closes or destroys a dispatcher: what was made beside it goes the same way. */
  ended(dispatcher: object, end: (beside: Dispatcher) => void): void {
    this.#beside.ended(dispatcher, end);
  }

  /** `handler` hears of this try; `followed`: who is told what the channels tell. */
  send(send: Send, handler: Handler, target: UpstreamTarget | undefined, followed: Followed | true): boolean {
    const { carrier, asked, plan, governed, address } = send;
    const { connection, headers } = asked;
    const options: DispatchOptions = { ...asked.options };
    if (plan.request !== undefined || plan.requestHeaders.length > 0) rewrite(options, plan, headers, connection);
    if (plan.mirrors.length > 0) this.#openMirrors(send, options);
    if (governed.replay !== undefined) options.body = governed.replay;
    if (target === undefined && address === undefined)
      return this.#passOn(followed, carrier, mark(options, this.#guard, followed), handler);
    const connectTimeoutMs = plan.destination?.upstream?.connectTimeoutMs;
    const detour: Detour = { connection, connectTimeoutMs, ...(target && { target }), ...(address && { address }) };
    const named = plan.request?.authority !== undefined || headers.some(([name]) => name.toLowerCase() === 'host');
    if (!named) {
      const list = withAuthority(readRequestHeaders(options.headers), connection.authority ?? '');
      options.headers = inShapeOf(options.headers, list);
    }
    const led = this.lead(carrier.dispatcher, options, handler, followed, detour);
    if (led !== undefined) return led;
    // Without its dispatcher, and without the seams below, the origin itself has to be another.
    if (carrier.dispatcher === undefined && !isInstalled(this.#guard)) this.#redirect(options, detour);
    return this.#passOn(followed, carrier, mark(options, this.#guard, followed, detour), handler);
  }

  /** Undefined: the dispatcher has no connections itself, and hands the request on to one that has. */
  lead(
    dispatcher: object | undefined,
    given: DispatchOptions,
    handler: Handler,
    followed: Followed | true,
    detour: Detour,
  ): boolean | undefined {
    const found = dispatcher && this.#beside.find(dispatcher, detour);
    if (found === undefined) return undefined;
    const { target, connection } = detour;
    const options: DispatchOptions = { ...given, origin: found.origin };
    // undici would derive the server name from the Host header.
    options.servername = target?.tls ? (target.tls.servername ?? '') : (connection.sni ?? '');
    const { dispatcher: beside } = found;
    const carrier: Carrier = { dispatcher: beside, dispatch: (to, by) => beside.dispatch(to, by) };
    return this.#passOn(followed, carrier, mark(options, this.#guard, followed), handler);
  }

  #redirect(options: DispatchOptions, { connection, target, address }: Detour): void {
    if (target?.tls !== undefined || target?.tunnel !== undefined || target?.path !== undefined) {
      const refusal = this.#guard.unroutable(connection, INTERCEPTOR_ONLY);
      if (refusal) throw refusal;
      return;
    }
    const host = target?.host ?? address ?? connection.host;
    options.origin = originText(connection.transport === 'tls', host, target?.port ?? connection.port);
    options.servername = connection.sni ?? '';
  }

  /** Once, with the head of the first try. */
  #openMirrors({ plan, asked, governed, mirrored }: Send, options: DispatchOptions): void {
    if (mirrored.done) return;
    mirrored.done = true;
    const { connection } = asked;
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
}

const INTERCEPTOR_ONLY =
  'an interceptor cannot originate TLS, open a tunnel or a unix socket: install the egress in the process for that';

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
