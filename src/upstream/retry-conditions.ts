import type { RetryPolicy } from '../core/model/decision.ts';

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
