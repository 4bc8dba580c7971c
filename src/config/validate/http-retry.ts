import type { HTTPRetryFields } from '../schema/virtual-service.ts';
import type { Report } from './problem.ts';
import { validateDuration } from './time.ts';

/** Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`. */
const CONDITIONS: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

/** Statuses with a name in the IANA registry, as Go lists them. */
const STATUSES: readonly (readonly [from: number, to: number])[] = [
  [100, 103],
  [200, 208],
  [226, 226],
  [300, 305],
  [307, 308],
  [400, 418],
  [421, 426],
  [428, 429],
  [431, 431],
  [451, 451],
  [500, 508],
  [510, 511],
];

export function validateHttpRetry(report: Report, field: string, retries: HTTPRetryFields | undefined): void {
  if (retries === undefined) return;
  const { attempts = 0, perTryTimeout, retryOn = '', backoff } = retries;
  if (attempts < 0) report.error('retryAttempts', `${field}.attempts`, 'attempts must not be negative');
  const configured = perTryTimeout !== undefined || retryOn !== '' || given(retries.retryRemoteLocalities);
  if (attempts === 0 && configured) {
    report.error(
      'retryAttempts',
      `${field}.attempts`,
      'attempts 0 switches retries off; the other settings contradict it',
      'set attempts, or remove the others',
    );
  }
  validateDuration(report, `${field}.perTryTimeout`, perTryTimeout);
  validateDuration(report, `${field}.backoff`, backoff);
  validateRetryOn(report, `${field}.retryOn`, retryOn);
}

/** Parts are separated by commas without spaces. */
export function validateRetryOn(report: Report, field: string, retryOn: string): void {
  if (retryOn === '') return;
  for (const condition of retryOn.split(',')) {
    if (CONDITIONS.has(condition) || isStatus(condition)) continue;
    const trimmed = condition.trim();
    const fix = CONDITIONS.has(trimmed) ? 'remove the spaces' : undefined;
    report.error('retryOn', field, `${JSON.stringify(condition)} is neither a retry condition nor an HTTP status`, fix);
  }
}

function isStatus(text: string): boolean {
  if (!/^\+?\d+$/.test(text)) return false;
  const status = Number(text);
  return STATUSES.some(([from, to]) => status >= from && status <= to);
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null;
}
