import { MILLISECOND, parseDurationNanoseconds } from '../schema/duration.ts';
import type { Report } from './problem.ts';

/** At least 1ms, and whole milliseconds. */
export function durationProblem(text: string): string | undefined {
  const nanoseconds = parseDurationNanoseconds(text);
  if (nanoseconds === undefined) return `${JSON.stringify(text)} is not a duration`;
  if (nanoseconds < MILLISECOND) return `${text} is shorter than 1ms`;
  return nanoseconds % MILLISECOND === 0n ? undefined : `${text} is not a whole number of milliseconds`;
}

export function validateDuration(report: Report, field: string, text: string | undefined): void {
  if (text === undefined) return;
  const isZero = parseDurationNanoseconds(text) === 0n;
  report.check(
    'duration',
    field,
    durationProblem(text),
    isZero ? 'leave the field out instead of writing 0' : undefined,
  );
}
