import { spawnSync } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EgressDeniedError, EgressTimeoutError } from '../src/errors.ts';
import { CALL_OPTIONS } from '../src/adapters/seam.ts';
import {
  closeAll,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  tcpServer,
  virtualService,
  type Lab,
} from './adapters/lab.ts';

let web: Lab;
let database: Lab;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-silence-'));
  web = await httpServer((request, response) => {
    if (request.url !== '/slow') response.end('ok');
  });
  database = await tcpServer();
});
afterEach(closeAll);
afterAll(async () => {
  for (const lab of [web, database]) await lab.close();
  rmSync(folder, { recursive: true });
});

const policy = (...more: string[]): ReturnType<typeof mesh> =>
  mesh(REGISTRY_ONLY, serviceEntry('api.example.com', web.port), ...more);
const call = (more: http.RequestOptions = {}): http.RequestOptions => ({
  host: 'api.example.com',
  port: web.port,
  ...more,
});
const both = async (): Promise<void> => {
  expect((await send(http, call())).status).toBe(200);
  expect((await send(http, call({ host: 'evil.example' }))).error).toBeInstanceOf(EgressDeniedError);
};

describe('the access log', () => {
  it('does without a disk', async () => {
    if (!existsSync('/dev/full')) return;
    const told: string[] = [];
    const egress = install(policy(), { accessLog: { to: '/dev/full' }, onWarning: (message) => told.push(message) });
    for (let i = 0; i < 3; i += 1) await both();
    await egress.close();
  });

  it('does without a folder to write to', async () => {
    install(policy(), { accessLog: { to: join(folder, 'no/such/folder/access.log') }, onWarning: () => undefined });
    await both();
  });

  it('goes on when its file is removed or moved away', async () => {
    const file = join(folder, 'access.log');
    const egress = install(policy(), { accessLog: { to: file } });
    await both();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const first = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (existsSync(file)) renameSync(file, `${file}.1`);
    await both();
    rmSync(`${file}.1`, { force: true });
    await both();
    await egress.close();
    expect(first.split('\n').filter(Boolean).length).toBeGreaterThanOrEqual(0);
  });

  it('does without an output that was closed', () => {
    const program = `
      const { createEgress, parseMeshConfig } = require(${JSON.stringify(join(new URL('..', import.meta.url).pathname, 'dist/index.cjs'))});
      createEgress({ meshConfig: parseMeshConfig('outboundTrafficPolicy: {mode: REGISTRY_ONLY}'), accessLog: { to: 'stdout' } }).install();
      require('node:fs').closeSync(1);
      let left = 50;
      let told = false;
      process.once('warning', () => setImmediate(() => { told = true; if (left <= 0) process.exit(7); }));
      const next = () => require('node:http').get({ host: '127.0.0.1', port: 9 }).on('error', (error) => {
        if (error.code !== 'ERR_EGRESS_DENIED') process.exit(3);
        if ((left -= 1) > 0) next(); else told ? process.exit(7) : setTimeout(() => process.exit(4), 60_000);
      });
      next();`;
    const { status, stderr } = spawnSync(process.execPath, ['--eval', program], { encoding: 'utf8' });
    expect(status).toBe(7);
    // Told once, where it can be told.
    expect(stderr.match(/is not written/g)).toHaveLength(1);
  });
});

describe('whatever an application passes', () => {
  const refused = async (options: unknown): Promise<unknown> =>
    new Promise((resolve) => {
      try {
        net
          .connect(options as net.NetConnectOpts)
          .on('error', resolve)
          .on('connect', () => resolve('connected'));
      } catch (error) {
        resolve(error);
      }
    });

  it('is read once: what a getter says later does not count', async () => {
    install(policy());
    let reads = 0;
    const options = {
      port: database.port,
      get host() {
        return (reads += 1) > 1 ? '127.0.0.1' : 'evil.example';
      },
    };
    expect(await refused(options)).toBeInstanceOf(EgressDeniedError);
    const fields: Record<string, unknown> = { port: database.port, host: 'evil.example' };
    const proxy = new Proxy(fields, {
      get: (target, key) => (key === 'host' && (reads += 1) > 3 ? '127.0.0.1' : target[key as string]),
    });
    expect(await refused(proxy)).toBeInstanceOf(Error);
    expect(database.connections).toBe(0);
  });

  it('is refused when it throws, and never thrown on', async () => {
    const told: string[] = [];
    const egress = install(policy(), { metrics: true, onWarning: (message) => told.push(message) });
    const thrower = (): net.Socket =>
      net.connect(
        new Proxy({} as net.NetConnectOpts, {
          ownKeys: () => {
            throw new Error('trap');
          },
        }),
      );
    const direct = (): net.Socket =>
      new net.Socket().connect({
        port: database.port,
        get host(): string {
          throw new Error('getter');
        },
      });
    for (const open of [thrower, direct]) {
      const error = await new Promise((resolve) => {
        try {
          open().on('error', resolve);
        } catch (thrown) {
          resolve(thrown);
        }
      });
      expect(error).toBeInstanceOf(Error);
    }
    expect(database.connections).toBe(0);
    expect(told.length).toBeLessThanOrEqual(1);
    expect(egress.mode).toBe('enforce');
  });

  it('is not what stands on Object.prototype', async () => {
    const egress = install(policy());
    const pollution: Record<string, unknown> = {
      path: '/tmp/evil.sock',
      socketPath: '/tmp/evil.sock',
      hostname: '127.0.0.1',
      lookup: lookupTo('127.0.0.9'),
    };
    const options = { __proto__: null, port: web.port, host: 'evil.example' };
    for (const [key, value] of Object.entries(pollution)) {
      Object.defineProperty(Object.prototype, key, { value, configurable: true, enumerable: false });
      try {
        const error = await refused(options);
        expect(error, key).toBeInstanceOf(EgressDeniedError);
        expect(error, key).toMatchObject({ host: 'evil.example' });
      } finally {
        Reflect.deleteProperty(Object.prototype, key);
      }
    }
    expect(egress.mode).toBe('enforce');
  });

  it.each([
    ['an empty host', { host: '' }],
    ['no host', { host: undefined }],
    ['null', { host: null }],
    ['zero', { host: 0 }],
    ['a mapped address', { host: '::ffff:127.0.0.1' }],
    ['an octal address', { host: '017700000001' }],
    ['a short address', { host: '127.1' }],
    ['the unspecified address', { host: '0.0.0.0' }],
    ['full-width digits', { host: '１２７.０.０.１' }],
    ['a list', { host: ['127.0.0.1'] }],
    ['an object', { host: { toString: () => '127.0.0.1' } }],
    ['a NUL', { host: '127.0.0.1\u0000.api.example.com' }],
    ['a zone', { host: '::1%.api.example.com' }],
  ])('does not reach loopback by %s', async (_name, fields) => {
    install(policy());
    const before = database.connections;
    expect(await refused({ port: database.port, ...fields })).toBeInstanceOf(Error);
    expect(await refused({ port: ` ${database.port}`, ...fields })).toBeInstanceOf(Error);
    expect(database.connections).toBe(before);
  });

  it.each([Number.NaN, 0, '', '0x', -1, 65_536, {}, '80abc'])('has no port %s', async (port) => {
    install(policy());
    const { error } = await send(http, { host: 'evil.example', port: port as number }).catch((thrown: unknown) => ({
      error: thrown,
    }));
    expect(error).toBeInstanceOf(Error);
  });

  it('is decided by what is dialled: hostname before host, own fields of a URL before its text', async () => {
    install(policy());
    expect((await send(http, call({ hostname: 'evil.example' }))).error).toMatchObject({ host: 'evil.example' });
    expect((await send(http, call({ host: 'evil.example', hostname: 'api.example.com' }))).status).toBe(200);
    const url = new URL(`http://api.example.com:${web.port}/`);
    Object.defineProperty(url, 'hostname', { value: 'evil.example' });
    const error = await new Promise((resolve) =>
      http.get(url, { lookup: lookupTo() }, () => resolve('answered')).on('error', resolve),
    );
    expect(error).toMatchObject({ code: 'ERR_EGRESS_DENIED', host: 'evil.example' });
  });
});

describe('a choice for one call', () => {
  const slow = `http:\n- timeout: 0.2s\n  route: [{destination: {host: api.example.com}}]`;

  it('says how a denial and how a timeout reach it, whatever the egress says', async () => {
    install(policy(virtualService('api.example.com', slow)), { denyAs: 'reset', timeoutAs: 'response' });
    const denied = (denyAs: string): http.RequestOptions =>
      ({ ...call({ host: 'evil.example' }), [CALL_OPTIONS]: { denyAs } }) as http.RequestOptions;
    expect((await send(http, denied('error'))).error).toBeInstanceOf(EgressDeniedError);
    expect((await send(http, denied('response'))).status).toBe(502);
    expect((await send(http, call({ host: 'evil.example' }))).error).toMatchObject({ code: 'ECONNRESET' });
    expect((await send(http, call({ path: '/slow' }))).status).toBe(504);
    const timed = { ...call({ path: '/slow' }), [CALL_OPTIONS]: { timeoutAs: 'error' } } as http.RequestOptions;
    const { error } = await send(http, timed);
    expect(error).toBeInstanceOf(EgressTimeoutError);
    expect(error).toMatchObject({
      name: 'EgressTimeoutError',
      code: 'ERR_EGRESS_TIMEOUT',
      errno: -110,
      syscall: 'connect',
      host: 'api.example.com',
      port: web.port,
      timeoutMs: 200,
      message: expect.stringContaining('ERR_EGRESS_TIMEOUT') as string,
    });
    expect((error as EgressTimeoutError).decision?.action).toBe('timeout');
  });
});

describe('secrets of a request', () => {
  it('are in no error, no metric, and in the access log only as far as Envoy logs a path', async () => {
    const lines: string[] = [];
    const egress = install(policy(), { accessLog: (line) => lines.push(line), metrics: true });
    const options = {
      auth: 'user:passw0rd',
      headers: { authorization: 'Bearer t0ken', cookie: 'c00kie', 'proxy-authorization': 'Basic pr0xy' },
      path: '/p?key=qu3ry',
    };
    const { error } = await send(http, call({ ...options, host: 'evil.example' }));
    await send(http, call(options));
    const fetched = await fetch('http://evil.example/p?key=qu3ry', {
      headers: { authorization: 'Bearer t0ken' },
    }).catch((thrown: unknown) => thrown);
    const shown = [error, fetched].map((one) => `${String((one as Error).stack)} ${JSON.stringify(one)}`).join();
    for (const secret of ['passw0rd', 't0ken', 'c00kie', 'pr0xy', 'qu3ry']) {
      expect(shown).not.toContain(secret);
      expect(egress.metrics?.text()).not.toContain(secret);
      if (secret !== 'qu3ry') expect(lines.join()).not.toContain(secret);
    }
  });
});

describe('report mode', () => {
  it('denies nothing, tells of each destination once and counts each time', async () => {
    const told: string[] = [];
    const egress = install(policy(), { mode: 'report', metrics: true, onWarning: (message) => told.push(message) });
    for (const host of ['a.example', 'b.example', 'a.example'])
      expect((await send(http, call({ host }))).status).toBe(200);
    expect(told.map((message) => /^report mode: connection to (\S+) denied/.exec(message)?.[1])).toEqual([
      `a.example:${web.port}`,
      `b.example:${web.port}`,
    ]);
    const counted = egress.metrics?.values('sidecarless_would_deny_total') ?? [];
    expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(3);
  });
});
