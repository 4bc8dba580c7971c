/** Times single calls in nanoseconds, less what the clock itself costs. */

export interface Timing {
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
}

/** Calls `run(index)` for `samples` indices, each timed alone, after as many untimed ones; `mean` is of an untimed loop. */
export function time(samples: number, run: (index: number) => unknown): Timing {
  let sink = 0;
  for (let index = 0; index < samples; index += 1) if (run(index) === undefined) sink += 1;
  const timed = timeEach(samples, run);
  const clock = timeEach(samples, () => sink);
  const overhead = at(clock, 0.5);
  const started = process.hrtime.bigint();
  for (let index = 0; index < samples; index += 1) if (run(index) === undefined) sink += 1;
  const mean = Number(process.hrtime.bigint() - started) / samples;
  const less = (value: number): number => Math.max(0, value - overhead);
  return { p50: less(at(timed, 0.5)), p99: less(at(timed, 0.99)), mean };
}

function timeEach(samples: number, run: (index: number) => unknown): Float64Array {
  const durations = new Float64Array(samples);
  let sink = 0;
  for (let index = 0; index < samples; index += 1) {
    const started = performance.now();
    if (run(index) === undefined) sink += 1;
    durations[index] = (performance.now() - started) * 1e6 + (sink < 0 ? 1 : 0);
  }
  return durations.sort();
}

function at(sorted: Float64Array, quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
}
