import type { Connection } from '../core/model/connection.ts';
import type { LocalReply } from '../core/model/decision.ts';
import { applyHeaderOperations } from '../upstream/header-operations.ts';
import type { Mirror } from '../upstream/mirror.ts';
import type { Exchange, Guard, RequestPlan, RequestVerdict } from './seam.ts';
import type { Handler } from './undici-dispatcher.ts';
import { clientHandler } from './undici-handler.ts';
import type { ClientHandler } from './undici-handler.ts';
import { describeSocket, type ObservedSocket } from './socket-exchange.ts';
import { recordsOf } from './socket-records.ts';
import { answerOutcome, noteAnswer, noteFailure, outcomeOf } from './undici-exchange.ts';
import { flatResponseHead, readResponseHead, toResponseHead } from './undici-headers.ts';
import type { ResponseHead } from './undici-headers.ts';
import { OutgoingBody } from './undici-outgoing.ts';
import { tellRefused } from './undici-refused.ts';
import { giveReply } from './undici-reply.ts';
import { misled } from './undici-targets.ts';
import type { Followed } from './undici-token.ts';
import { Tries } from './undici-tries.ts';
import type { SendTry } from './undici-tries.ts';
import { noteTimeout, requestTimeout, type TimeoutDetails } from './upstream-failure.ts';

/** A request that is to be decided, and how its client hears of it. */
export interface GovernedRequest {
  readonly guard: Guard;
  readonly connection: Connection;
  readonly handler: Handler;
  readonly body: unknown;
  /** Behind an interceptor in a process that is not governed: its connections are limited and tried again from here. */
  readonly alone: boolean;
}

/**
 * One request on its way through undici: the tries that it takes, its deadline, the changes to its answer, and what is
 * told of it. To the client it is one dispatch, whatever happens below.
 */
export class GovernedDispatch implements Followed {
  readonly request: GovernedRequest;
  readonly client: ClientHandler;
  exchange: Exchange | undefined;
  #plan: RequestPlan | undefined;
  readonly #body: OutgoingBody;
  #tries: Tries | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #aborted = false;
  /** The client has the head of an answer: it cannot be given another. */
  #headGiven = false;
  /** The client has its end. */
  #done = false;

  constructor(request: GovernedRequest) {
    this.request = request;
    this.client = clientHandler(request.handler);
    this.#body = new OutgoingBody(request.body);
  }

  get done(): boolean {
    return this.#done;
  }

  /** The body to be sent in place of the client's own. */
  get replay(): unknown {
    return this.#body.replay;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  proceed(plan: RequestPlan, exchange: Exchange | undefined, send: SendTry, wait?: (start: () => void) => void): void {
    this.#plan = plan;
    this.#observe(exchange);
    const tries = (this.#tries = new Tries(this, plan, this.#body, send));
    // Envoy's clock starts when the whole request was received: a body that is a stream is not there yet.
    if (plan.timeoutMs !== undefined && this.#body.isThere) this.#startDeadline(plan.timeoutMs);
    const start = (): void => {
      if (!this.#done) tries.begin();
    };
    const begin = (): void => (wait === undefined ? start() : wait(start));
    if (plan.delayMs === undefined) begin();
    else setTimeout(begin, plan.delayMs);
  }

  /** Answered here, or failed, no earlier than an upstream could have. */
  settle(verdict: Exclude<RequestVerdict, { kind: 'proceed' | 'resolve' }>): void {
    this.#observe(verdict.exchange);
    const tellEnd = verdict.kind === 'fail' ? tellRefused(this.request.connection) : undefined;
    const act = (): void => {
      if (verdict.kind === 'fail') {
        tellEnd?.(verdict.error);
        this.fail(verdict.error);
      } else this.#reply(verdict.reply);
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
      if (this.#tries?.current?.abort(reason) !== true)
        this.fail(reason instanceof Error ? reason : new Error('aborted'));
    }, context);
  }

  onConnecting(host: string, port: number): void {
    this.#tries?.onConnecting(host, port);
  }

  /** The head is about to be written. */
  onSocket(socket: ObservedSocket): void {
    const target = this.#tries?.current?.target;
    if (target && recordsOf(this.request.guard).get(socket)?.target?.key !== target.key) {
      const refusal = misled(this.request.guard, this.request.connection, target);
      if (refusal) {
        this.#tries?.current?.retire(refusal);
        return this.fail(refusal);
      }
    }
    if (!this.exchange) return;
    describeSocket(this.exchange, socket);
    // Not every version tells when there was nothing to write.
    if (this.#body.isThere) this.exchange.requestSentAt = performance.now();
    if (socket.alpnProtocol === 'h2') this.exchange.protocol = 'HTTP/2';
  }

  mirror(mirrors: readonly Mirror[]): void {
    this.#body.mirror(mirrors);
  }

  onBodySent(chunk: unknown): void {
    this.#body.onChunk(chunk, this.exchange, false);
    this.client.bodySent(chunk);
  }

  onBodyChunk(chunk: unknown): void {
    if (!this.#done) this.#body.onChunk(chunk, this.exchange, true);
  }

  onRequestSent(): void {
    this.onBodyWritten();
    this.client.requestSent();
  }

  /** Also told where no handler is: undici 7 has no `onRequestSent` for handlers of undici 8. */
  onBodyWritten(): void {
    this.#body.onWritten();
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
    if (this.#tries?.judgeAnswers && this.#tries.again(answerOutcome(status, head))) return true;
    this.#headGiven = true;
    this.#tries?.current?.stopClock();
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
    if (this.exchange) this.exchange.responseTrailers = flatResponseHead(trailers);
    try {
      this.client.end(trailers);
    } finally {
      this.#end();
    }
  }

  /** A try came to grief. */
  onFailure(error: Error, started: boolean): void {
    const outcome = this.#headGiven || this.#aborted ? undefined : outcomeOf(error, started);
    if (outcome !== undefined && this.#tries?.again(outcome)) return;
    if (this.exchange) noteFailure(this.exchange, error, this.#aborted);
    this.fail(error);
  }

  onTryTimeout(): void {
    if (this.#done || this.#headGiven || this.#tries?.again({ kind: 'per-try-timeout' })) return;
    this.#timedOut(this.#tries?.perTryTimeoutMs ?? 0, 'upstream_per_try_timeout');
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

  #startDeadline(timeoutMs: number): void {
    this.#deadline = setTimeout(() => this.#timedOut(timeoutMs, 'response_timeout'), timeoutMs);
  }

  /** 504 while nothing was answered; afterwards the answer can only be broken off. */
  #timedOut(timeoutMs: number, details: TimeoutDetails): void {
    if (this.#done) return;
    const error = requestTimeout(this.request.connection, timeoutMs, this.#plan);
    if (this.exchange) noteTimeout(this.exchange, details);
    this.#tries?.current?.retire(error);
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
    this.#body.count(exchange);
  }

  #stopClocks(): void {
    clearTimeout(this.#deadline);
    this.#tries?.current?.stopClock();
  }

  #end(): void {
    this.#tries?.end();
    this.#body.end();
    const { exchange } = this;
    if (!exchange || exchange.endedAt !== undefined) return;
    exchange.endedAt = performance.now();
    this.request.guard.ended(exchange);
  }
}
