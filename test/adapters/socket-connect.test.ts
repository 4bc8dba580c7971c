import dns from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EgressDeniedError } from '../../src/errors.ts';
import {
  ALLOW_ANY,
  closeAll,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  serviceEntry,
  tcpServer,
  type Lab,
} from './lab.ts';

let database: Lab;

beforeAll(async () => {
  database = await tcpServer();
});
afterAll(() => database.close());
afterEach(closeAll);

interface Tried {
  readonly events: unknown[];
  readonly error?: NodeJS.ErrnoException;
  readonly data?: string;
}

/** Opens a socket, sends PING when it is open, and waits until it is closed. */
function tried(connect: () => net.Socket): Promise<Tried> {
  return new Promise((resolve) => {
    const events: unknown[] = [];
    let rest: Partial<Tried> = {};
    const socket = connect();
    socket.on('connect', () => {
      events.push('connect');
      socket.write('PING');
    });
    socket.on('data', (chunk) => {
      rest = { ...rest, data: String(chunk) };
      socket.end();
    });
    socket.on('error', (error) => {
      events.push('error');
      rest = { ...rest, error };
    });
    socket.on('close', (...args: unknown[]) => {
      events.push(['close', ...args]);
      resolve({ events, ...rest });
    });
  });
}

const entry = (host: string, more?: string): string => serviceEntry(host, database.port, 'TCP', more);
const denied = async (connect: () => net.Socket): Promise<Tried> => {
  const before = database.connections;
  const outcome = await tried(connect);
  await new Promise((resolve) => setImmediate(resolve));
  expect(database.connections - before, 'connections at the server').toBe(0);
  expect(outcome.error).toBeInstanceOf(EgressDeniedError);
  return outcome;
};

describe('names', () => {
  it('admits in all three forms of arguments what a ServiceEntry names', async () => {
    install(mesh(REGISTRY_ONLY, entry('localhost')));
    const { port } = database;
    const forms: (() => net.Socket)[] = [
      () => net.connect(port, 'localhost'),
      () => net.connect({ port, host: 'localhost' }),
      () => net.connect({ port: String(port) as never, host: 'LOCALHOST' }),
      () => new net.Socket().connect(port, 'localhost'),
      () => net.connect(port),
      () => net.createConnection({ port, host: '' }),
      () => net.connect(`${port}` as never),
    ];
    for (const form of forms) expect((await tried(form)).data).toBe('pong PING');
  });

  it('denies the rest, as a refused connection ends', async () => {
    const closed = await tcpServer();
    await closed.close();
    const refused = await tried(() => net.connect(closed.port, '127.0.0.1'));
    install(mesh(REGISTRY_ONLY));
    const outcome = await denied(() => net.connect(database.port, '127.0.0.1'));
    expect(outcome.events).toEqual(refused.events);
    expect(outcome.events).toEqual(['error', ['close', true]]);
    await denied(() => net.connect({ port: database.port, host: 'db.example.com', lookup: lookupTo() }));
    await denied(() => new net.Socket().connect(database.port, '127.0.0.1'));
  });

  it('asks no resolver for a name that is denied', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com')));
    let asked = 0;
    const lookup: net.LookupFunction = (host, options, callback) => {
      asked += 1;
      lookupTo()(host, options, callback);
    };
    await denied(() => net.connect({ port: database.port, host: 'secret.evil.example', lookup }));
    expect(asked).toBe(0);
    expect((await tried(() => net.connect({ port: database.port, host: 'db.example.com', lookup }))).data).toBe(
      'pong PING',
    );
    expect(asked).toBe(1);
  });

  it('has the connection dialled where a TCP entry says', async () => {
    install(
      mesh(
        REGISTRY_ONLY,
        serviceEntry(
          'db.example.com',
          5432,
          'TCP',
          `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p5432: ${database.port}}}]`,
        ),
      ),
    );
    const outcome = await tried(() => net.connect({ port: 5432, host: 'db.example.com' }));
    expect(outcome.data).toBe('pong PING');
  });
});

describe('spellings', () => {
  const disguises = [
    '127.1',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '0',
    '0.0.0.0',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:127.0.0.1%nosuch',
    '１２７。０。０。１',
    'loc\u00adalhost',
    '127.0.0.1 ',
    'localhost:80',
    '[::1]',
  ];
  it.each(disguises)('does not take %j for a name that is admitted', async (host) => {
    install(mesh(REGISTRY_ONLY, entry('*.api.example.com', 'resolution: NONE'), entry('api.example.com')));
    await denied(() => net.connect({ port: database.port, host }));
  });

  it('dials the canonical form of an address that is admitted', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com', 'addresses: [127.0.0.1/32]\nresolution: NONE')));
    for (const host of ['127.0.0.1', '127.1', '::ffff:127.0.0.1'])
      expect((await tried(() => net.connect({ port: database.port, host }))).data, host).toBe('pong PING');
  });

  it('refuses a host that is no string, asynchronously', async () => {
    install(mesh(ALLOW_ANY));
    for (const host of [['127.0.0.1'], { toString: () => '127.0.0.1' }, 5])
      await denied(() => net.connect({ port: database.port, host: host as never }));
  });

  it('leaves the complaints about ports to Node, and dials nothing at port 0', async () => {
    install(mesh(ALLOW_ANY));
    expect(() => net.connect({ port: 70_000, host: '127.0.0.1' })).toThrow(/port/i);
    expect(() => net.connect({ port: -1, host: '127.0.0.1' })).toThrow(/port/i);
    await denied(() => net.connect({ port: 0, host: '127.0.0.1' }));
  });
});

describe('arguments that change', () => {
  it('reads a getter once and dials what it said then', async () => {
    install(mesh(REGISTRY_ONLY, entry('localhost')));
    let reads = 0;
    const options = {
      port: database.port,
      get host() {
        reads += 1;
        return reads === 1 ? 'evil.example' : 'localhost';
      },
    };
    await denied(() => new net.Socket().connect(options));
  });

  it('takes nothing from a polluted Object.prototype', async () => {
    install(mesh(REGISTRY_ONLY));
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    prototype['path'] = join(tmpdir(), 'nothing.sock');
    try {
      const outcome = await denied(() => new net.Socket().connect({ port: database.port, host: '127.0.0.1' }));
      expect(outcome.error?.message).toContain('127.0.0.1');
    } finally {
      delete prototype['path'];
    }
  });

  it('survives a Proxy and options that throw', async () => {
    install(mesh(REGISTRY_ONLY), { onWarning: () => undefined });
    const proxy = new Proxy({} as net.NetConnectOpts, {
      get: (_target, key) => (key === 'port' ? database.port : key === 'host' ? '127.0.0.1' : undefined),
    });
    await denied(() => new net.Socket().connect(proxy as never));
    const throwing = {
      port: database.port,
      get host(): string {
        throw new Error('boom');
      },
    };
    await denied(() => new net.Socket().connect(throwing));
  });
});

describe('addresses', () => {
  it('dials only addresses that were checked', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com', 'addresses: [127.0.0.1/32]\nresolution: NONE')));
    const ok = await tried(() => net.connect({ port: database.port, host: 'db.example.com', lookup: lookupTo() }));
    expect(ok.data).toBe('pong PING');
  });

  it.each(['127.0.0.1', '127.0.0.0/31'])(
    'does not follow a name away from the addresses of its rule, %s',
    async (block) => {
      install(mesh(REGISTRY_ONLY, entry('db.example.com', `addresses: ['${block}']\nresolution: NONE`)));
      const dial = (...answers: string[]): net.Socket =>
        net.connect({ port: database.port, host: 'db.example.com', lookup: lookupTo(...answers) });
      const { error } = await denied(() => dial('127.0.0.2'));
      expect(error).toMatchObject({ code: 'ERR_EGRESS_DENIED', address: '127.0.0.2' });
      expect((await tried(() => dial('127.0.0.1'))).data).toBe('pong PING');
    },
  );

  it('holds back what a name should not resolve to', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com')));
    for (const answers of [
      ['169.254.169.254'],
      ['0.0.0.0'],
      ['203.0.113.9', '127.0.0.1'].slice(1).concat('169.254.1.1'),
    ]) {
      const lookup = lookupTo(...answers);
      const { error } = await denied(() => net.connect({ port: database.port, host: 'db.example.com', lookup }));
      expect(error?.message).toContain('it resolves to');
    }
  });

  it('holds loopback back when the name had another address before', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com')));
    const connect = (address: string): Promise<Tried> =>
      tried(() => {
        const lookup = lookupTo(address);
        const socket = net.connect({ port: database.port, host: 'db.example.com', lookup });
        socket.setTimeout(50, () => socket.destroy());
        return socket;
      });
    expect((await connect('127.0.0.1')).data).toBe('pong PING');
    await connect('203.0.113.9');
    expect((await connect('127.0.0.1')).error).toBeInstanceOf(EgressDeniedError);
  });

  it('holds back loopback and private addresses in strict mode', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com')), { addressGuard: 'strict' });
    for (const address of ['127.0.0.1', '10.0.0.5', '::1'])
      await denied(() => net.connect({ port: database.port, host: 'db.example.com', lookup: lookupTo(address) }));
  });

  it('decides by the name for clients that resolve for themselves', async () => {
    install(mesh(REGISTRY_ONLY, entry('localhost')));
    const { address } = await dns.promises.lookup('localhost', { family: 4 });
    expect((await tried(() => net.connect(database.port, address))).data).toBe('pong PING');
    await denied(() => net.connect(database.port, '127.0.0.9'));
  });

  it('tells clients that resolve for themselves the name that is denied', async () => {
    install(mesh(REGISTRY_ONLY, entry('db.example.com')));
    const { address } = await dns.promises.lookup('localhost', { family: 4 });
    const { error } = await denied(() => net.connect(database.port, address));
    expect(error?.message).toContain(`connection to localhost:${database.port} (${address}) denied`);
    expect(error).toMatchObject({ host: 'localhost', address });
  });

  it('opens the connection of a client that resolves for itself where only some paths are routed', async () => {
    const web = `${serviceEntry('localhost', database.port, 'GRPC')}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: localhost }
spec:
  hosts: [localhost]
  http:
    - match: [{ uri: { prefix: /echo. } }]
      route: [{ destination: { host: localhost } }]
`;
    install(mesh(REGISTRY_ONLY, web));
    const { address } = await dns.promises.lookup('localhost', { family: 4 });
    expect((await tried(() => net.connect(database.port, address))).data).toBe('pong PING');
  });

  it('decides captures by address before it decides at all', async () => {
    const ranges =
      'global: {proxy: {includeIPRanges: 10.0.0.0/8}}\nmeshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}';
    install(mesh(ranges, serviceEntry('unused.example.com', 80)));
    await denied(() => net.connect({ port: database.port, host: 'x.example.com', lookup: lookupTo('10.1.2.3') }));
    const outside = lookupTo('192.0.2.1');
    const socket = net.connect({ port: database.port, host: 'x.example.com', lookup: outside });
    socket.setTimeout(50, () => socket.destroy(new Error('left')));
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    expect(error).not.toBeInstanceOf(EgressDeniedError);
  });
});

/* eslint-disable @typescript-eslint/unbound-method -- functions are compared and put back, not called */

describe('below and beside', () => {
  it('refuses unix sockets unless they are listed', async () => {
    const path = join(tmpdir(), `sidecarless-${process.pid}.sock`);
    const server = http.createServer((_request, response) => response.end('unix'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const get = (): Promise<string> =>
      new Promise((resolve) => {
        const request = http.get({ socketPath: path, host: 'api.example.com', agent: false }, (response) =>
          response.setEncoding('utf8').on('data', resolve),
        );
        request.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
      });
    try {
      install(mesh(REGISTRY_ONLY));
      expect(await get()).toBe('ERR_EGRESS_DENIED');
      expect((await tried(() => net.connect({ path }))).error).toBeInstanceOf(EgressDeniedError);
      expect((await tried(() => net.connect(path))).error).toBeInstanceOf(EgressDeniedError);
      closeAll();
      install(mesh(REGISTRY_ONLY), { unixSockets: [path] });
      expect(await get()).toBe('unix');
    } finally {
      server.close();
    }
  });

  it('stops a raw handle at its address', async () => {
    install(mesh(REGISTRY_ONLY));
    const probe = new net.Socket();
    probe.on('error', () => undefined);
    probe.connect({ host: 'probe.invalid', port: 1, lookup: () => undefined });
    interface Handle {
      constructor: new (type: number) => Handle;
      connect(request: object, address: string, port: number): number;
      close(): void;
    }
    const { constructor: TCP } = (probe as unknown as { _handle: Handle })._handle;
    const handle = new TCP(0);
    expect(handle.connect({}, '127.0.0.1', database.port)).toBe(-13);
    handle.close();
    probe.destroy();
  });

  it('decides each connect of a socket that is used again', async () => {
    install(mesh(REGISTRY_ONLY, entry('localhost')));
    const socket = new net.Socket();
    await new Promise<void>((resolve) => socket.connect(database.port, 'localhost', resolve));
    socket.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    const error = await new Promise((resolve) => {
      socket.once('error', resolve);
      socket.connect(database.port, '127.0.0.9');
    });
    expect(error).toBeInstanceOf(EgressDeniedError);
  });

  it('puts back every function it replaced', () => {
    const before = [net.Socket.prototype.connect, http.Agent.prototype, dns.lookup].map(String);
    const own = Object.getOwnPropertyNames(http.ClientRequest.prototype).join();
    const egress = install(mesh(REGISTRY_ONLY));
    expect(String(net.Socket.prototype.connect)).not.toBe(before[0]);
    void egress.close();
    expect([net.Socket.prototype.connect, http.Agent.prototype, dns.lookup].map(String)).toEqual(before);
    expect(Object.getOwnPropertyNames(http.ClientRequest.prototype).join()).toBe(own);
  });

  it('leaves alone what others patched on top, and gets out of their way', async () => {
    const egress = install(mesh(REGISTRY_ONLY));
    const ours = net.Socket.prototype.connect;
    let calls = 0;
    net.Socket.prototype.connect = function (this: net.Socket, ...args: never[]) {
      calls += 1;
      return Reflect.apply(ours, this, args) as net.Socket;
    };
    try {
      await denied(() => net.connect(database.port, '127.0.0.1'));
      void egress.close();
      expect((await tried(() => net.connect(database.port, '127.0.0.1'))).data).toBe('pong PING');
      expect(calls).toBe(2);
    } finally {
      const { prototype } = net.Socket;
      void install(mesh(REGISTRY_ONLY)).close();
      expect(prototype.connect).not.toBe(ours);
      prototype.connect = original;
    }
  });
});
const original = net.Socket.prototype.connect;
