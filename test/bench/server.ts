import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerReady } from './server-process.ts';

export interface BenchServer extends ServerReady {
  readonly pid: number;
  close(): void;
}

/** Starts the server of the benchmarks; it ends with this process at the latest. */
export async function startServer(): Promise<BenchServer> {
  const child = fork(fileURLToPath(new URL('./server-process.ts', import.meta.url)));
  const [ready] = (await once(child, 'message')) as [ServerReady];
  return { ...ready, pid: child.pid ?? 0, close: () => child.kill() };
}
