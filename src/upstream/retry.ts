import type { RetryPolicy, UpstreamCluster } from '../core/model/decision.ts';
import { takeRetry } from './retry-budget.ts';

/** How one try ended, as far as a retry depends on it. */
export type TryOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      /** Of a response that ends with its headers; absent otherwise. */
      readonly grpcStatus?: number | undefined;
      /** By lower-case name. */
      readonly header: (name: string) => string | undefined;
    }
  /** No connection came about. */
  | { readonly kind: 'connect-failure' }
  /** The stream was reset; `refused`: by HTTP/2 REFUSED_STREAM; `sent`: the request had begun to leave. */
  | { readonly kind: 'reset'; readonly refused?: boolean; readonly sent: boolean }
  | { readonly kind: 'per-try-timeout' }
  /** A limit of the cluster's connection pool. Never tried again. */
  | { readonly kind: 'overflow' };

/** An answer, by its head: gRPC tells its status there only when nothing follows. `header`: by lower-case name. */
export function answered(status: number, header: (name: string) => string | undefined): TryOutcome {
  const grpcStatus = header('grpc-status');
  return { kind: 'response', status, grpcStatus: grpcStatus === undefined ? undefined : Number(grpcStatus), header };
}

/** gRPC statuses by the condition that names them. */
const GRPC_CONDITIONS: readonly (readonly [condition: string, status: number])[] = [
  ['cancelled', 1],
  ['deadline-exceeded', 4],
  ['resource-exhausted', 8],
  ['internal', 13],
  ['unavailable', 14],
];

const DEFAULT_BACKOFF_MS = 25;

export interface RetryOptions {
  readonly replayable: boolean;
  readonly random: () => number;
  readonly cluster?: UpstreamCluster | undefined;
}

/**
 * Whether and when one request is tried again (Istio: HTTPRetry, Envoy: x-envoy-retry-on). Conditions of HTTP/3, and
 * `retriable-headers`, which Istio can name but not fill, never hold.
 */
export class RetryState {
  /** Milliseconds for each try; absent: no limit but the request's own. */
  readonly perTryTimeoutMs: number | undefined;
  readonly #conditions: ReadonlySet<string>;
  readonly #statusCodes: ReadonlySet<number>;
  readonly #random: () => number;
  readonly #cluster: UpstreamCluster | undefined;
  readonly #maxBackoffMs: number;
  #nextBackoffMs: number;
  #remaining: number;

  /**
   * A request that cannot be sent again (a body that was a stream) gets no further try. `random` gives 0 up to 1. The
   * cluster may limit how many of its requests are tried again at a time.
   */
  constructor(policy: RetryPolicy, options: RetryOptions) {
    const codes = policy.retryOn.split(',').map((condition) => condition.trim());
    this.#conditions = new Set(codes);
    this.#statusCodes = new Set([...(policy.statusCodes ?? []), ...codes.filter((c) => /^\d+$/.test(c)).map(Number)]);
    this.#random = options.random;
    this.#cluster = options.cluster;
    this.#remaining = options.replayable ? policy.attempts : 0;
    this.#nextBackoffMs = policy.backoffMs ?? DEFAULT_BACKOFF_MS;
    this.#maxBackoffMs = this.#nextBackoffMs * 10;
    this.perTryTimeoutMs = policy.perTryTimeoutMs;
  }

  /** Whether tries are left at all: only then must anything be kept for another. */
  get possible(): boolean {
    return this.#remaining > 0;
  }

  /** A condition held, but the last try was used up: the flag URX. */
  get exhausted(): boolean {
    return this.#exhausted;
  }
  #exhausted = false;

  /** A condition held, but the cluster has all the retries that it may have: the flag UO. */
  get overflowed(): boolean {
    return this.#overflowed;
  }
  #overflowed = false;
  #used = 0;
  #release: (() => void) | undefined;

  /** The request is over: its retry is not under way any more. */
  end(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Milliseconds to wait before the next try; undefined: this outcome stands. */
  next(outcome: TryOutcome): number | undefined {
    this.end();
    if (!this.#holds(outcome)) return undefined;
    if (this.#remaining === 0) {
      this.#exhausted = this.#used > 0;
      return undefined;
    }
    this.#remaining -= 1;
    this.#release = takeRetry(this.#cluster);
    if (!this.#release) {
      this.#overflowed = true;
      return undefined;
    }
    this.#used += 1;
    const upTo = this.#nextBackoffMs;
    this.#nextBackoffMs = Math.min(upTo * 2, this.#maxBackoffMs);
    return this.#random() * upTo;
  }

  #holds(outcome: TryOutcome): boolean {
    const on = (...conditions: string[]): boolean => conditions.some((condition) => this.#conditions.has(condition));
    switch (outcome.kind) {
      case 'overflow':
        return false;
      case 'connect-failure':
        return on('connect-failure', 'reset', 'reset-before-request', '5xx', 'gateway-error');
      case 'reset':
        return (
          on('reset', '5xx', 'gateway-error') ||
          (outcome.refused === true && on('refused-stream')) ||
          (!outcome.sent && on('reset-before-request'))
        );
      case 'per-try-timeout':
        return on('reset', '5xx', 'gateway-error');
      case 'response':
        return this.#holdsFor(outcome, on);
    }
  }

  #holdsFor(
    { status, grpcStatus, header }: Extract<TryOutcome, { kind: 'response' }>,
    on: (...conditions: string[]) => boolean,
  ): boolean {
    if (header('x-envoy-overloaded') !== undefined) return false;
    if (header('x-envoy-ratelimited') !== undefined) return on('envoy-ratelimited');
    if (status >= 500 && status <= 599 && on('5xx')) return true;
    if (status >= 502 && status <= 504 && on('gateway-error')) return true;
    if (status === 409 && on('retriable-4xx')) return true;
    if (this.#statusCodes.has(status)) return true;
    return GRPC_CONDITIONS.some(([condition, number]) => number === grpcStatus && on(condition));
  }
}
