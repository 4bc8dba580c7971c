/** Blocks of requests, timed, and what the rounds of several variants have in common. */
import type { BenchClient, Load } from './clients.ts';

export interface Block {
  /** Processor time of this process for one request, in microseconds. */
  readonly cpu: number;
  /** The same with that of the proxy, if there is one. */
  readonly whole: number;
  /** Milliseconds of one request. */
  readonly p50: number;
  readonly p99: number;
}

export interface BlockSize {
  /** Requests that are timed, and those before them that are not. */
  readonly count: number;
  readonly warmUp: number;
}

/**
 * Sends `count` requests, 50 at a time or one, after `warmUp` others. Garbage is not collected in between: with no request
 * alive V8 would throw away what it compiled for requests, and the block would measure how that is compiled again.
 */
export async function runBlock(
  client: BenchClient,
  load: Load,
  { count, warmUp }: BlockSize,
  proxySeconds: () => number = () => 0,
): Promise<Block> {
  const width = load === '50 in flight' ? 50 : 1;
  if (warmUp > 0) await send(client, width, new Float64Array(Math.max(width * 2, warmUp)));
  const durations = new Float64Array(count);
  const proxyBefore = proxySeconds();
  const before = process.cpuUsage();
  await send(client, width, durations);
  const { user, system } = process.cpuUsage(before);
  const proxy = (proxySeconds() - proxyBefore) * 1e6;
  durations.sort();
  const cpu = (user + system) / count;
  return { cpu, whole: cpu + proxy / count, p50: quantile(durations, 0.5), p99: quantile(durations, 0.99) };
}

async function send(client: BenchClient, width: number, durations: Float64Array): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < durations.length) {
      const index = next;
      next += 1;
      const started = performance.now();
      await client.send();
      durations[index] = performance.now() - started;
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
}

/** Of sorted numbers. */
export function quantile(sorted: ArrayLike<number>, at: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

/** Median and quartiles, as `1.02 (1.00-1.05)`. */
export function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((at) => quantile(sorted, at).toFixed(2));
  return `${median} (${low}-${high})`;
}

/**
 * The order of the variants changes with each round, so that each runs after each other one equally often (a Williams design):
 * what was in place before leaves its mark on compiled code.
 */
export function inOrder<T>(variants: readonly T[], round: number): readonly T[] {
  const count = variants.length;
  const row = variants.map((_, index) => {
    const step = index % 2 === 0 ? count - index / 2 : (index + 1) / 2;
    return variants[(step + round) % count]!;
  });
  return Math.floor(round / count) % 2 === 0 ? row : row.reverse();
}
