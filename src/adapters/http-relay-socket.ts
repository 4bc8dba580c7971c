import type { Socket } from 'node:net';
import type { RetryPolicy, UpstreamCluster } from '../core/model/decision.ts';
import type { UpstreamTarget } from '../upstream/request-plan.ts';
import { readFields } from '../upstream/http1-head.ts';
import { answered, RetryState, type TryOutcome } from '../upstream/retry.ts';
import { governedBy } from './http-governed-by.ts';
import type { NodeRequest } from './http-connection.ts';
import { SocketFace } from './http-relay-face.ts';
import { serializeReply } from './local-reply.ts';
import { answerTlsQuestions } from './tls-questions.ts';
import { noteRetriesSpent, noteTimeout } from './upstream-failure.ts';

/** A request longer than this, in bytes, is not kept for another try. */
const MAX_REPLAY = 256 * 1024;
const MAX_HEAD = 64 * 1024;

export interface RelayOptions {
  readonly policy: RetryPolicy;
  readonly cluster?: UpstreamCluster | undefined;
  readonly target: UpstreamTarget | undefined;
  readonly secure: boolean;
  readonly nextTarget: (tried: readonly UpstreamTarget[]) => UpstreamTarget | undefined;
  readonly connect: (target: UpstreamTarget | undefined) => Socket;
  readonly random: () => number;
}

/**
 * The pool's connection to a cluster whose route is retried: what the client writes goes on as it is, and is kept; of
 * what comes back only the head is looked at. When the policy says so, the connection below is given up and the same bytes
 * go over another one, before the client has seen anything. Lives as long as the pool keeps it.
 */
export class RelaySocket extends SocketFace {
  readonly encrypted: boolean;
  readonly #options: RelayOptions;
  #upstream: Socket | undefined;
  #connected = false;
  #sent: Buffer[] = [];
  #sentBytes = 0;
  /** Bytes of an answer whose head is not complete. */
  #head: Buffer | undefined = Buffer.alloc(0);
  #retries: RetryState;
  #tried: UpstreamTarget[] = [];
  #perTry: NodeJS.Timeout | undefined;
  #backOff: NodeJS.Timeout | undefined;
  #timeout: NodeJS.Timeout | undefined;

  constructor(options: RelayOptions) {
    super();
    this.#options = options;
    this.encrypted = options.secure;
    if (options.secure) answerTlsQuestions(this, () => this.#upstream);
    this.#retries = this.#newRetries();
    // The pool has the connection back: the next request is another one.
    this.on('free', () => this.#reset());
    this.#open(options.target);
  }

  override get below(): Socket | undefined {
    return this.#upstream;
  }

  #newRetries(): RetryState {
    const { policy, random, cluster } = this.#options;
    return new RetryState(policy, { replayable: true, random, cluster });
  }

  #reset(): void {
    clearTimeout(this.#perTry);
    this.#sent = [];
    this.#sentBytes = 0;
    this.#head = Buffer.alloc(0);
    this.#tried = [];
    this.#retries.end();
    this.#retries = this.#newRetries();
  }

  #open(target: UpstreamTarget | undefined): void {
    if (target) this.#tried.push(target);
    const upstream = this.#options.connect(target);
    this.#upstream = upstream;
    this.#connected = false;
    const whenOpen = (): void => {
      if (this.#upstream !== upstream) return;
      this.#connected = true;
      if (this.connecting) {
        this.connecting = false;
        this.emit('connect');
        if (this.encrypted) this.emit('secureConnect');
      }
      for (const chunk of this.#sent) upstream.write(chunk);
      this.#startTry();
    };
    upstream.once(this.encrypted || target?.tls ? 'secureConnect' : 'connect', whenOpen);
    upstream.on('data', (chunk: Buffer) => this.#upstream === upstream && this.#received(chunk));
    upstream.on('error', (error) => this.#upstream === upstream && this.#lost(error));
    upstream.on('close', () => this.#upstream === upstream && this.#lost(undefined));
    upstream.on('timeout', () => this.emit('timeout'));
    if (!this.holdsProcess) upstream.unref();
  }

  #startTry(): void {
    const limit = this.#retries.perTryTimeoutMs;
    clearTimeout(this.#perTry);
    if (limit !== undefined && this.#sentBytes > 0 && this.#head)
      this.#perTry = setTimeout(() => this.#failed({ kind: 'per-try-timeout' }, undefined), limit);
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    const first = this.#sentBytes === 0;
    this.#sentBytes += chunk.byteLength;
    if (this.#sentBytes <= MAX_REPLAY) this.#sent.push(chunk);
    else if (this.#connected) this.#sent = [];
    if (!this.#connected) {
      // Goes out when the connection is there.
      if (this.#sentBytes > MAX_REPLAY && !this.#sent.includes(chunk)) this.#sent.push(chunk);
      callback();
      return;
    }
    if (first) this.#startTry();
    if (this.#upstream?.write(chunk) === false) this.#upstream.once('drain', () => callback());
    else callback();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#upstream?.end();
    callback();
  }

  override _read(): void {
    this.#upstream?.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#perTry);
    clearTimeout(this.#backOff);
    clearTimeout(this.#timeout);
    this.#retries.end();
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.on('error', () => undefined).destroy();
    callback(error);
  }

  #received(chunk: Buffer): void {
    if (!this.#head) {
      this.#give(chunk);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0 && this.#head.length < MAX_HEAD) return;
    const head = this.#head.subarray(0, Math.max(end, 0)).toString('latin1');
    const outcome = outcomeOf(head);
    if (outcome.kind === 'response' && outcome.status < 200 && outcome.status !== 101) {
      const rest = this.#head.subarray(end + 4);
      this.#give(this.#head.subarray(0, end + 4));
      this.#head = Buffer.alloc(0);
      if (rest.length > 0) this.#received(rest);
      return;
    }
    if (this.#again(outcome)) return;
    clearTimeout(this.#perTry);
    const answer = this.#head;
    this.#head = undefined;
    this.#give(answer);
  }

  #give(chunk: Buffer): void {
    if (!this.push(chunk)) this.#upstream?.pause();
  }

  #lost(error: Error | undefined): void {
    if (!this.#head || (this.#sentBytes === 0 && this.#connected)) {
      // The answer had begun, or the connection was idle: this is the end of it, as the server made it.
      this.#upstream = undefined;
      if (error) this.destroy(error);
      else {
        this.push(null);
        this.end();
      }
      return;
    }
    this.#failed(this.#connected ? { kind: 'reset', sent: this.#sentBytes > 0 } : { kind: 'connect-failure' }, error);
  }

  #failed(outcome: TryOutcome, error: Error | undefined): void {
    if (this.#again(outcome)) return;
    if (outcome.kind === 'per-try-timeout') {
      this.#answerTimeout();
      return;
    }
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.destroy();
    if (error) this.destroy(error);
    else this.push(null);
  }

  /** True: the same bytes go to another connection, now or after the back-off. */
  #again(outcome: TryOutcome): boolean {
    if (this.#sentBytes > MAX_REPLAY) return false;
    const waitMs = this.#retries.next(outcome);
    const exchanges = governedBy(this.#request).flatMap(({ exchange }) => (exchange ? [exchange] : []));
    if (waitMs === undefined) {
      for (const exchange of exchanges) noteRetriesSpent(exchange, this.#retries);
      return false;
    }
    clearTimeout(this.#perTry);
    const former = this.#upstream;
    this.#upstream = undefined;
    former?.on('error', () => undefined).destroy();
    this.#head = Buffer.alloc(0);
    for (const exchange of exchanges) exchange.attempts += 1;
    this.#backOff = setTimeout(() => {
      if (!this.destroyed) this.#open(this.#options.nextTarget(this.#tried) ?? this.#options.target);
    }, waitMs);
    return true;
  }

  get #request(): NodeRequest {
    return ((this as { _httpMessage?: NodeRequest })._httpMessage ?? {}) as NodeRequest;
  }

  #answerTimeout(): void {
    for (const { exchange } of governedBy(this.#request))
      if (exchange) noteTimeout(exchange, 'upstream_per_try_timeout');
    const reply = serializeReply(
      { status: 504, body: 'upstream request timeout' },
      { method: this.#request.method, isGrpc: false },
    );
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.on('error', () => undefined).destroy();
    this.#head = undefined;
    this.push(reply);
    this.push(null);
  }
}

function outcomeOf(head: string): TryOutcome {
  const [line = '', ...lines] = head.split('\r\n');
  const fields = readFields(lines);
  return answered(Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1] ?? 0), (name) => fields.get(name));
}
