import type { FaultPolicy, LocalReply } from '../core/model/decision.ts';

/** What was drawn for one request. Envoy's order: the delay passes first, then the request is aborted. */
export interface InjectedFault {
  /** Milliseconds to wait before anything else happens. */
  readonly delayMs?: number;
  /** The answer that stands in for the upstream's. */
  readonly abort?: LocalReply;
  /** `DI`, `FI`, `DI,FI`. */
  readonly responseFlags: string;
  /** Of an abort. */
  readonly responseCodeDetails?: string;
}

/**
 * Draws the fault of one request (Istio: HTTPFaultInjection). Delay and abort are drawn apart from each other.
 * Undefined: none. `random` gives numbers from 0 up to 1.
 */
export function drawFault(fault: FaultPolicy | undefined, random: () => number): InjectedFault | undefined {
  const { delay, abort } = fault ?? {};
  const delayed = delay !== undefined && drawn(delay.percent, random);
  const aborted = abort !== undefined && drawn(abort.percent ?? 0, random);
  if (!delayed && !aborted) return undefined;
  return {
    ...(delayed ? { delayMs: delay.fixedDelayMs } : {}),
    ...(aborted ? { abort: abortReply(abort), responseCodeDetails: 'fault_filter_abort' } : {}),
    responseFlags: [...(delayed ? ['DI'] : []), ...(aborted ? ['FI'] : [])].join(','),
  };
}

/** Whether a percentage of 0-100 hits. 100 always does and 0 never, whatever `random` gives. */
export function drawn(percent: number, random: () => number): boolean {
  return percent >= 100 || (percent > 0 && random() * 100 < percent);
}

function abortReply({ httpStatus, grpcStatus }: NonNullable<FaultPolicy['abort']>): LocalReply {
  const body = 'fault filter abort';
  if (grpcStatus !== undefined) return { status: 200, grpcStatus, grpcMessage: body };
  return { status: httpStatus ?? 503, body };
}
