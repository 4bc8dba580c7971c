/** How busy the machine was meanwhile, and with what. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

/** Hertz of the kernel's clock, in which `/proc` counts. */
const TICKS = 100;

/** Seconds of processor time that a process has used; 0 where the system does not tell. */
export function processSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0);
}

/**
 * Gives a function that tells, in one sentence, how busy the processors were since, and how much of it others were. `ended`:
 * seconds that processes of the benchmark used which are not there any more.
 */
export function watchMachine(pids: () => readonly number[], ended: () => number = () => 0): () => string {
  const started = performance.now();
  const busy = busySeconds();
  const own = process.cpuUsage();
  const before = new Map(pids().map((pid) => [pid, processSeconds(pid)]));
  return () => {
    const seconds = ((performance.now() - started) / 1000) * availableParallelism();
    const all = busySeconds() - busy;
    const { user, system } = process.cpuUsage(own);
    const children = pids().reduce((sum, pid) => sum + processSeconds(pid) - (before.get(pid) ?? 0), 0);
    const others = Math.max(0, all - (user + system) / 1e6 - children - ended());
    const percent = (value: number): string => `${Math.round((100 * value) / seconds)} %`;
    return `the ${availableParallelism()} processors were busy ${percent(all)} of the time, ${percent(others)} with what is not this benchmark`;
  };
}
