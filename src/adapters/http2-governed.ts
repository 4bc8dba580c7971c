import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { LocalReply } from '../core/model/decision.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { RetryState, type TryOutcome } from '../upstream/retry.ts';
import { isGrpc, recordOfSession, type StreamConnection } from './http2-connection.ts';
import { observeStream, outcomeOfHead, outcomeOfStream } from './http2-exchange.ts';
import { changeInPlace, rewritten, toStreamHeaders, withAuthorityOf, type RequestHeaders } from './http2-headers.ts';
import { mirrorStream, type RequestOn, type StreamCopy } from './http2-mirror.ts';
import { replyParts } from './http2-reply.ts';
import type { Http2Sessions } from './http2-sessions.ts';
import { StandInStream } from './http2-stream.ts';
import type { CallOptions, Exchange, Guard, RequestPlan, RequestVerdict, UpstreamTarget } from './seam.ts';
import { noteRetriesSpent, noteTimeout, requestTimeout, type TimeoutDetails } from './upstream-failure.ts';

/** One call of `session.request`, read once. */
export interface StreamCall {
  readonly guard: Guard;
  readonly sessions: Http2Sessions;
  readonly session: ClientHttp2Session;
  readonly request: RequestOn;
  readonly headers: RequestHeaders;
  readonly list: HeaderList;
  readonly options: Readonly<Record<PropertyKey, unknown>>;
  /** The request ends with its headers. */
  readonly endStream: boolean;
  readonly wishes: CallOptions | undefined;
}

/**
 * One stream that cannot simply be opened: it is answered here, waits, may take several tries, has a deadline or a
 * mirror. To the application it is one stream, whatever happens below.
 */
export class GovernedStream {
  readonly stream: StandInStream;
  readonly #call: StreamCall;
  #connection: StreamConnection;
  #plan: RequestPlan | undefined;
  #exchange: Exchange | undefined;
  #retries: RetryState | undefined;
  #generation = 0;
  #copies: readonly StreamCopy[] | undefined;
  readonly #tried: UpstreamTarget[] = [];
  #tries = 0;
  /** A connection that does not come about is this stream's to try again. */
  #connects = true;
  #responded = false;
  #deadline: NodeJS.Timeout | undefined;
  #tryClock: NodeJS.Timeout | undefined;

  constructor(call: StreamCall, connection: StreamConnection) {
    this.#call = call;
    this.#connection = connection;
    const { session, list, headers, options, endStream } = call;
    this.stream = new StandInStream(session, toStreamHeaders(list, headers), {
      endStream,
      signal: options['signal'] as AbortSignal | undefined,
    });
    this.stream.once('close', () => this.#closed());
  }

  carryOut(verdict: Exclude<RequestVerdict, { kind: 'resolve' }>): void {
    this.#observe(verdict.exchange);
    if (verdict.kind === 'fail') later(() => this.stream.refuse(verdict.error), verdict.delayMs);
    else if (verdict.kind === 'reply') later(() => this.#reply(verdict.reply), verdict.delayMs);
    else this.#proceed(verdict.plan, verdict.wait);
  }

  /** The address decides: it is known once the session is connected. */
  whenConnected(): void {
    const { guard, session } = this.#call;
    session.once('connect', () => {
      const address = session.socket.remoteAddress;
      if (address === undefined) return this.stream.refuse(guard.internalError(new Error('no address')));
      this.#ask({ ...this.#connection, address });
    });
    session.once('close', () => {
      if (this.#plan === undefined) this.stream.destroy();
    });
    session.once('error', (error: Error) => {
      if (this.#plan === undefined) this.stream.refuse(error);
    });
  }

  #ask(connection: StreamConnection): void {
    const { guard, wishes } = this.#call;
    this.#connection = connection;
    const verdict = guard.request(connection, 'http2', wishes, this.#exchange);
    if (verdict.kind === 'resolve') this.stream.refuse(guard.internalError(new Error('the address decides nothing')));
    else this.carryOut(verdict);
  }

  #proceed(plan: RequestPlan, wait: ((start: () => void) => void) | undefined): void {
    this.#plan = plan;
    this.#generation = this.#call.guard.generation;
    const { retries, timeoutMs, delayMs, mirrors } = plan;
    const cluster = plan.destination?.upstream;
    if (retries) this.#retries = new RetryState(retries, { replayable: true, random: Math.random, cluster });
    // Trailers of a request would have to be asked for again; and what nobody sends twice need not be kept.
    if (!this.#retries?.possible || this.#call.options['waitForTrailers'] === true) this.stream.body.giveUp();
    if (timeoutMs !== undefined) this.#armDeadline(timeoutMs);
    if (mirrors.length > 0) this.#mirror(plan);
    const start = (): void => this.#start(plan);
    const begin = wait ? (): void => wait(start) : start;
    if (delayMs === undefined) begin();
    else setTimeout(begin, delayMs);
  }

  /** It may have waited, and the policy be another: what was decided does not hold any more. */
  #start(plan: RequestPlan): void {
    if (this.stream.destroyed) return;
    if (this.#call.guard.generation === this.#generation) this.#sendTry(plan.target);
    else this.#ask(this.#connection);
  }

  #sendTry(target: UpstreamTarget | undefined): void {
    const plan = this.#plan;
    if (this.stream.destroyed || plan === undefined) return;
    const { sessions, session, request, headers, list, options, endStream } = this.#call;
    const { signal: _signal, ...kept } = options;
    const carrier = sessions.carrierOf(session, target, this.#connection);
    const head = withAuthorityOf(carrier === session ? {} : this.#connection, rewritten(list, plan));
    const one = request(carrier, toStreamHeaders(head, headers), { ...kept, endStream });
    sessions.carries(session, carrier, one);
    this.#tries += 1;
    // Whose connection is tried again by itself, as HTTP/1's is, has come to its end when it fails.
    this.#connects = carrier !== session || !recordOfSession(this.#call.guard, session)?.attempt?.redial;
    if (target) this.#tried.push(target);
    this.#watch(one);
    this.stream.carry(one);
    const perTryMs = this.#retries?.perTryTimeoutMs;
    if (perTryMs !== undefined) this.#tryClock = setTimeout(() => this.#tryTimedOut(perTryMs), perTryMs);
  }

  #watch(one: ClientHttp2Stream): void {
    let failure: Error | undefined;
    const live = (): boolean => this.stream.carrier === one;
    one.on('response', (head: IncomingHttpHeaders, ...rest: unknown[]) => {
      if (!live() || this.#again(outcomeOfHead(head))) return;
      this.#responded = true;
      clearTimeout(this.#tryClock);
      if (this.#plan && this.#plan.responseHeaders.length > 0) changeInPlace(head, this.#plan.responseHeaders);
      this.stream.accept(one, head, ...rest);
    });
    one.on('error', (error: Error) => (failure = error));
    one.on('close', () => {
      if (!live()) return;
      const outcome = this.#responded ? undefined : outcomeOfStream(one.rstCode, failure);
      const isOver = outcome === undefined || (outcome.kind === 'connect-failure' && !this.#connects);
      if (isOver || !this.#again(outcome)) this.stream.carrierClosed(one, failure);
    });
  }

  /** Whether there will be another try: then the one before is over, and the client hears nothing of it. */
  #again(outcome: TryOutcome): boolean {
    const retries = this.#retries;
    // Under a new policy it would have to be decided anew.
    if (!retries || this.#call.guard.generation !== this.#generation) return false;
    if (retries.possible && !this.stream.body.replayable) return false;
    const waitMs = retries.next(outcome);
    if (waitMs === undefined) {
      if (this.#exchange) noteRetriesSpent(this.#exchange, retries);
      return false;
    }
    clearTimeout(this.#tryClock);
    this.stream.abandon();
    setTimeout(() => this.#tryAgain(), waitMs);
    return true;
  }

  #tryAgain(): void {
    if (this.stream.destroyed) return;
    if (this.#exchange) this.#exchange.attempts = this.#tries + 1;
    try {
      this.#sendTry(this.#plan?.nextTarget?.(this.#tried) ?? this.#plan?.target);
    } catch (error) {
      this.stream.refuse(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Envoy's clock runs from the end of the request to the end of the answer. */
  #armDeadline(timeoutMs: number): void {
    const start = (): void => {
      this.#deadline ??= setTimeout(() => this.#timedOut(timeoutMs, 'response_timeout'), timeoutMs);
    };
    if (this.stream.writableEnded) start();
    else this.stream.once('finish', start);
  }

  #tryTimedOut(perTryMs: number): void {
    if (this.#responded || this.stream.destroyed || this.#again({ kind: 'per-try-timeout' })) return;
    this.#timedOut(perTryMs, 'upstream_per_try_timeout');
  }

  /** 504 while nothing was answered; afterwards the answer can only be broken off. */
  #timedOut(timeoutMs: number, details: TimeoutDetails): void {
    if (this.stream.destroyed) return;
    const plan = this.#plan;
    if (this.#exchange) noteTimeout(this.#exchange, details);
    if (!this.#responded && plan?.timeoutAs !== 'error')
      return this.#reply({ status: 504, body: 'upstream request timeout' });
    this.stream.refuse(requestTimeout(this.#connection, timeoutMs, plan));
  }

  #reply(reply: LocalReply): void {
    this.#responded = true;
    clearTimeout(this.#tryClock);
    clearTimeout(this.#deadline);
    const { request } = this.#connection;
    const { head, body } = replyParts(reply, request.method, isGrpc(request));
    this.stream.reply(head, body);
  }

  /** Once, with the head as it leaves, and the body as the application writes it. */
  #mirror(plan: RequestPlan): void {
    if (this.#copies) return;
    const { guard, sessions, session, request, list, endStream } = this.#call;
    const mirrored = { guard, sessions, session, request, endStream, connection: this.#connection };
    const head = rewritten(list, plan);
    const copies = plan.mirrors.flatMap(({ upstream }) => {
      const copy = upstream && mirrorStream(upstream, { ...mirrored, head });
      return copy ? [copy] : [];
    });
    this.#copies = copies;
    this.stream.onWritten = (chunk) => copies.forEach((copy) => copy.write(chunk));
    this.stream.once('finish', () => copies.forEach((copy) => copy.end()));
  }

  #observe(exchange: Exchange | undefined): void {
    if (!exchange || this.#exchange === exchange) return;
    this.#exchange = exchange;
    observeStream(this.#call.guard, this.stream, exchange);
  }

  #closed(): void {
    this.#retries?.end();
    clearTimeout(this.#deadline);
    clearTimeout(this.#tryClock);
    if (!this.stream.writableFinished) for (const copy of this.#copies ?? []) copy.abandon();
  }
}

/** Never before every listener had its turn to be attached. */
function later(action: () => void, delayMs = 0): void {
  if (delayMs > 0) setTimeout(action, delayMs);
  else setImmediate(action);
}
