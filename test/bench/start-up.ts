/**
 * What the preload adds to the start of a program, over plain Node. Needs a build: `npm run build:js`.
 *
 *     npm run bench:start -- [--rounds N] [--policy DIR] [--program nothing|https|all] [--compile-cache]
 *
 * Three processes in turn, in an order that changes each round: plain Node, plain Node again (what the machine itself
 * makes of nothing: the A/A row), and Node with the preload. Each row is the median of the differences of a round, with
 * the quartiles. Other load on the machine does not cancel out of wall time: the plain rows show how much there was.
 * `--compile-cache`: all three with NODE_COMPILE_CACHE in a folder that an earlier run has filled.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { readOptions } from './command-line.ts';

const root = join(import.meta.dirname, '../..');
const options = readOptions(
  'npm run bench:start -- [--rounds N] [--policy DIR] [--program nothing|https|all] [--compile-cache]',
  {
    rounds: { type: 'string', default: '40' },
    policy: { type: 'string', default: join(root, 'examples/egress-gateway/mesh') },
    program: { type: 'string', multiple: true },
    'compile-cache': { type: 'boolean', default: false },
  },
);

/** A program that does nothing, one that has loaded what nearly every service does, and one with every client of Node. */
const PROGRAMS = {
  nothing: '',
  https: "require('node:https');",
  all: "require('node:https'); require('node:http2'); void fetch; void Response;",
} as const;

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly memoryMiB: number;
}

const folder = mkdtempSync(join(tmpdir(), 'sidecarless-start-'));
const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', SIDECARLESS_CONFIG: options.policy };
if (options['compile-cache']) env['NODE_COMPILE_CACHE'] = join(folder, 'compile-cache');
const preload = ['--require', join(root, 'dist/register.cjs')];
const ARMS = { plain: [], again: [], preload } as const;
type Arm = keyof typeof ARMS;
const ORDERS: readonly (readonly Arm[])[] = [
  ['plain', 'again', 'preload'],
  ['preload', 'plain', 'again'],
  ['again', 'preload', 'plain'],
];

console.log(
  `Node ${process.version}, ${options.rounds} rounds, policy ${relative(root, options.policy)}` +
    `${options['compile-cache'] ? ', compile cache filled' : ''}; median [quartiles]\n`,
);
console.log(row(['program', '', 'wall ms', 'CPU ms', 'memory MiB']));
try {
  for (const [name, program] of Object.entries(PROGRAMS))
    if (options.program?.includes(name) ?? true) measure(name, program);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function measure(name: string, program: string): void {
  const costs: Record<Arm, Cost[]> = { plain: [], again: [], preload: [] };
  for (const arm of ['plain', 'preload', 'plain', 'preload'] as const) run(arm, program);
  for (let round = 0; round < Number(options.rounds); round += 1)
    for (const arm of ORDERS[round % ORDERS.length] ?? []) costs[arm].push(run(arm, program));
  const less = (arm: Arm, of: keyof Cost): string =>
    spread(costs[arm].map((cost, round) => cost[of] - (costs.plain[round]?.[of] ?? Number.NaN)));
  const cells = (cell: (of: keyof Cost) => string): string[] => [cell('wallMs'), cell('cpuMs'), cell('memoryMiB')];
  console.log(row([name, 'plain Node', ...cells((of) => spread(costs.plain.map((cost) => cost[of])))]));
  console.log(row(['', 'A/A adds', ...cells((of) => less('again', of))]));
  console.log(row(['', 'preload adds', ...cells((of) => less('preload', of))]));
}

/** One process, from its spawn to its end. It tells its own processor time and memory, when its program has run. */
function run(arm: Arm, program: string): Cost {
  const tell = `const {user, system} = process.cpuUsage(); require('node:fs').writeSync(1, [user + system, process.memoryUsage.rss()].join(' '));`;
  const started = performance.now();
  const { stdout, stderr, status } = spawnSync(process.execPath, [...ARMS[arm], '-e', program + tell], {
    env,
    encoding: 'utf8',
  });
  const wallMs = performance.now() - started;
  if (status !== 0) throw new Error(`a process ended with ${status}: ${stderr}`);
  const [cpu = Number.NaN, memory = Number.NaN] = stdout.split(' ').map(Number);
  return { wallMs, cpuMs: cpu / 1_000, memoryMiB: memory / 1_048_576 };
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (quantile: number): string =>
    (sorted[Math.floor((sorted.length - 1) * quantile)] ?? Number.NaN).toFixed(1);
  return `${at(0.5)} [${at(0.25)}, ${at(0.75)}]`;
}

function row([first = '', second = '', ...rest]: readonly string[]): string {
  return first.padEnd(21) + second.padEnd(14) + rest.map((cell) => cell.padStart(24)).join('');
}
