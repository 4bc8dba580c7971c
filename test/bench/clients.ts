/** The clients that the benchmarks drive, each the plainest program that one would write with it. */
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { ServerReady } from './server-process.ts';

export const CLIENTS = ['http', 'https', 'fetch', 'undici', 'http2'] as const;

export type ClientName = (typeof CLIENTS)[number];

/** One request after the other, 50 at a time, or one after the other over a new connection each. */
export const LOADS = ['sequential', '50 in flight', 'new connection'] as const;

export type Load = (typeof LOADS)[number];

export interface BenchClient {
  /** Resolves when the whole answer was read. */
  send(): Promise<void>;
  close(): unknown;
}

export const HEADERS = {
  accept: 'application/json',
  'user-agent': 'bench/1',
  'x-request-id': '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
};

/** A client with pools of its own. Undefined: it is not installed here. */
export async function openClient(name: ClientName, load: Load, server: ServerReady): Promise<BenchClient | undefined> {
  switch (name) {
    case 'http':
      return agentClient(new http.Agent(poolOptions(load)), http.request, server.http, load);
    case 'https':
      return agentClient(
        new https.Agent({ ...poolOptions(load), ca: server.authority }),
        https.request,
        server.https,
        load,
      );
    case 'fetch':
      return fetchClient(`http://localhost:${server.http}/items${suffix(load)}`);
    case 'undici':
      return undiciClient(server.http, load);
    case 'http2':
      return load === 'new connection' ? sessionEach(server) : http2Client(server);
  }
}

export function poolOptions(load: Load): http.AgentOptions {
  return { keepAlive: load !== 'new connection', maxSockets: 50 };
}

function suffix(load: Load): string {
  return load === 'new connection' ? '/close' : '/1';
}

/** Any agent of Node's kind; `target` where the request goes elsewhere than to the server itself. */
export function agentClient(
  agent: http.Agent,
  request: typeof http.request,
  port: number,
  load: Load,
  target: http.RequestOptions = {},
): BenchClient {
  return {
    send: () =>
      new Promise((resolve, reject) => {
        const options = { host: 'localhost', port, path: `/items${suffix(load)}`, agent, headers: HEADERS, ...target };
        request(options, (response) => response.resume().once('end', resolve))
          .once('error', reject)
          .end();
      }),
    close: () => agent.destroy(),
  };
}

function fetchClient(url: string): BenchClient {
  return {
    send: async () => void (await (await fetch(url, { headers: HEADERS })).arrayBuffer()),
    close: () => undefined,
  };
}

interface Undici {
  Agent: new (options: object) => { close(): Promise<void> };
  request(url: string, options: object): Promise<{ body: { dump(): Promise<void> } }>;
}

async function undiciClient(port: number, load: Load): Promise<BenchClient | undefined> {
  const path = new URL('../third-party/node_modules/undici7/index.js', import.meta.url).href;
  const undici = await (import(path) as Promise<Undici>).catch(() => undefined);
  if (!undici) return undefined;
  const dispatcher = new undici.Agent({ connections: 50 });
  const url = `http://localhost:${port}/items${suffix(load)}`;
  return {
    send: async () => (await undici.request(url, { dispatcher, headers: HEADERS })).body.dump(),
    close: () => dispatcher.close(),
  };
}

function sendStream(session: http2.ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session
      .request({ ...HEADERS, ':path': '/items/1' })
      .once('error', reject)
      .once('end', resolve)
      .resume()
      .end();
  });
}

function http2Client(server: ServerReady): BenchClient {
  const session = http2.connect(`https://localhost:${server.http2}`, { ca: server.authority });
  return { send: () => sendStream(session), close: () => session.destroy() };
}

function sessionEach(server: ServerReady): BenchClient {
  return {
    send: async () => {
      const session = http2.connect(`https://localhost:${server.http2}`, { ca: server.authority });
      await sendStream(session);
      session.destroy();
    },
    close: () => undefined,
  };
}
