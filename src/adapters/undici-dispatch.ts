import { requestRetries } from '../upstream/retry-conditions.ts';
import { CALL_OPTIONS } from './seam.ts';
import type { CallOptions, Exchange, Guard, RequestPlan, RequestVerdict, UpstreamTarget } from './seam.ts';
import { dialledAddress } from './socket-lookup.ts';
import { discardBody } from './undici-body.ts';
import { carriesAsIs, readDispatch } from './undici-connection.ts';
import type { AskedDispatch } from './undici-connection.ts';
import { isLeaf, parseOrigin } from './undici-dispatcher.ts';
import type { Dispatcher, DispatchOptions, Handler } from './undici-dispatcher.ts';
import { GovernedDispatch } from './undici-governed.ts';
import { isInstalled } from './undici-installed.ts';
import { UndiciPassages } from './undici-passages.ts';
import type { UndiciPassage } from './undici-passages.ts';
import { passingDispatch } from './undici-passing.ts';
import { DispatchSender } from './undici-send.ts';
import type { Carrier, Dispatch, Send } from './undici-send.ts';
import { mark, readToken } from './undici-token.ts';
import type { Followed } from './undici-token.ts';
import { refusedTunnel } from './undici-tunnel.ts';

type Proceed = Extract<RequestVerdict, { kind: 'proceed' }>;

/** The bundled preload loads this file with the first request. `onFollow`: called with the body of each of which is to be heard what channels tell. */
export function undiciDispatches(guard: Guard, onFollow: OnFollow = () => undefined): UndiciDispatches {
  return new UndiciDispatches(guard, onFollow);
}

export type OnFollow = (body: unknown) => void;

/**
 * Decides requests that pass an undici dispatcher. A request goes through several dispatchers of one copy (Agent, Pool,
 * Client), some of them later, from a queue: it is decided at the first, and recognised at the others by its options.
 */
export class UndiciDispatches {
  readonly #guard: Guard;
  readonly #passages: UndiciPassages;
  readonly #sender: DispatchSender;
  /** The options of a passing request that is being handed on: nobody is told of it, and they carry no token. */
  #handed: DispatchOptions | undefined;
  /** The request whose dispatch is on the stack: its `undici:request:create` is published meanwhile. */
  current: Followed | UndiciPassage | true | undefined;
  /** Where that is dispatched to. */
  #currentOrigin: unknown;
  readonly #onFollow: OnFollow;

  constructor(guard: Guard, onFollow: OnFollow) {
    this.#guard = guard;
    this.#onFollow = onFollow;
    this.#passages = new UndiciPassages(guard);
    this.#sender = new DispatchSender(guard, (...args) => this.#passOn(...args));
  }

  /** The application closes or destroys a dispatcher: what was made beside it goes the same way. */
  ended(dispatcher: object, end: (beside: Dispatcher) => void): void {
    this.#sender.ended(dispatcher, end);
  }

  /** undici begins a connection, for the request on the stack unless it is one to a proxy. */
  connecting(host: string, port: number): void {
    const { current } = this;
    if (typeof current !== 'object' || !('onConnecting' in current)) return;
    const origin = parseOrigin(this.#currentOrigin);
    if (origin?.host === host && origin.port === port) current.onConnecting?.(host, port);
  }

  /** One call of `dispatch`. `original` is what was wrapped; without a dispatcher it is called as an interceptor calls it. */
  dispatch(dispatcher: object | undefined, options: DispatchOptions, handler: Handler, original: Dispatch): boolean {
    if (options === this.#handed && dispatcher !== undefined && carriesAsIs(dispatcher))
      return original.call(dispatcher, options, handler);
    const carrier: Carrier = { dispatcher, dispatch: original };
    const token = readToken(options, this.#guard);
    if (token !== undefined) {
      if (token.detour !== undefined) {
        const led = this.#sender.lead(dispatcher, options, handler, token.followed, token.detour);
        if (led !== undefined) return led;
      }
      if (dispatcher !== undefined && isLeaf(dispatcher)) token.spent = true;
      return this.#passOn(token.followed, carrier, options, handler);
    }
    let passage: UndiciPassage | undefined;
    try {
      if (!this.#isAlone(dispatcher)) passage = this.#passages.find(dispatcher, options);
      if (passage === undefined) return this.#decide(carrier, options, handler);
    } catch (error) {
      if (!this.#guard.seamFailed('undici', error)) return this.#passOn(true, carrier, options, handler);
      const governed = this.#governed({ host: 'localhost', port: 1 }, carrier, handler, options.body);
      governed.settle({ kind: 'fail', error: this.#guard.internalError(error) });
      return true;
    }
    return this.#pass(passage, carrier, options, handler);
  }

  /** Goes as it is: watched, if somebody watches. */
  #pass(passage: UndiciPassage, carrier: Carrier, options: DispatchOptions, handler: Handler): boolean {
    if (this.#guard.watched) {
      const exchange = this.#guard.passed(passage.passage, passage.connectionOf(options), 'undici');
      if (exchange) {
        const passing = passingDispatch(this.#guard, passage, exchange, options, handler);
        this.#onFollow(options.body);
        return this.#passOn(passing, carrier, passing.mark(options), passing as unknown as Handler);
      }
    }
    const { current: before } = this;
    const handedBefore = this.#handed;
    this.current = passage;
    this.#handed = options;
    try {
      return carrier.dispatch.call(carrier.dispatcher, options, handler);
    } finally {
      this.current = before;
      this.#handed = handedBefore;
    }
  }

  #decide(carrier: Carrier, given: DispatchOptions, handler: Handler): boolean {
    const asked = readDispatch(carrier.dispatcher, given);
    // undici has its own words for what is no origin; one of several may be chosen below, and it is decided there.
    if (asked === undefined) return carrier.dispatch.call(carrier.dispatcher, given, handler);
    const { options, connection } = asked;
    if (options.method === 'CONNECT') {
      const refusal = refusedTunnel(this.#guard, connection, String(options.path));
      // Of the way to the proxy the socket is what is decided.
      if (!refusal) return this.#passOn(true, carrier, mark(options, this.#guard, true), handler);
      this.#governed(connection, carrier, handler, options.body).settle(refusal);
      return true;
    }
    return this.#ask(carrier, asked, handler);
  }

  #ask(carrier: Carrier, asked: AskedDispatch, handler: Handler): boolean {
    const { connection, options } = asked;
    const wishes = options[CALL_OPTIONS] as CallOptions | undefined;
    const governed = this.#governed(connection, carrier, handler, options.body);
    const carryOut = (verdict: RequestVerdict, address?: string): boolean => {
      if (verdict.kind === 'proceed') {
        if (address === undefined) this.#passages.learn(asked);
        const { plan } = verdict;
        return this.#forward({ carrier, handler, asked, governed, plan, address, mirrored: { done: false } }, verdict);
      }
      if (verdict.kind === 'resolve') return this.#resolve(asked, wishes, carryOut, governed);
      discardBody(options.body, verdict.kind === 'fail' ? verdict.error : new Error('answered by policy'));
      governed.settle(verdict);
      return true;
    };
    return carryOut(this.#guard.request(connection, 'undici', wishes));
  }

  /** The address decides: resolve, ask again with it, and dial that one and no other. */
  #resolve(
    { connection }: AskedDispatch,
    wishes: CallOptions | undefined,
    carryOut: (verdict: RequestVerdict, address?: string) => boolean,
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
    const { governed, plan } = send;
    const watched = exchange !== undefined || governed.request.alone;
    if (!watched && wait === undefined && send.address === undefined && isIdle(plan))
      return this.#sender.send(send, send.handler, undefined, true);
    this.#onFollow(send.asked.options.body);
    let result = true;
    const { generation } = this.#guard;
    const sendTry = (handler: Handler, target: UpstreamTarget | undefined): void => {
      // It waited, and the policy is another: what was decided does not hold any more.
      if (this.#guard.generation !== generation) this.#askAgain(send, exchange);
      else result = this.#sender.send(send, handler, target, governed);
    };
    governed.proceed(plan, exchange, sendTry, wait);
    return result;
  }

  #askAgain(send: Send, exchange: Exchange | undefined): void {
    const { asked, governed } = send;
    const wishes = asked.options[CALL_OPTIONS] as CallOptions | undefined;
    const verdict = this.#guard.request(asked.connection, 'undici', wishes, exchange);
    if (verdict.kind === 'proceed')
      this.#forward({ ...send, plan: verdict.plan, address: undefined, mirrored: { done: false } }, verdict);
    else if (verdict.kind !== 'resolve') governed.settle(verdict);
    else governed.fail(this.#guard.internalError(new Error('the policy changed while the request waited')));
  }

  #governed(
    connection: AskedDispatch['connection'] | { host: string; port: number },
    { dispatcher }: Carrier,
    handler: Handler,
    body: unknown,
  ): GovernedDispatch {
    return new GovernedDispatch({ guard: this.#guard, connection, handler, body, alone: this.#isAlone(dispatcher) });
  }

  /** Behind an interceptor, where nothing below it is governed. */
  #isAlone(dispatcher: object | undefined): boolean {
    return dispatcher === undefined && !isInstalled(this.#guard);
  }

  #passOn(followed: Followed | true, { dispatcher, dispatch }: Carrier, options: DispatchOptions, handler: Handler) {
    const before = this.current;
    const originBefore = this.#currentOrigin;
    this.current = followed;
    this.#currentOrigin = options.origin;
    try {
      return dispatch.call(dispatcher, options, handler);
    } finally {
      this.current = before;
      this.#currentOrigin = originBefore;
    }
  }
}

/** Nothing is to be done that undici does not do by itself. */
function isIdle(plan: RequestPlan): boolean {
  return (
    plan.target === undefined &&
    plan.timeoutMs === undefined &&
    plan.delayMs === undefined &&
    requestRetries(plan) === undefined &&
    plan.mirrors.length === 0 &&
    plan.responseHeaders.length === 0
  );
}
