import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EgressConfigError } from '../../src/errors.ts';
import { closeAll, install, lookupTo, mesh, send } from '../adapters/lab.ts';
import { EVIL, expectDenied, expectNothing, HOST, pair, type Pair } from './lab.ts';

/** Arguments that say one thing to who checks and another to who dials. */
let lab: Pair;

beforeAll(async () => void (lab = await pair()));
afterAll(() => lab.close());
afterEach(() => {
  closeAll();
  lab.web.seen.length = lab.forbidden.seen.length = 0;
});

/** An object whose field says `first` once and `later` ever after. */
function flipping<T extends object>(fields: T, name: string, first: unknown, later: unknown): T {
  let reads = 0;
  return Object.defineProperty({ ...fields }, name, {
    enumerable: true,
    get: () => ((reads += 1) === 1 ? first : later),
  });
}

describe('a value that changes', () => {
  it('is the one that was decided: what a getter or a Proxy says later is not dialled', async () => {
    install(lab.policy);
    const { port } = lab.forbidden;
    await expectDenied(lab, () => new net.Socket().connect(flipping({ port }, 'host', HOST, '127.0.0.1') as never));
    await expectDenied(lab, () => new net.Socket().connect(flipping({ host: HOST }, 'port', 0, port) as never));
    for (const name of ['host', 'hostname']) {
      const lookup = lookupTo();
      // Node reads once what it dials: the first is admitted, and the first is what is reached.
      const kept = await send(http, flipping({ port: lab.web.port, lookup }, name, HOST, EVIL));
      expect([kept.status, kept.error], name).toEqual([200, undefined]);
      await expectDenied(lab, () => send(http, flipping({ port: lab.web.port, lookup }, name, EVIL, HOST)), name);
    }
    const options = { port: lab.forbidden.port, host: HOST };
    let reads = 0;
    const proxy = new Proxy(options, {
      get: (target, key) => (key === 'host' && (reads += 1) > 1 ? '127.0.0.1' : Reflect.get(target, key)),
    });
    await expectDenied(lab, () => new net.Socket().connect(proxy));
    expect(lab.web.seen.map(({ headers }) => headers.host)).toEqual(Array(2).fill(`${HOST}:${lab.web.port}`));
  });

  it('is denied when reading it throws', async () => {
    install(lab.policy, { onWarning: () => undefined });
    const thrower = new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
        ownKeys: () => {
          throw new Error('trap');
        },
      },
    );
    await expectNothing(lab, () => new net.Socket().connect(thrower as never));
    await expectNothing(lab, () => send(http, thrower));
  });

  it('of a URL is what Node dials: own fields before its text, its text read once', async () => {
    install(lab.policy);
    const url = new URL(`http://${HOST}:${lab.web.port}/`);
    Object.defineProperty(url, 'hostname', { value: EVIL });
    const get = (target: URL | string, options: http.RequestOptions = {}): Promise<{ error?: Error }> =>
      new Promise((resolve) => {
        http
          .get(target, { lookup: lookupTo(), ...options }, (response) => response.resume().on('end', () => resolve({})))
          .on('error', (error) => resolve({ error }));
      });
    await expectDenied(lab, () => get(url));
    // The second argument wins over the first, and `hostname` over `host`.
    await expectDenied(lab, () => get(`http://${HOST}:${lab.web.port}/`, { host: EVIL, hostname: EVIL }));
    await expectDenied(lab, () => get(`http://${HOST}:${lab.web.port}/`, { port: lab.forbidden.port }));
    await expectDenied(lab, () => send(http, { host: HOST, hostname: EVIL, port: lab.web.port }));
    expect((await get(`http://${EVIL}/`, { hostname: HOST, port: lab.web.port })).error).toBeUndefined();
    let reads = 0;
    const changing = {
      [Symbol.toPrimitive]: () => ((reads += 1) === 1 ? `http://${EVIL}:${lab.web.port}/` : `http://${HOST}/`),
    };
    await expectDenied(lab, () => fetch(changing as unknown as string));
    expect(reads).toBe(1);
    const request = new Request(`http://127.0.0.1:${lab.forbidden.port}/`);
    Object.defineProperty(request, 'url', { value: `http://${HOST}:${lab.web.port}/` });
    await expectDenied(lab, () => fetch(request));
  });
});

describe('what stands on Object.prototype', () => {
  const socketPath = join(tmpdir(), `sidecarless-none-${process.pid}.sock`);
  const elsewhere = new http.Agent();

  it.each<[string, () => unknown]>([
    ['path', () => socketPath],
    ['socketPath', () => socketPath],
    ['hostname', () => '127.0.0.1'],
    ['host', () => '127.0.0.1'],
    ['port', () => lab.forbidden.port],
    ['lookup', () => lookupTo('127.0.0.1')],
    ['agent', () => elsewhere],
    ['localAddress', () => '127.0.0.2'],
    ['dispatcher', () => ({ dispatch: () => true })],
  ])('leads nothing past the policy: %s', async (name, value) => {
    install(lab.policy);
    Object.defineProperty(Object.prototype, name, { value: value(), configurable: true, writable: true });
    try {
      const options = (): object =>
        Object.assign(Object.create(null) as object, { host: EVIL, port: lab.forbidden.port });
      await expectDenied(lab, () => new net.Socket().connect(options() as never), 'net');
      await expectDenied(lab, () => new net.Socket().connect({ host: EVIL, port: lab.forbidden.port }), 'net literal');
      if (name !== 'dispatcher')
        await expectNothing(lab, () => fetch(`http://${EVIL}:${lab.forbidden.port}/`), 'fetch');
      await expectNothing(lab, () => send(http, options()), 'http');
    } finally {
      Reflect.deleteProperty(Object.prototype, name);
    }
    expect(lab.forbidden.seen).toEqual([]);
  });
});

describe('methods that were replaced', () => {
  it('say nothing to a policy: a suffix matches because of its letters', async () => {
    install(lab.policy);
    const names = ['endsWith', 'startsWith', 'includes'] as const;
    const originals = names.map((name) => Object.getOwnPropertyDescriptor(String.prototype, name) ?? {});
    for (const name of names) Object.defineProperty(String.prototype, name, { value: () => true });
    let error: unknown;
    try {
      error = await new Promise((resolve) => {
        net.connect({ host: 'evil.test', port: lab.forbidden.port }).on('error', resolve).on('connect', resolve);
      });
    } finally {
      for (const [at, name] of names.entries()) Object.defineProperty(String.prototype, name, originals[at] ?? {});
    }
    expect(error).toMatchObject({ code: 'ERR_EGRESS_DENIED' });
    expect(lab.forbidden.connections).toBe(0);
  });
});

describe('keys of a policy that mean something to JavaScript', () => {
  it.each(['__proto__', 'constructor', 'prototype'])('are refused: %s', (key) => {
    const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bad}
spec: {${key}: {hosts: ['*']}, ports: [{number: 80, name: http, protocol: HTTP}]}`;
    expect(() => mesh(entry)).toThrow(EgressConfigError);
  });
});
