/**
 * How long one decision takes, by the number of entries in the policy, next to a Map lookup and a linear scan.
 *
 *     npm run bench -- [--max N] [--kind host|wildcard|cidr|mixed] [--samples N] [--connections N] [--strangers N]
 *
 * `--connections` (a power of two): how many different connections are asked in turn. With thousands the processor's
 * caches are measured as well, for the Map as for `decide`.
 *
 * `anew`: questions that nothing is remembered of, to `--strangers` (16,384) different destinations in turn, so that what
 * the policy says of them has left the processor's caches when they are asked again. They offer an ALPN protocol, which no
 * answer is remembered for.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compileMeshConfig, decide, parseMeshConfig } from '../../src/index.ts';
import { readOptions } from './command-line.ts';
import { buildWorkbench, type EntryKind, type Workbench } from './meshes.ts';
import { time, type Timing } from './stopwatch.ts';

const KINDS: readonly EntryKind[] = ['host', 'wildcard', 'cidr', 'mixed'];
const SIZES = [10, 100, 1_000, 10_000, 100_000];

const options = readOptions(
  'npm run bench -- [--max N] [--kind host|wildcard|cidr|mixed] [--samples N] [--connections N] [--strangers N]',
  {
    max: { type: 'string', default: '100000' },
    kind: { type: 'string', multiple: true },
    samples: { type: 'string', default: '200000' },
    connections: { type: 'string', default: '256' },
    strangers: { type: 'string', default: '16384' },
  },
);

/** Different destinations, for questions that are answered anew. */
const STRANGERS = Number(options.strangers);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

console.log(
  `Node ${process.version}, ${process.arch}; nanoseconds a decision, ${options.connections} different connections in turn\n`,
);
console.log(
  row([
    'entries',
    'decide p50',
    'p99',
    'mean',
    'anew p50',
    'p99',
    'first call ms',
    'Map.get p50',
    'scan p50',
    'load ms',
    'compile ms',
    'MiB',
  ]),
);
for (const kind of KINDS.filter((each) => options.kind?.includes(each) ?? true)) {
  for (const size of SIZES.filter((each) => each <= Number(options.max))) measure(kind, size);
  console.log();
}

function measure(kind: EntryKind, size: number): void {
  const bench = buildWorkbench(kind, size, Number(options.connections));
  const samples = Number(options.samples);
  const loading = performance.now();
  const meshConfig = parseMeshConfig(bench.objects);
  const loaded = performance.now() - loading;
  const before = heapMiB();
  const compiling = performance.now();
  compileMeshConfig(meshConfig);
  const compiled = performance.now() - compiling;
  const { connections } = bench;
  const asking = performance.now();
  for (const connection of connections.slice(0, 8)) decide(connection, meshConfig);
  const firstCalls = performance.now() - asking;
  const mask = connections.length - 1;
  const decided = time(samples, (index) => decide(connections[index & mask]!, meshConfig));
  const memory = heapMiB() - before;
  const { connections: strangers } = buildWorkbench(kind, size, STRANGERS, { alpn: ['http/1.1'] });
  const anew = time(Math.min(samples, 65_536), (index) => decide(strangers[index % STRANGERS]!, meshConfig));
  const mapped = timeMap(bench, samples);
  const scanned = timeScan(bench, Math.min(samples, Math.ceil(20_000_000 / size)));
  console.log(
    row([
      `${kind} ${size}`,
      ...[decided.p50, decided.p99, decided.mean, anew.p50, anew.p99].map((value) => value.toFixed(0)),
      firstCalls.toFixed(1),
      mapped.p50.toFixed(0),
      scanned.p50.toFixed(0),
      loaded.toFixed(0),
      compiled.toFixed(0),
      memory.toFixed(1),
    ]),
  );
}

function timeMap({ patterns, keys }: Workbench, samples: number): Timing {
  const map = new Map(patterns.map((pattern) => [pattern, true]));
  const mask = keys.length - 1;
  return time(samples, (index) => map.get(keys[index & mask]!));
}

function timeScan({ patterns, keys }: Workbench, samples: number): Timing {
  const suffixes = patterns.map((pattern) => (pattern.startsWith('*') ? pattern.slice(1) : undefined));
  const mask = keys.length - 1;
  return time(samples, (index) => {
    const key = keys[index & mask]!;
    for (let at = 0; at < patterns.length; at += 1) {
      const suffix = suffixes[at];
      if (suffix === undefined ? patterns[at] === key : key.endsWith(suffix)) return at;
    }
    return undefined;
  });
}

function heapMiB(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1_048_576;
}

function row([first = '', ...rest]: readonly string[]): string {
  return first.padEnd(18) + rest.map((cell) => cell.padStart(13)).join('');
}
