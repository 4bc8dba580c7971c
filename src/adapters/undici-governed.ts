import type { Connection } from '../core/model/connection.ts';
import type { LocalReply } from '../core/model/decision.ts';
import { EgressTimeoutError } from '../errors.ts';
import { applyHeaderOperations } from '../upstream/header-operations.ts';
import type { Mirror } from '../upstream/mirror.ts';
import { RetryState } from '../upstream/retry.ts';
import type { TryOutcome } from '../upstream/retry.ts';
import type { Exchange, Guard, RequestPlan, RequestVerdict, UpstreamTarget } from './seam.ts';
import { bodyBytes, bodyLength, isReplayable } from './undici-body.ts';
import { isOneShotBody, ReplayBody } from './undici-body-replay.ts';
import type { Handler } from './undici-dispatcher.ts';
import { clientHandler, tryHandler } from './undici-handler.ts';
import type { ClientHandler } from './undici-handler.ts';
import { describeSocket, type ObservedSocket } from './socket-exchange.ts';
import { recordsOf } from './socket-records.ts';
import { noteAnswer, noteFailure, outcomeOf } from './undici-exchange.ts';
import { readResponseHead, toResponseHead } from './undici-headers.ts';
import type { ResponseHead } from './undici-headers.ts';
import { giveReply } from './undici-reply.ts';
import { misled } from './undici-targets.ts';
import { Try } from './undici-try.ts';
import { addFlag } from './upstream-failure.ts';

/** A request that is to be decided, and how its client hears of it. */
export interface GovernedRequest {
  readonly guard: Guard;
  readonly connection: Connection;
  readonly handler: Handler;
  readonly body: unknown;
}

/** Sends one try to a target; absent: where the application said. */
export type SendTry = (handler: Handler, target: UpstreamTarget | undefined) => void;

/**
 * One request on its way through undici: the tries that it takes, its deadline, the changes to its answer, and what is
 * told of it. To the client it is one dispatch, whatever happens below.
 */
export class GovernedDispatch {
  readonly request: GovernedRequest;
  readonly client: ClientHandler;
  exchange: Exchange | undefined;
  #plan: RequestPlan | undefined;
  #send: SendTry | undefined;
  #retries: RetryState | undefined;
  readonly #tried: UpstreamTarget[] = [];
  #generation = 0;
  #mirrors: readonly Mirror[] = [];
  #try: Try | undefined;
  /** A body that is read as it is sent, for more than one try. */
  replay: ReplayBody | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #aborted = false;
  /** The client has the head of an answer: it cannot be given another. */
  #headGiven = false;
  /** The client has its end. */
  #done = false;

  constructor(request: GovernedRequest) {
    this.request = request;
    this.client = clientHandler(request.handler);
  }

  get done(): boolean {
    return this.#done;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  proceed(plan: RequestPlan, exchange: Exchange | undefined, send: SendTry, wait?: (start: () => void) => void): void {
    this.#plan = plan;
    this.#send = send;
    this.#generation = this.request.guard.generation;
    this.#observe(exchange);
    const { body } = this.request;
    if (plan.retries) {
      if (plan.retries.attempts > 0 && isOneShotBody(body)) this.replay ??= new ReplayBody(body);
      const replayable = isReplayable(body) || this.replay !== undefined;
      const cluster = plan.destination?.upstream;
      this.#retries = new RetryState(plan.retries, { replayable, random: Math.random, cluster });
    }
    // Envoy's clock starts when the whole request was received: a body that is a stream is not there yet.
    if (plan.timeoutMs !== undefined && isReplayable(body)) this.#startDeadline(plan.timeoutMs);
    const start = (): void => {
      if (!this.#done) this.#sendTry(plan.target);
    };
    const begin = (): void => (wait === undefined ? start() : wait(start));
    if (plan.delayMs === undefined) begin();
    else setTimeout(begin, plan.delayMs);
  }

  /** Answered here, or failed, no earlier than an upstream could have. */
  settle(verdict: Exclude<RequestVerdict, { kind: 'proceed' | 'resolve' }>): void {
    this.#observe(verdict.exchange);
    const act = (): void => {
      if (verdict.kind === 'fail') this.fail(verdict.error);
      else this.#reply(verdict.reply);
    };
    if (verdict.delayMs === undefined || verdict.delayMs <= 0) setImmediate(act);
    else setTimeout(act, verdict.delayMs);
  }

  /** The client may abort at any time, also between tries. */
  start(context: unknown): void {
    if (this.client.started) return;
    this.client.start((reason) => {
      if (this.#done) return;
      this.#aborted = true;
      if (this.#try?.abort(reason) !== true) this.fail(reason instanceof Error ? reason : new Error('aborted'));
    }, context);
  }

  /** The head is about to be written. */
  onSocket(socket: ObservedSocket): void {
    const target = this.#try?.target;
    if (target && recordsOf(this.request.guard).get(socket)?.target?.key !== target.key) {
      const refusal = misled(this.request.guard, this.request.connection, target);
      if (refusal) {
        this.#try?.retire(refusal);
        return this.fail(refusal);
      }
    }
    if (!this.exchange) return;
    describeSocket(this.exchange, socket);
    if (socket.alpnProtocol === 'h2') this.exchange.protocol = 'HTTP/2';
  }

  /** Copies of the request: a body that lies in memory is sent at once, any other as it is sent itself. */
  mirror(mirrors: readonly Mirror[]): void {
    const { body } = this.request;
    if (!isReplayable(body)) this.#mirrors = mirrors;
    else
      for (const copy of mirrors) {
        copy.write(bodyBytes(body));
        copy.end();
      }
  }

  onBodySent(chunk: unknown): void {
    if (chunk instanceof Uint8Array || typeof chunk === 'string') for (const copy of this.#mirrors) copy.write(chunk);
    if (this.exchange && chunk instanceof Uint8Array && bodyLength(this.request.body) === 0)
      this.exchange.bytesReceived += chunk.byteLength;
    this.client.bodySent(chunk);
  }

  onRequestSent(): void {
    for (const copy of this.#mirrors) copy.end();
    this.#mirrors = [];
    this.onBodyWritten();
    this.client.requestSent();
  }

  /** Also told where no handler is: undici 7 has no `onRequestSent` for handlers of undici 8. */
  onBodyWritten(): void {
    if (this.#done) return;
    if (this.exchange) this.exchange.requestSentAt = performance.now();
    const timeoutMs = this.#plan?.timeoutMs;
    if (timeoutMs !== undefined && this.#deadline === undefined) this.#startDeadline(timeoutMs);
  }

  onUpgrade(status: number, head: ResponseHead, socket: unknown): unknown {
    this.#stopClocks();
    this.#done = true;
    if (this.exchange) noteAnswer(this.exchange, status, head);
    const stream = socket as { once?: (event: string, listener: () => void) => void } | null;
    if (typeof stream?.once === 'function') stream.once('close', () => this.#end());
    else this.#end();
    return this.client.upgrade(status, this.#changed(head), socket);
  }

  /** False: stop reading until resumed. */
  onHead(status: number, head: ResponseHead, statusText: string, resume: () => void): boolean {
    if (status < 200) return this.client.head(status, head, statusText, resume);
    if (this.#retries && this.#again(answerOutcome(status, head))) return true;
    this.#headGiven = true;
    this.#try?.stopClock();
    if (this.exchange) noteAnswer(this.exchange, status, head);
    return this.client.head(status, this.#changed(head), statusText, resume);
  }

  onData(chunk: Uint8Array): boolean {
    if (this.exchange) this.exchange.bytesSent += chunk.byteLength;
    return this.client.data(chunk);
  }

  onEnd(trailers: ResponseHead): void {
    this.#stopClocks();
    this.#done = true;
    if (this.exchange) this.exchange.responseTrailers = readResponseHead(trailers).flat();
    try {
      this.client.end(trailers);
    } finally {
      this.#end();
    }
  }

  /** A try came to grief. */
  onFailure(error: Error, started: boolean): void {
    const outcome = this.#headGiven || this.#aborted ? undefined : outcomeOf(error, started);
    if (outcome !== undefined && this.#again(outcome)) return;
    if (this.exchange) noteFailure(this.exchange, error, this.#aborted);
    this.fail(error);
  }

  onTryTimeout(): void {
    if (this.#done || this.#headGiven || this.#again({ kind: 'per-try-timeout' })) return;
    this.#timedOut(this.#retries?.perTryTimeoutMs ?? 0, 'upstream_per_try_timeout');
  }

  fail(error: Error): void {
    if (this.#done) return;
    this.#stopClocks();
    this.#done = true;
    try {
      this.client.fail(error);
    } finally {
      this.#end();
    }
  }

  #sendTry(target: UpstreamTarget | undefined): void {
    if (this.exchange && this.#try !== undefined) this.exchange.attempts += 1;
    if (target) this.#tried.push(target);
    if (this.exchange && this.replay) this.exchange.bytesReceived = 0;
    const one = new Try(this, target, this.#retries?.perTryTimeoutMs);
    this.#try = one;
    try {
      this.#send?.(tryHandler(this.request.handler, one), target);
    } catch (error) {
      // Later than the call nobody would catch it.
      one.retire();
      setImmediate(() => this.fail(error instanceof Error ? error : new Error(String(error))));
    }
  }

  /** Whether there will be another try: then the one before is over, and the client hears nothing of it. */
  #again(outcome: TryOutcome): boolean {
    // Under a new policy it would have to be decided anew.
    if (this.request.guard.generation !== this.#generation) return false;
    if (this.replay && !this.replay.replayable && this.#retries?.possible) return false;
    const waitMs = this.#retries?.next(outcome);
    if (waitMs === undefined) {
      if (this.#retries?.exhausted && this.exchange) addFlag(this.exchange, 'URX');
      if (this.#retries?.overflowed && this.exchange) addFlag(this.exchange, 'UO');
      return false;
    }
    this.#try?.retire();
    setTimeout(() => {
      if (!this.#done) this.#sendTry(this.#plan?.nextTarget?.(this.#tried) ?? this.#plan?.target);
    }, waitMs);
    return true;
  }

  #startDeadline(timeoutMs: number): void {
    this.#deadline = setTimeout(() => this.#timedOut(timeoutMs, 'response_timeout'), timeoutMs);
  }

  /** 504 while nothing was answered; afterwards the answer can only be broken off. */
  #timedOut(timeoutMs: number, details: string): void {
    if (this.#done) return;
    const { host = '', port } = this.request.connection;
    const error = new EgressTimeoutError(
      `ERR_EGRESS_TIMEOUT: request to ${host}:${port} timed out after ${timeoutMs} ms`,
      timeoutMs,
      { host, port, ...(this.#plan && { decision: this.#plan.decision }) },
    );
    if (this.exchange) {
      addFlag(this.exchange, 'UT');
      this.exchange.responseCodeDetails = details;
      if (!this.#headGiven) this.exchange.responseCode = 504;
    }
    const one = this.#try;
    one?.retire(error);
    if (this.#headGiven || this.#plan?.timeoutAs === 'error') return this.fail(error);
    this.#reply({ status: 504, body: 'upstream request timeout' });
  }

  /** INVARIANT: what a client's handler throws becomes its own error, never an uncaught exception of ours. */
  #reply(reply: LocalReply): void {
    if (this.#done || this.#aborted) return;
    this.#stopClocks();
    try {
      const sent = giveReply(this.client, reply, this.request.connection, this);
      if (this.exchange) this.exchange.bytesSent = sent;
      this.#done = true;
      this.#end();
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #changed(head: ResponseHead): ResponseHead {
    const operations = this.#plan?.responseHeaders ?? [];
    if (operations.length === 0) return head;
    return toResponseHead(applyHeaderOperations(readResponseHead(head), operations));
  }

  #observe(exchange: Exchange | undefined): void {
    this.exchange = exchange;
    if (!exchange) return;
    exchange.protocol ??= 'HTTP/1.1';
    if (exchange.bytesReceived === 0) exchange.bytesReceived = bodyLength(this.request.body);
  }

  #stopClocks(): void {
    clearTimeout(this.#deadline);
    this.#try?.stopClock();
  }

  #end(): void {
    this.#retries?.end();
    this.replay?.discard();
    for (const copy of this.#mirrors) copy.abandon();
    this.#mirrors = [];
    const { exchange } = this;
    if (!exchange || exchange.endedAt !== undefined) return;
    exchange.endedAt = performance.now();
    this.request.guard.ended(exchange);
  }
}

function answerOutcome(status: number, head: ResponseHead): TryOutcome {
  const list = readResponseHead(head);
  const header = (name: string): string | undefined => list.find(([other]) => other.toLowerCase() === name)?.[1];
  const grpc = header('grpc-status');
  return { kind: 'response', status, grpcStatus: grpc === undefined ? undefined : Number(grpc), header };
}
