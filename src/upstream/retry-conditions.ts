import type { RetryPolicy } from '../core/model/decision.ts';
import type { RequestPlan } from './request-plan.ts';

/** Conditions that an HTTP/1 exchange meets only while there is no connection, or never. */
const BEFORE_THE_REQUEST = new Set([
  'connect-failure',
  'refused-stream',
  'unavailable',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
]);

/** What a policy asks of whoever carries it out. */
export interface RetryNeeds {
  /** The answer has to be looked at before the client gets it. */
  readonly answers: boolean;
  readonly connects: boolean;
  /** Equal texts, equal policies. */
  readonly key: string;
}

const needs = new WeakMap<RetryPolicy, RetryNeeds>();

/** Worked out once for each policy. */
export function retryNeeds(policy: RetryPolicy): RetryNeeds {
  let found = needs.get(policy);
  if (!found) {
    found = { answers: retriesAnswers(policy), connects: retriesConnects(policy), key: JSON.stringify(policy) };
    needs.set(policy, found);
  }
  return found;
}

/** What is tried again request by request; undefined: at most the connection is, below them. */
export function requestRetries({ retries, connectRetries }: RequestPlan): RetryPolicy | undefined {
  if (retries !== undefined || connectRetries === undefined) return retries;
  return retryNeeds(connectRetries).answers ? connectRetries : undefined;
}

/** Whether the policy, for HTTP/1, can try again after the request was sent: then the answer has to be looked at first. */
export function retriesAnswers({ attempts, retryOn, statusCodes, perTryTimeoutMs }: RetryPolicy): boolean {
  if (attempts <= 0) return perTryTimeoutMs !== undefined;
  if (perTryTimeoutMs !== undefined || (statusCodes?.length ?? 0) > 0) return true;
  return retryOn
    .split(',')
    .map((condition) => condition.trim())
    .some((condition) => condition !== '' && !BEFORE_THE_REQUEST.has(condition));
}

/** Whether the policy tries again when no connection comes about. */
export function retriesConnects({ attempts, retryOn }: RetryPolicy): boolean {
  return attempts > 0 && /(^|,)\s*(connect-failure|reset|reset-before-request|5xx|gateway-error)\s*(,|$)/.test(retryOn);
}
