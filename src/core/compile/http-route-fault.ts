import { parseDurationMs } from '../match/duration.ts';
import { GRPC_STATUS } from '../match/grpc-status.ts';
import type { FaultPolicy } from '../model/decision.ts';
import type { HTTPFaultInjection, HTTPMirrorPolicy, HTTPRoute, Percent } from '../model/virtual-service.ts';

/** Istio's `TranslateFault`. An absent percentage means the deprecated `percent` for a delay and never for an abort. */
export function translateFault(fault: HTTPFaultInjection | undefined): FaultPolicy | undefined {
  if (fault === undefined) return undefined;
  const delay = translateDelay(fault.delay);
  const abort = translateAbort(fault.abort);
  if (delay === undefined && abort === undefined) return undefined;
  return { ...(delay !== undefined && { delay }), ...(abort !== undefined && { abort }) };
}

function translateDelay(delay: HTTPFaultInjection['delay']): FaultPolicy['delay'] {
  if (delay?.fixedDelay === undefined) return undefined;
  const percent = delay.percentage === undefined ? (delay.percent ?? 0) : fractionalPercent(delay.percentage);
  return { fixedDelayMs: parseDurationMs(delay.fixedDelay), percent };
}

function translateAbort(abort: HTTPFaultInjection['abort']): FaultPolicy['abort'] {
  if (abort === undefined) return undefined;
  const share = abort.percentage === undefined ? {} : { percent: fractionalPercent(abort.percentage) };
  if (abort.httpStatus !== undefined) return { httpStatus: abort.httpStatus, ...share };
  if (abort.grpcStatus === undefined) return undefined;
  return { grpcStatus: GRPC_STATUS.get(abort.grpcStatus) ?? 0, ...share };
}

/** Istio's `MirrorPercent`: how much of a route goes to `mirror`; undefined: nothing. */
export function mirrorPercent(route: Pick<HTTPRoute, 'mirrorPercentage' | 'mirrorPercent'>): number | undefined {
  if (route.mirrorPercentage !== undefined) return positive(fractionalPercent(route.mirrorPercentage));
  if (route.mirrorPercent !== undefined) return positive(route.mirrorPercent);
  return 100;
}

/** Istio's `MirrorPercentByPolicy`: the same for one of `mirrors`. */
export function mirrorPercentByPolicy(mirror: Pick<HTTPMirrorPolicy, 'percentage'>): number | undefined {
  return mirror.percentage === undefined ? 100 : positive(fractionalPercent(mirror.percentage));
}

/** Percent in millionths, as Envoy draws it: what is smaller is cut off. */
function fractionalPercent(percent: Percent): number {
  return Math.trunc((percent.value ?? 0) * 10_000) / 10_000;
}

function positive(percent: number): number | undefined {
  return percent > 0 ? percent : undefined;
}
