import { parseDurationMs } from '../match/duration.ts';
import type { RetryPolicy } from '../model/decision.ts';
import type { HTTPRetry } from '../model/virtual-service.ts';

const DEFAULT_ATTEMPTS = 2;
const DEFAULT_RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const STATUS_CODES_CONDITION = 'retriable-status-codes';

const DEFAULT_POLICY: RetryPolicy = Object.freeze({ attempts: DEFAULT_ATTEMPTS, retryOn: DEFAULT_RETRY_ON });
const DEFAULT_CONSISTENT_HASH_POLICY: RetryPolicy = Object.freeze({ ...DEFAULT_POLICY, ignorePreviousHosts: false });

/** The status codes that Go's net/http names: what Istio takes for one in `retryOn`. */
const NAMED_STATUS_CODES: ReadonlySet<number> = new Set([
  ...range(100, 103),
  ...range(200, 208),
  226,
  ...range(300, 305),
  307,
  308,
  ...range(400, 418),
  ...range(421, 426),
  428,
  429,
  431,
  451,
  ...range(500, 508),
  510,
  511,
]);

/**
 * Istio's `retry.ConvertPolicy`: what a route's `retries`, or in its absence the mesh default, comes to. `null`: none.
 * With consistent hashing a further try may go to the same host again.
 */
export function convertRetryPolicy(policy: HTTPRetry | undefined, consistentHash: boolean): RetryPolicy | null {
  if (policy === undefined) return consistentHash ? DEFAULT_CONSISTENT_HASH_POLICY : DEFAULT_POLICY;
  const attempts = policy.attempts ?? 0;
  if (attempts <= 0) return null;
  const { retryOn, statusCodes } = parseRetryOn(policy.retryOn);
  const ignorePreviousHosts = policy.retryIgnorePreviousHosts ?? !consistentHash;
  return Object.freeze({
    attempts,
    retryOn,
    ...(policy.perTryTimeout !== undefined && { perTryTimeoutMs: parseDurationMs(policy.perTryTimeout) }),
    ...(statusCodes.length > 0 && { statusCodes }),
    ...(policy.backoff !== undefined && { backoffMs: parseDurationMs(policy.backoff) }),
    ...(policy.retryRemoteLocalities === true && { retryRemoteLocalities: true }),
    ...(!ignorePreviousHosts && { ignorePreviousHosts }),
  });
}

function parseRetryOn(text: string | undefined): { retryOn: string; statusCodes: number[] } {
  if (text === undefined || text === '') return { retryOn: DEFAULT_RETRY_ON, statusCodes: [] };
  const conditions: string[] = [];
  const statusCodes: number[] = [];
  for (const part of text.split(',')) {
    const condition = part.trim();
    if (condition === '') continue;
    const code = /^[+-]?\d+$/.test(condition) ? Number(condition) : Number.NaN;
    if (NAMED_STATUS_CODES.has(code)) statusCodes.push(code);
    else conditions.push(condition);
  }
  const retryOn = conditions.join(',');
  if (statusCodes.length === 0 || conditions.includes(STATUS_CODES_CONDITION)) return { retryOn, statusCodes };
  // Neither Istio nor Envoy minds an empty list in front of the comma.
  return { retryOn: `${retryOn},${STATUS_CODES_CONDITION}`, statusCodes };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
