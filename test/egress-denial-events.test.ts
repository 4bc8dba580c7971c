import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEgress, type Egress } from '../src/egress.ts';
import { findEgressError } from '../src/errors.ts';
import { lookupTo, mesh, REGISTRY_ONLY } from './adapters/lab.ts';

/**
 * A denial beside a refusal by the kernel: the same events in the same order with the same arguments, but for the error itself.
 */
let closedPort: number;
beforeAll(async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  closedPort = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
});

let egress: Egress | undefined;
afterEach(() => void egress?.close());

/** What is emitted, from the call on: `ours` and `refused` are written alike. */
class Record {
  readonly events: string[] = [];
  readonly errors: unknown[] = [];

  watch(name: string, emitter: { emit(event: string | symbol, ...args: unknown[]): boolean }): void {
    const emit = emitter.emit.bind(emitter);
    emitter.emit = (event, ...args) => {
      // Node 20 tells of attempts only when it makes several.
      if (typeof event === 'string' && !/^(newListener|removeListener|lookup|connectionAttempt.*)$/.test(event))
        this.events.push(`${name} ${event}(${args.map((argument) => this.#text(argument)).join(', ')})`);
      return emit(event, ...args);
    };
  }

  note(text: string): void {
    this.events.push(text);
  }

  #text(argument: unknown): string {
    if (argument instanceof Error) {
      this.errors.push(argument);
      return 'the error';
    }
    return typeof argument === 'object' && argument !== null ? argument.constructor.name : String(argument);
  }
}

type Attempt = (record: Record, host: string) => Promise<unknown>;

// One address at a time, so that the error is the same on every Node.
net.setDefaultAutoSelectFamily(false);

/** `once` of node:events would reject at the error. */
const closed = (emitter: NodeJS.EventEmitter): Promise<unknown> =>
  new Promise((resolve) => emitter.once('close', resolve));

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

async function ofSocket(record: Record, open: () => net.Socket): Promise<void> {
  const socket = open();
  record.watch('socket', socket);
  record.note(`returned, connecting ${socket.connecting}, destroyed ${socket.destroyed}`);
  process.nextTick(() => record.note('tick'));
  // Whoever listens only after a turn of promises is still in time.
  await Promise.resolve();
  socket.on('error', () => undefined);
  await closed(socket);
  await settled();
  record.note(`connecting ${socket.connecting}, destroyed ${socket.destroyed}`);
}

async function ofRequest(record: Record, open: () => http.ClientRequest, end = true): Promise<void> {
  const request = open();
  record.watch('request', request);
  process.nextTick(() => record.note('tick'));
  request.once('socket', (socket) => {
    record.note(`connecting ${socket.connecting}`);
    record.watch('socket', socket);
  });
  request.on('error', () => undefined);
  if (end) request.end('body');
  await closed(request);
  await settled();
  record.note(`destroyed ${request.destroyed}, aborted ${request.aborted}, reused ${request.reusedSocket}`);
}

const ATTEMPTS: Readonly<{ [name: string]: Attempt }> = {
  'net.connect': (record, host) => ofSocket(record, () => net.connect({ host, port: closedPort, lookup: lookupTo() })),
  'net.connect with an address': (record) => ofSocket(record, () => net.connect(closedPort, '127.0.0.1')),
  'new net.Socket().connect': (record) => ofSocket(record, () => new net.Socket().connect(closedPort, '127.0.0.1')),
  'tls.connect': (record, host) =>
    ofSocket(record, () => tls.connect({ host, port: closedPort, lookup: lookupTo(), servername: host })),
  'http.request': (record, host) =>
    ofRequest(record, () => http.request({ host, port: closedPort, lookup: lookupTo(), method: 'POST' })),
  'http.request without an agent': (record) =>
    ofRequest(record, () => http.request({ host: '127.0.0.1', port: closedPort, agent: false, method: 'POST' })),
  'http.request that is never ended': (record) =>
    ofRequest(record, () => http.request({ host: '127.0.0.1', port: closedPort, method: 'POST' }), false),
  'http.request with Expect': (record) =>
    ofRequest(record, () =>
      http.request({ host: '127.0.0.1', port: closedPort, method: 'POST', headers: { expect: '100-continue' } }),
    ),
  'http.request to upgrade': (record) =>
    ofRequest(record, () =>
      http.request({
        host: '127.0.0.1',
        port: closedPort,
        headers: { connection: 'upgrade', upgrade: 'websocket' },
      }),
    ),
  'https.request': (record, host) =>
    ofRequest(record, () => https.request({ host, port: closedPort, lookup: lookupTo(), method: 'POST' })),
  'http2.connect': async (record) => {
    const session = http2.connect(`http://127.0.0.1:${closedPort}`);
    record.watch('session', session);
    session.on('error', () => undefined);
    await closed(session);
    await settled();
  },
};

describe('a denial is observed as a refused connection is', () => {
  it.each(Object.entries(ATTEMPTS))('%s', async (_name, attempt) => {
    const refused = new Record();
    await attempt(refused, 'evil.example');
    egress = createEgress({ meshConfig: mesh(REGISTRY_ONLY), accessLog: false });
    egress.install();
    const denied = new Record();
    await attempt(denied, 'evil.example');
    expect(denied.events).toEqual(refused.events);
    expect(refused.errors).not.toEqual([]);
    for (const error of refused.errors) expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
    for (const error of denied.errors) {
      expect(findEgressError(error)).toMatchObject({ code: 'ERR_EGRESS_DENIED', syscall: 'connect', errno: -13 });
      expect((error as Error).message).toMatch(/ERR_EGRESS_DENIED/);
      expect((error as Error).message).toMatch(/evil\.example|127\.0\.0\.1/);
    }
  });

  it('fetch', async () => {
    const url = `http://127.0.0.1:${closedPort}/`;
    const refused: unknown = await fetch(url).catch((error: unknown) => error);
    egress = createEgress({ meshConfig: mesh(REGISTRY_ONLY), accessLog: false });
    egress.install();
    const denied: unknown = await fetch(url).catch((error: unknown) => error);
    for (const error of [refused, denied]) {
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe('fetch failed');
    }
    expect((denied as Error).cause).toBe(findEgressError(denied));
  });
});
