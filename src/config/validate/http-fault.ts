import { GRPC_STATUS } from '../../core/match/grpc-status.ts';
import type { HTTPFaultFields } from '../schema/virtual-service.ts';
import type { Report } from './problem.ts';
import { validateDuration } from './time.ts';

export function validateHttpFault(report: Report, field: string, fault: HTTPFaultFields | undefined): void {
  if (fault === undefined) return;
  if (fault.abort === undefined && fault.delay === undefined) {
    report.error('fault', field, 'fault sets neither abort nor delay', 'set one of them, or remove fault');
  }
  if (fault.abort !== undefined) validateAbort(report, `${field}.abort`, fault.abort);
  if (fault.delay !== undefined) validateDelay(report, `${field}.delay`, fault.delay);
}

export function validateAbort(report: Report, field: string, abort: NonNullable<HTTPFaultFields['abort']>): void {
  report.check('fractionalPercent', `${field}.percentage.value`, fractionalPercentProblem(abort.percentage));
  if (abort.grpcStatus !== undefined)
    report.check('grpcStatus', `${field}.grpcStatus`, grpcStatusProblem(abort.grpcStatus));
  else if (abort.http2Error !== undefined)
    report.error(
      'fault',
      `${field}.http2Error`,
      'aborting with an HTTP/2 error is not supported',
      'use httpStatus or grpcStatus',
    );
  else if (abort.httpStatus !== undefined)
    report.check('httpStatus', `${field}.httpStatus`, httpStatusProblem(abort.httpStatus));
}

export function validateDelay(report: Report, field: string, delay: NonNullable<HTTPFaultFields['delay']>): void {
  report.check('fractionalPercent', `${field}.percentage.value`, fractionalPercentProblem(delay.percentage));
  validateDuration(report, `${field}.fixedDelay`, delay.fixedDelay);
  if (delay.exponentialDelay === undefined) return;
  validateDuration(report, `${field}.exponentialDelay`, delay.exponentialDelay);
  report.error('fault', `${field}.exponentialDelay`, 'exponentialDelay is not supported', 'use fixedDelay');
}

/** 0, or 0.0001 to 100. */
export function fractionalPercentProblem(
  percent: { readonly value?: number | undefined } | undefined,
): string | undefined {
  const value = percent?.value ?? 0;
  if (value === 0 || (value >= 0.0001 && value <= 100)) return undefined;
  return `${value} is not a percentage; percentages are 0, or 0.0001 to 100`;
}

/** Istio lets 600 pass. */
export function httpStatusProblem(status: number): string | undefined {
  return status >= 200 && status <= 600 ? undefined : `${status} is not a status to answer with; use 200 to 599`;
}

export function grpcStatusProblem(status: string): string | undefined {
  return GRPC_STATUS.has(status)
    ? undefined
    : `${JSON.stringify(status)} is not the name of a gRPC status, such as NOT_FOUND`;
}
