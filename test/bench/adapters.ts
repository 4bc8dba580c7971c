/**
 * What governing costs a client: blocks of plain Node and of an installed egress in turn, the server in another process. Every
 * ratio is to the plain block of the same round; `plain again` is plain Node too, and shows the noise.
 *
 *     npm run bench:adapters -- [--processes] [--quick] [--rows http,https,fetch,undici,http2] [--loads sequential,...] [--rounds N] [--requests N]
 *
 * All in one process, unless with `--processes` each variant has one of its own: then nothing of Node is put in and taken out
 * between blocks, which makes V8 compile again what it had compiled. It measures the built package. Speed is never a test: it
 * always exits with 0.
 */
import { inOrder, runBlock, spread, type Block } from './blocks.ts';
import { CLIENTS, LOADS, openClient, type ClientName, type Load } from './clients.ts';
import { readOptions } from './command-line.ts';
import { watchMachine } from './machine.ts';
import { startServer } from './server.ts';
import { VariantProcesses } from './variant-processes.ts';
import { openVariants, VARIANTS, type Variant } from './variants.ts';

/** Rounds after which processes of their own are made anew: no two come out equally quick. */
const ROUNDS_OF_PROCESSES = 5;
/** Requests before the first block of such a process. */
const WARM_UP = 5000;

const options = readOptions(
  'npm run bench:adapters -- [--processes] [--quick] [--rows http,https,fetch,undici,http2] [--loads "sequential,50 in flight,new connection"] [--rounds N] [--requests N]',
  {
    processes: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rows: { type: 'string', default: CLIENTS.join() },
    loads: { type: 'string', default: LOADS.join() },
    rounds: { type: 'string' },
    requests: { type: 'string' },
  },
);
const rounds = Number(options.rounds ?? (options.quick ? 5 : 15));
const requests = Number(options.requests ?? (options.quick ? 500 : 2000));

const server = await startServer();
const variants = await openVariants(server);

console.log(
  `Node ${process.version}, ${process.arch}; ${rounds} rounds of ${requests} requests a block${options.processes ? ', each variant in a process of its own' : ''}; ratios to plain Node: median (quartiles)\n`,
);
console.log(row(['client', 'load', 'us a request', 'variant', 'CPU time', 'p50', 'p99']));
let elsewhere = 0;
const busy = watchMachine(
  () => [server.pid],
  () => elsewhere,
);
for (const client of CLIENTS.filter((name) => options.rows.split(',').includes(name)))
  for (const load of LOADS.filter((name) => options.loads.split(',').includes(name))) await measure(client, load);
console.log(`\n${busy()}`);
server.close();
variants.close();
process.exit(0);

async function measure(client: ClientName, load: Load): Promise<void> {
  const probe = await openClient(client, load, server);
  if (!probe) return void console.log(row([client, load, 'left out: not installed']));
  await probe.close();
  const count = load === 'new connection' ? Math.ceil(requests / 4) : requests;
  const taken = options.processes ? await inProcesses(client, load, count) : await inTurn(client, load, count);
  const micros = taken.map(({ plain }) => plain.cpu).sort((a, b) => a - b)[taken.length >> 1] ?? 0;
  for (const variant of VARIANTS.filter((name) => name !== 'plain')) {
    const ratios = (['cpu', 'p50', 'p99'] as const).map((key) =>
      spread(taken.map((blocks) => blocks[variant][key] / blocks.plain[key])),
    );
    console.log(row([client, load, micros.toFixed(0), variant, ...ratios]));
  }
}

type Round = Readonly<Record<Variant, Block>>;

async function inTurn(client: ClientName, load: Load, count: number): Promise<readonly Round[]> {
  const taken: Round[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const blocks = await blocksOf(round + 1, async (variant) => {
      const takeOut = variants.install(variant);
      const opened = (await openClient(client, load, server))!;
      try {
        return await runBlock(opened, load, { count, warmUp: count });
      } finally {
        await opened.close();
        takeOut();
      }
    });
    // The first round only warms up.
    if (round >= 0) taken.push(blocks);
  }
  return taken;
}

async function inProcesses(client: ClientName, load: Load, count: number): Promise<readonly Round[]> {
  const taken: Round[] = [];
  const warmUp = load === 'new connection' ? count : Math.max(count, WARM_UP);
  const { http, https, http2, authority } = server;
  while (taken.length < rounds) {
    const processes = await VariantProcesses.open({
      client,
      load,
      server: { http, https, http2, authority },
      warmUp,
      count,
    });
    const last = Math.min(rounds, taken.length + ROUNDS_OF_PROCESSES);
    while (taken.length < last) taken.push(await blocksOf(taken.length, (variant) => processes.block(variant)));
    elsewhere += processes.close();
  }
  return taken;
}

async function blocksOf(round: number, block: (variant: Variant) => Promise<Block>): Promise<Round> {
  const blocks: Partial<Record<Variant, Block>> = {};
  for (const variant of inOrder(VARIANTS, round)) blocks[variant] = await block(variant);
  return blocks as Round;
}

function row([client = '', load = '', ...rest]: readonly string[]): string {
  return client.padEnd(8) + load.padEnd(16) + rest.map((cell) => cell.padStart(20)).join('');
}
