import { RetryState } from '../upstream/retry.ts';
import type { TryOutcome } from '../upstream/retry.ts';
import { requestRetries } from '../upstream/retry-conditions.ts';
import type { RequestPlan, UpstreamTarget } from './seam.ts';
import { connectTimeout, timedOutError } from './socket-failure.ts';
import type { Handler } from './undici-dispatcher.ts';
import type { GovernedDispatch } from './undici-governed.ts';
import { tryHandler } from './undici-handler.ts';
import type { OutgoingBody } from './undici-outgoing.ts';
import { Try } from './undici-try.ts';
import { noteRetriesSpent } from './upstream-failure.ts';

/** Sends one try to a target; absent: where the application said. */
export type SendTry = (handler: Handler, target: UpstreamTarget | undefined) => void;

/** The tries that one request takes: one, or as many as its route's retries let it have. */
export class Tries {
  readonly #governed: GovernedDispatch;
  readonly #plan: RequestPlan;
  readonly #body: OutgoingBody;
  readonly #send: SendTry;
  readonly #retries: RetryState | undefined;
  /** Of the policy: under another, a further try would have to be decided anew. */
  readonly #generation: number;
  readonly #tried: UpstreamTarget[] = [];
  /** For each try, where nobody below sees to it. */
  readonly #connectTimeoutMs: number | undefined;
  /** The latest. */
  current: Try | undefined;

  constructor(governed: GovernedDispatch, plan: RequestPlan, body: OutgoingBody, send: SendTry) {
    this.#governed = governed;
    this.#plan = plan;
    this.#body = body;
    this.#send = send;
    this.#generation = governed.request.guard.generation;
    const cluster = plan.destination?.upstream;
    const policy = requestRetries(plan) ?? (governed.request.alone ? plan.connectRetries : undefined);
    if (policy) {
      const replayable = body.keep(policy.attempts);
      this.#retries = new RetryState(policy, { replayable, random: Math.random, cluster });
    }
    this.#connectTimeoutMs = governed.request.alone ? cluster?.connectTimeoutMs : undefined;
  }

  /** Answers have to be looked at before the client gets them. */
  get judgeAnswers(): boolean {
    return this.#retries !== undefined;
  }

  get perTryTimeoutMs(): number | undefined {
    return this.#retries?.perTryTimeoutMs;
  }

  begin(target = this.#plan.target): void {
    const { exchange } = this.#governed;
    if (exchange && this.current !== undefined) exchange.attempts += 1;
    if (target) this.#tried.push(target);
    if (exchange) this.#body.count(exchange);
    const one = new Try(this.#governed, target, this.perTryTimeoutMs);
    this.current = one;
    try {
      this.#send(tryHandler(this.#governed.request.handler, one), target);
    } catch (error) {
      // Later than the call nobody would catch it.
      one.retire();
      setImmediate(() => this.#governed.fail(error instanceof Error ? error : new Error(String(error))));
    }
  }

  /** undici begins a connection for the latest. */
  onConnecting(host: string, port: number): void {
    const timeoutMs = this.#connectTimeoutMs;
    if (timeoutMs === undefined) return;
    this.current?.limitConnect(timedOutError(host, port, connectTimeout(host, port, timeoutMs)), timeoutMs);
  }

  /** Whether there will be another try: then the one before is over, and the client hears nothing of it. */
  again(outcome: TryOutcome): boolean {
    const { exchange, request } = this.#governed;
    if (request.guard.generation !== this.#generation) return false;
    if (this.#body.isGone && this.#retries?.possible) return false;
    const waitMs = this.#retries?.next(outcome);
    if (waitMs === undefined) {
      if (exchange && this.#retries) noteRetriesSpent(exchange, this.#retries);
      return false;
    }
    this.current?.retire();
    setTimeout(() => {
      if (!this.#governed.done) this.begin(this.#plan.nextTarget?.(this.#tried));
    }, waitMs);
    return true;
  }

  /** The request is over. */
  end(): void {
    this.#retries?.end();
  }
}
