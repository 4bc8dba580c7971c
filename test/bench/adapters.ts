/**
 * What governing costs a client: one process, blocks of plain Node and of an installed egress in turn, the server in
 * another process. Every ratio is to the plain block of the same round; `plain again` is plain Node too, and shows the noise.
 *
 *     npm run bench:adapters -- [--quick] [--rows http,https,fetch,undici,http2] [--loads sequential,...] [--rounds N] [--requests N]
 *
 * It measures the built package. Speed is never a test: it always exits with 0.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Sidecarless from '../../src/index.ts';
import { inOrder, runBlock, spread, type Block } from './blocks.ts';
import { CLIENTS, LOADS, openClient, type ClientName, type Load } from './clients.ts';
import { readOptions } from './command-line.ts';
import { watchMachine } from './machine.ts';
import { policyFor } from './policies.ts';
import { startServer } from './server.ts';

const options = readOptions(
  'npm run bench:adapters -- [--quick] [--rows http,https,fetch,undici,http2] [--loads "sequential,50 in flight,new connection"] [--rounds N] [--requests N]',
  {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string', default: CLIENTS.join() },
    loads: { type: 'string', default: LOADS.join() },
    rounds: { type: 'string' },
    requests: { type: 'string' },
  },
);
const rounds = Number(options.rounds ?? (options.quick ? 5 : 15));
const requests = Number(options.requests ?? (options.quick ? 500 : 2000));

const { createEgress, parseMeshConfig } = (await import(
  new URL('../../dist/index.js', import.meta.url).href
)) as typeof Sidecarless;

const server = await startServer();
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const meshConfig = parseMeshConfig(policyFor(server));
const quiet = createEgress({ meshConfig, accessLog: false });
const logging = createEgress({ meshConfig, accessLog: { to: join(folder, 'access.log'), encoding: 'TEXT' } });

/** Each puts itself in place and gives what takes it out again. */
const VARIANTS = {
  plain: () => () => undefined,
  'plain again': () => () => undefined,
  'log off': () => quiet.install(),
  'text log': () => logging.install(),
} satisfies Record<string, () => () => void>;

type Variant = keyof typeof VARIANTS;
const NAMES = Object.keys(VARIANTS) as Variant[];

console.log(
  `Node ${process.version}, ${process.arch}; ${rounds} rounds of ${requests} requests a block; ratios to plain Node: median (quartiles)\n`,
);
console.log(row(['client', 'load', 'us a request', 'variant', 'CPU time', 'p50', 'p99']));
const busy = watchMachine(() => [server.pid]);
for (const client of CLIENTS.filter((name) => options.rows.split(',').includes(name)))
  for (const load of LOADS.filter((name) => options.loads.split(',').includes(name))) await measure(client, load);
console.log(`\n${busy()}`);
server.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);

async function measure(client: ClientName, load: Load): Promise<void> {
  const probe = await openClient(client, load, server);
  if (!probe) return void console.log(row([client, load, 'left out: not installed']));
  await probe.close();
  const taken: Record<Variant, Block>[] = [];
  const count = load === 'new connection' ? Math.ceil(requests / 4) : requests;
  for (let round = -1; round < rounds; round += 1) {
    const blocks: Partial<Record<Variant, Block>> = {};
    for (const variant of inOrder(NAMES, round + 1)) blocks[variant] = await block(variant, client, load, count);
    // The first round only warms up.
    if (round >= 0) taken.push(blocks as Record<Variant, Block>);
  }
  const micros = taken.map(({ plain }) => plain.cpu).sort((a, b) => a - b)[taken.length >> 1] ?? 0;
  for (const variant of NAMES.filter((name) => name !== 'plain')) {
    const ratios = (['cpu', 'p50', 'p99'] as const).map((key) =>
      spread(taken.map((blocks) => blocks[variant][key] / blocks.plain[key])),
    );
    console.log(row([client, load, micros.toFixed(0), variant, ...ratios]));
  }
}

async function block(variant: Variant, client: ClientName, load: Load, count: number): Promise<Block> {
  const takeOut = VARIANTS[variant]();
  const opened = (await openClient(client, load, server))!;
  try {
    return await runBlock(opened, load, count);
  } finally {
    await opened.close();
    takeOut();
  }
}

function row([client = '', load = '', ...rest]: readonly string[]): string {
  return client.padEnd(8) + load.padEnd(16) + rest.map((cell) => cell.padStart(20)).join('');
}
