/**
 * What other ways to govern a client's requests cost beside this one: same client, same server, same run, blocks in turn.
 * Every ratio is to plain `http.Agent` in the same round; `plain again` shows the noise. `whole` counts the processor time of
 * the proxy as well, where there is one.
 *
 *     npm run bench:peers -- [--quick] [--rows http,https] [--loads "sequential,50 in flight"] [--rounds N] [--requests N]
 *
 * request-filtering-agent is taken from test/third-party, squid where it is installed, and Envoy where the environment
 * variable ENVOY_BIN names its program; what is not there is left out, and said so. It measures the built package and always
 * exits with 0.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Sidecarless from '../../src/index.ts';
import { inOrder, runBlock, spread, type Block } from './blocks.ts';
import { agentClient, HEADERS, poolOptions, type BenchClient, type Load } from './clients.ts';
import { readOptions } from './command-line.ts';
import { watchMachine } from './machine.ts';
import { policyFor } from './policies.ts';
import { startEnvoy, startSquid, type Proxy } from './proxies.ts';
import { startServer } from './server.ts';
import { TunnelAgent } from './tunnel-agent.ts';

type Scheme = 'http' | 'https';

/** One way to send requests. */
interface Peer {
  readonly name: string;
  readonly proxy?: Proxy;
  install?(): () => void;
  open(scheme: Scheme, load: Load): BenchClient;
}

const options = readOptions(
  'npm run bench:peers -- [--quick] [--rows http,https] [--loads "sequential,50 in flight"] [--rounds N] [--requests N]',
  {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string', default: 'http,https' },
    loads: { type: 'string', default: 'sequential,50 in flight' },
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
const authority = { ca: server.authority };

const plain = (scheme: Scheme, load: Load): BenchClient =>
  scheme === 'http'
    ? agentClient(new http.Agent(poolOptions(load)), http.request, server.http, load)
    : agentClient(new https.Agent({ ...poolOptions(load), ...authority }), https.request, server.https, load);

const peers: Peer[] = [
  { name: 'plain', open: plain },
  { name: 'plain again', open: plain },
  { name: 'sidecarless', open: plain, install: () => quiet.install() },
  { name: 'sidecarless, text log', open: plain, install: () => logging.install() },
];
const left: string[] = [];
const add = (peer: Peer | undefined, why: string): void => void (peer ? peers.push(peer) : left.push(why));
add(await filteringAgent(), 'request-filtering-agent (not in test/third-party)');
add(squidPeer(await startSquid()), 'squid (not installed)');
add(envoyPeer(await startEnvoy(server)), 'Envoy (ENVOY_BIN names no program that runs)');

console.log(
  `Node ${process.version}, ${process.arch}; ${rounds} rounds of ${requests} requests a block; ratios to plain http.Agent: median (quartiles)`,
);
if (left.length > 0) console.log(`left out: ${left.join(', ')}`);
console.log(`\n${row(['scheme', 'load', 'us a request', 'peer', 'p50', 'CPU of the client', 'CPU of the whole'])}`);
const proxies = peers.flatMap(({ proxy }) => (proxy ? [proxy] : []));
const busy = watchMachine(() => [server.pid, ...proxies.map(({ pid }) => pid)]);
for (const scheme of ['http', 'https'] as const)
  for (const load of ['sequential', '50 in flight'] as const)
    if (options.rows.split(',').includes(scheme) && options.loads.split(',').includes(load))
      await measure(scheme, load);
console.log(`\n${busy()}`);
for (const proxy of proxies) proxy.close();
server.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);

async function measure(scheme: Scheme, load: Load): Promise<void> {
  const taken: Map<Peer, Block>[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const blocks = new Map<Peer, Block>();
    for (const peer of inOrder(peers, round + 1)) blocks.set(peer, await block(peer, scheme, load));
    // The first round only warms up.
    if (round >= 0) taken.push(blocks);
  }
  const [base, ...others] = peers as [Peer, ...Peer[]];
  const micros = taken.map((blocks) => blocks.get(base)!.cpu).sort((a, b) => a - b)[taken.length >> 1] ?? 0;
  for (const peer of others) {
    const ratios = (['p50', 'cpu', 'whole'] as const).map((key) =>
      spread(taken.map((blocks) => blocks.get(peer)![key] / blocks.get(base)![key])),
    );
    console.log(row([scheme, load, micros.toFixed(0), peer.name, ...ratios]));
  }
}

async function block(peer: Peer, scheme: Scheme, load: Load): Promise<Block> {
  const takeOut = peer.install?.();
  const client = peer.open(scheme, load);
  try {
    return await runBlock(
      client,
      load,
      { count: requests, warmUp: requests },
      peer.proxy ? () => peer.proxy!.cpuSeconds() : undefined,
    );
  } finally {
    client.close();
    takeOut?.();
  }
}

interface FilteringAgents {
  RequestFilteringHttpAgent: new (options: object) => http.Agent;
  RequestFilteringHttpsAgent: new (options: object) => https.Agent;
}

/** It filters addresses: that of the server has to be let through. */
async function filteringAgent(): Promise<Peer | undefined> {
  const clients = createRequire(new URL('../third-party/package.json', import.meta.url));
  const agents = await resolved(() => clients.resolve('request-filtering-agent'));
  if (!agents) return undefined;
  const { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } = agents;
  const allowed = { allowPrivateIPAddress: true };
  return {
    name: 'request-filtering-agent',
    open: (scheme, load) =>
      scheme === 'http'
        ? agentClient(
            new RequestFilteringHttpAgent({ ...poolOptions(load), ...allowed }),
            http.request,
            server.http,
            load,
          )
        : agentClient(
            new RequestFilteringHttpsAgent({ ...poolOptions(load), ...authority, ...allowed }),
            https.request,
            server.https,
            load,
          ),
  };
}

/** Undefined: it is not there. */
async function resolved(find: () => string): Promise<FilteringAgents | undefined> {
  try {
    return (await import(pathToFileURL(find()).href)) as FilteringAgents;
  } catch {
    return undefined;
  }
}

function squidPeer(proxy: Proxy | undefined): Peer | undefined {
  if (!proxy) return undefined;
  const authorityOf = (port: number): string => `localhost:${port}`;
  return {
    name: 'squid, forward proxy',
    proxy,
    open: (scheme, load) =>
      scheme === 'https'
        ? agentClient(
            new TunnelAgent(proxy.https, { ...poolOptions(load), ...authority }),
            https.request,
            server.https,
            load,
          )
        : agentClient(new http.Agent(poolOptions(load)), http.request, proxy.http, load, {
            host: '127.0.0.1',
            path: `http://${authorityOf(server.http)}/items/1`,
            headers: { ...HEADERS, host: authorityOf(server.http) },
          }),
  };
}

/** The application dials the sidecar as if it were the server: what its interception in the kernel comes to. */
function envoyPeer(proxy: Proxy | undefined): Peer | undefined {
  if (!proxy) return undefined;
  return {
    name: 'Envoy sidecar',
    proxy,
    open: (scheme, load) =>
      scheme === 'http'
        ? agentClient(new http.Agent(poolOptions(load)), http.request, proxy.http, load, {
            host: '127.0.0.1',
            headers: { ...HEADERS, host: `localhost:${server.http}` },
          })
        : agentClient(new https.Agent({ ...poolOptions(load), ...authority }), https.request, proxy.https, load, {
            host: '127.0.0.1',
          }),
  };
}

function row([scheme = '', load = '', ...rest]: readonly string[]): string {
  return scheme.padEnd(8) + load.padEnd(14) + rest.map((cell) => cell.padStart(24)).join('');
}
