/** What an update does to the pooled connections of each client, as the servers see it. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentClass, Dispatcher } from '../src/adapters/undici-dispatcher.ts';
import { createEgress, type Egress } from '../src/egress.ts';
import { findEgressError } from '../src/errors.ts';
import { closeAll, install, mesh, REGISTRY_ONLY, serviceEntry } from './adapters/lab.ts';
import { createAuthority, issueCertificate } from './tls/certificates.ts';

const seen: string[] = [];
/** Connections that the servers have, and how many there were. */
const open = new Set<Socket>();
let connections = 0;
let ca: string;
let servers: { readonly web: http.Server; readonly secure: https.Server; readonly streams: http2.Http2Server };
/** Lets the answer to `/slow` go. */
let goOn: () => void;
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  const authority = await createAuthority();
  ca = authority.cert;
  const answer = (request: { url?: string | undefined }, response: { end(text: string): unknown }): void => {
    seen.push(String(request.url));
    if (request.url === '/slow') goOn = () => void response.end('slow');
    else response.end('ok');
  };
  servers = {
    web: http.createServer(answer),
    secure: https.createServer(await issueCertificate(authority, ['localhost']), answer),
    streams: http2.createServer(answer),
  };
  for (const server of Object.values(servers)) {
    server.on('connection', (socket: Socket) => {
      connections += 1;
      open.add(socket.once('close', () => open.delete(socket)));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  }
});
beforeEach(() => {
  seen.length = connections = 0;
});
afterAll(() => {
  for (const socket of open) socket.destroy();
  for (const server of Object.values(servers)) server.close();
});

const admitting = (host: string): ReturnType<typeof mesh> =>
  mesh(
    REGISTRY_ONLY,
    serviceEntry(host, portOf(servers.web)),
    serviceEntry(host, portOf(servers.secure), 'HTTPS'),
    serviceEntry(host, portOf(servers.streams), 'HTTP2'),
  );

/** A connection is free a moment after the answer was read. */
const idle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** A client that keeps its connections, and asks for a path. */
interface Client {
  readonly egress: Egress;
  ask(path: string): Promise<string>;
  close(): void;
}

const installed = (): Egress => install(admitting('localhost'));

function ofAgent(module: typeof http | typeof https, server: Server, agent: http.Agent, egress: Egress): Client {
  return {
    egress,
    close: () => agent.destroy(),
    ask: (path) =>
      new Promise((resolve, reject) => {
        const options = { host: 'localhost', port: portOf(server), path, agent, ca };
        const request = module.get(options, (response) => {
          let text = '';
          response.on('data', (chunk) => (text += String(chunk))).once('end', () => resolve(text));
        });
        request.once('error', reject);
      }),
  };
}

/** The Agent of the copy of undici inside Node. */
function builtInAgent(): AgentClass {
  void globalThis.Response;
  const slots = globalThis as Record<symbol, { constructor: unknown } | undefined>;
  const [first, second] = ['1', '2'].map((number) => slots[Symbol.for(`undici.globalDispatcher.${number}`)]);
  return (second ?? first)?.constructor as AgentClass;
}

function ofDispatcher(dispatcher: Dispatcher, egress: Egress, secure = false): Client {
  const origin = secure ? `https://localhost:${portOf(servers.secure)}` : `http://localhost:${portOf(servers.web)}`;
  return {
    egress,
    close: () => void (dispatcher as unknown as { destroy(): Promise<void> }).destroy(),
    ask: async (path) => (await fetch(`${origin}${path}`, { dispatcher } as object)).text(),
  };
}

function unpatched(): Egress {
  const egress = createEgress({ meshConfig: admitting('localhost'), accessLog: false });
  alone.push(egress);
  return egress;
}
const alone: Egress[] = [];

const CLIENTS: Readonly<Record<string, () => Client>> = {
  http: () => ofAgent(http, servers.web, new http.Agent({ keepAlive: true }), installed()),
  https: () => ofAgent(https, servers.secure, new https.Agent({ keepAlive: true }), installed()),
  'a wrapped agent': () => {
    const egress = unpatched();
    return ofAgent(http, servers.web, egress.wrapAgent(new http.Agent({ keepAlive: true })), egress);
  },
  'a wrapped agent of https': () => {
    const egress = unpatched();
    return ofAgent(https, servers.secure, egress.wrapAgent(new https.Agent({ keepAlive: true })), egress);
  },
  fetch: () => ({
    egress: installed(),
    close: () => undefined,
    ask: async (path) => (await fetch(`http://localhost:${portOf(servers.web)}${path}`)).text(),
  }),
  "an Agent of undici's": () => ofDispatcher(new (builtInAgent())({}), installed()),
  "an Agent of undici's, inside TLS": () => ofDispatcher(new (builtInAgent())({ connect: { ca } }), installed(), true),
  http2: () => {
    const egress = installed();
    const connect = (): http2.ClientHttp2Session =>
      http2.connect(`http://localhost:${portOf(servers.streams)}`).on('error', () => undefined);
    let session = connect();
    return {
      egress,
      close: () => session.destroy(),
      ask: async (path) => {
        if (session.destroyed || session.closed) session = connect();
        let text = '';
        for await (const chunk of session.request({ ':path': path })) text += String(chunk);
        return text;
      },
    };
  },
};

describe.each(Object.entries(CLIENTS))('%s', (_name, make) => {
  let client: Client;
  beforeEach(() => {
    client = make();
  });
  afterEach(async () => {
    client.close();
    // The connections of fetch are nobody's to close.
    client.egress.update(admitting('other.example.com'));
    closeAll();
    for (const egress of alone.splice(0)) await egress.close();
    await expect.poll(() => open.size).toBe(0);
  });
  const denied = async (path: string): Promise<void> => {
    const error: unknown = await client.ask(path).catch((thrown: unknown) => thrown);
    expect(findEgressError(error)?.code).toBe('ERR_EGRESS_DENIED');
  };

  it('keeps what is idle and still admitted, and loses what is idle and denied', async () => {
    expect(await client.ask('/1')).toBe('ok');
    client.egress.update(admitting('localhost'));
    await idle();
    expect(await client.ask('/2')).toBe('ok');
    await idle();
    expect(connections).toBe(1);
    client.egress.update(admitting('other.example.com'));
    await expect.poll(() => open.size).toBe(0);
    await denied('/3');
    client.egress.update(admitting('localhost'));
    expect(await client.ask('/4')).toBe('ok');
    expect(seen).toEqual(['/1', '/2', '/4']);
  });

  it('ends what is under way, and has the next request on the same connection decided anew', async () => {
    const slow = client.ask('/slow');
    await expect.poll(() => seen).toEqual(['/slow']);
    client.egress.update(admitting('other.example.com'));
    await denied('/1');
    client.egress.update(admitting('localhost'));
    goOn();
    expect(await slow).toBe('slow');
    client.egress.update(admitting('other.example.com'));
    await denied('/2');
    expect(seen).toEqual(['/slow']);
  });
});
