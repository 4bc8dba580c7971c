import { describe, expect, it } from 'vitest';
import type { RetryPolicy } from '../../src/core/model/decision.ts';
import { RetryState } from '../../src/upstream/retry.ts';
import type { TryOutcome } from '../../src/upstream/retry.ts';

function retries(retryOn: string, changes: Partial<RetryPolicy> = {}, replayable = true, random = 0.5): RetryState {
  return new RetryState({ attempts: 2, retryOn, ...changes }, { replayable, random: () => random });
}

function response(status: number, headers: Record<string, string> = {}, grpcStatus?: number): TryOutcome {
  return { kind: 'response', status, grpcStatus, header: (name) => headers[name] };
}

const connectFailure: TryOutcome = { kind: 'connect-failure' };
const reset: TryOutcome = { kind: 'reset', sent: true };
const resetBefore: TryOutcome = { kind: 'reset', sent: false };
const refused: TryOutcome = { kind: 'reset', sent: true, refused: true };
const slow: TryOutcome = { kind: 'per-try-timeout' };

describe('what is tried again', () => {
  it.each<[retryOn: string, again: TryOutcome[], not: TryOutcome[]]>([
    ['connect-failure', [connectFailure], [reset, slow, response(503)]],
    ['refused-stream', [refused], [reset, connectFailure]],
    ['reset', [reset, resetBefore, slow, connectFailure], [response(503)]],
    ['reset-before-request', [resetBefore, connectFailure], [reset, slow]],
    ['5xx', [response(500), response(503), response(599), reset, slow, connectFailure], [response(499), response(409)]],
    ['gateway-error', [response(502), response(503), response(504), reset, slow], [response(500), response(505)]],
    ['retriable-4xx', [response(409)], [response(404), response(500)]],
    ['retriable-status-codes,418', [response(418)], [response(503)]],
    ['unavailable,cancelled', [response(200, {}, 14), response(200, {}, 1)], [response(200, {}, 13), response(200)]],
    [
      'deadline-exceeded,internal,resource-exhausted',
      [4, 13, 8].map((s) => response(200, {}, s)),
      [response(200, {}, 14)],
    ],
    ['envoy-ratelimited', [response(429, { 'x-envoy-ratelimited': 'true' })], [response(429)]],
    ['http3-post-connect-failure,retriable-headers', [], [connectFailure, reset, response(503)]],
    ['', [], [connectFailure, reset, response(503)]],
  ])('%s', (retryOn, again, not) => {
    for (const outcome of again) expect(retries(retryOn).next(outcome), JSON.stringify(outcome)).toBeDefined();
    for (const outcome of not) expect(retries(retryOn).next(outcome), JSON.stringify(outcome)).toBeUndefined();
  });

  it("is, by Istio's default, what did not reach the server", () => {
    const policy = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
    for (const outcome of [connectFailure, refused]) expect(retries(policy).next(outcome)).toBeDefined();
    for (const outcome of [response(503), reset, slow]) expect(retries(policy).next(outcome)).toBeUndefined();
  });

  it('is never an overflow, nor what an overloaded server answered', () => {
    expect(retries('5xx,reset').next({ kind: 'overflow' })).toBeUndefined();
    expect(retries('5xx').next(response(503, { 'x-envoy-overloaded': 'true' }))).toBeUndefined();
    expect(retries('5xx').next(response(503, { 'x-envoy-ratelimited': 'true' }))).toBeUndefined();
  });

  it('is never a request whose body is gone', () => {
    const state = retries('5xx', {}, false);
    expect(state.possible).toBe(false);
    expect(state.next(response(503))).toBeUndefined();
  });

  it('takes status codes of the policy too', () => {
    expect(retries('retriable-status-codes', { statusCodes: [500] }).next(response(500))).toBeDefined();
  });
});

describe('how often, and when', () => {
  it('as often as the policy says, then it is exhausted', () => {
    const state = retries('5xx', { attempts: 2 });
    expect([state.next(response(503)), state.next(response(503))].every((wait) => wait !== undefined)).toBe(true);
    expect(state.exhausted).toBe(false);
    expect(state.next(response(503))).toBeUndefined();
    expect(state.exhausted).toBe(true);
  });

  it('after a random part of a time that doubles up to ten times the base', () => {
    const waits = (changes: Partial<RetryPolicy>, random: number): (number | undefined)[] => {
      const state = retries('5xx', { attempts: 6, ...changes }, true, random);
      return Array.from({ length: 6 }, () => state.next(response(500)));
    };
    expect(waits({}, 0.999999).map((ms) => Math.round(ms ?? 0))).toEqual([25, 50, 100, 200, 250, 250]);
    expect(waits({ backoffMs: 10 }, 0.5)).toEqual([5, 10, 20, 40, 50, 50]);
    expect(waits({}, 0)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('each try within its own time', () => {
    expect(retries('5xx', { perTryTimeoutMs: 50 }).perTryTimeoutMs).toBe(50);
    expect(retries('5xx').perTryTimeoutMs).toBeUndefined();
  });
});
