import * as channels from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Egress } from '../src/egress.ts';
import {
  closeAll,
  closedPort,
  httpServer,
  install,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  tcpServer,
  type Lab,
} from './adapters/lab.ts';

const FORMAT = '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS%';

let web: Lab;
let database: Lab;
let streams: { readonly port: number; close(): void };
let lines: string[];
let egress: Egress;
/** Exchanges that were begun, and those of them that were ended. */
let begun: Set<unknown>;
let ended: Set<unknown>;
const begin = (message: unknown): void => void begun.add(message);
const end = (message: unknown): void => void ended.add(message);

beforeAll(async () => {
  web = await httpServer();
  database = await tcpServer();
  const server = http2.createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  streams = { port: (server.address() as net.AddressInfo).port, close: () => server.close() };
});
beforeEach(() => {
  lines = [];
  begun = new Set();
  ended = new Set();
  channels.subscribe('sidecarless:decision', begin);
  channels.subscribe('sidecarless:end', end);
  egress = install(
    mesh(
      REGISTRY_ONLY,
      serviceEntry('localhost', web.port),
      serviceEntry('localhost', streams.port, 'HTTP2'),
      serviceEntry('localhost', database.port, 'TCP'),
    ),
    { accessLog: { to: (line) => lines.push(line), format: FORMAT }, metrics: true },
  );
});
afterEach(() => {
  closeAll();
  channels.unsubscribe('sidecarless:decision', begin);
  channels.unsubscribe('sidecarless:end', end);
});
afterAll(async () => {
  streams.close();
  for (const lab of [web, database]) await lab.close();
});

const http1 = { host: 'localhost', lookup: undefined };
const dial = (port: number): net.Socket => net.connect({ host: 'localhost', port });

function failed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined).once('close', () => resolve());
  });
}

/** The one inside Node. */
function undiciAgent(): new (options: object) => { close(): Promise<void> } {
  const slots = globalThis as unknown as Record<symbol, object | undefined>;
  const slot = slots[Symbol.for('undici.globalDispatcher.2')] ?? slots[Symbol.for('undici.globalDispatcher.1')];
  return (slot as { constructor: new (options: object) => { close(): Promise<void> } }).constructor;
}

async function stream(options: http2.ClientSessionOptions = {}): Promise<void> {
  const session = http2.connect(`http://localhost:${streams.port}`, options);
  const asked = session.request({ ':path': '/' });
  await once(asked.resume(), 'close');
  session.close();
  await once(session, 'close');
}

const WAYS: Readonly<Record<string, () => Promise<unknown>>> = {
  'an agent of Node': () => send(http, { ...http1, port: web.port }),
  'an agent that connects by itself': () => {
    const agent = new http.Agent();
    agent.createConnection = () => dial(web.port);
    return send(http, { ...http1, port: web.port, agent });
  },
  'a request that connects by itself': () =>
    send(http, { ...http1, port: web.port, agent: false, createConnection: () => dial(web.port) }),
  'an HTTP/2 session': () => stream(),
  'an HTTP/2 session over a connection that was there before': async () => {
    const socket = dial(streams.port);
    await once(socket, 'connect');
    await stream({ createConnection: () => socket });
  },
  fetch: () => fetch(`http://localhost:${web.port}/`, { headers: { connection: 'close' } }).then((r) => r.text()),
  'undici that connects by itself, and late': async () => {
    const dispatcher = new (undiciAgent())({
      connect: (_options: unknown, callback: (error: null, socket: net.Socket) => void) => {
        setImmediate(() => {
          const socket = dial(web.port);
          socket.once('connect', () => callback(null, socket));
        });
      },
    });
    const response = await fetch(`http://localhost:${web.port}/`, { dispatcher } as RequestInit);
    await response.text();
    await dispatcher.close();
  },
};

it.each(Object.entries(WAYS))('%s: one line for the request, and none for its connection', async (_name, run) => {
  await run();
  await egress.close();
  expect(lines).toEqual([expect.stringMatching(/^HTTP\/[12](\.1)? 200 -$/)]);
});

it('ends whatever it began, refusals as well', async () => {
  for (const run of Object.values(WAYS)) await run();
  await send(http, { ...http1, host: 'evil.example', port: web.port });
  await fetch('http://evil.example/').catch(() => undefined);
  for (const target of [{ host: 'evil.example', port: 5432 }, { path: '/run/evil.sock' }])
    await failed(net.connect(target as net.NetConnectOpts));
  const socket = dial(database.port);
  await once(socket, 'connect');
  await once(socket.destroy(), 'close');
  await expect.poll(() => begun.size - ended.size).toBe(0);
  expect(begun.size).toBeGreaterThan(8);
});

it('counts a connection as opened and as closed under the same labels', async () => {
  const socket = dial(database.port);
  await once(socket, 'connect');
  const opened = egress.metrics!.values('istio_tcp_connections_opened_total');
  expect(opened).toMatchObject([{ value: 1, labels: { destination_service: 'localhost' } }]);
  expect(egress.metrics!.values('istio_tcp_connections_closed_total')).toEqual([]);
  await once(socket.destroy(), 'close');
  expect(egress.metrics!.values('istio_tcp_connections_closed_total')).toEqual(opened);
});

it('counts a connection that did not come about as opened and closed', async () => {
  const port = await closedPort();
  egress.update(mesh(REGISTRY_ONLY, serviceEntry('localhost', port, 'TCP')));
  await failed(dial(port));
  const closed = egress.metrics!.values('istio_tcp_connections_closed_total');
  expect(closed).toMatchObject([{ value: 1, labels: { response_flags: expect.stringContaining('UF') as string } }]);
  expect(egress.metrics!.values('istio_tcp_connections_opened_total')).toEqual(closed);
});

it('counts no TCP connection for requests', async () => {
  for (const run of [WAYS['an agent of Node']!, WAYS['fetch']!, WAYS['an HTTP/2 session']!]) await run();
  await egress.close();
  expect(egress.metrics!.values('istio_requests_total').map(({ value }) => value)).toEqual([3]);
  expect(egress.metrics!.values('istio_tcp_connections_opened_total')).toEqual([]);
});
