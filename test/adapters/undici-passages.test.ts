import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressDeniedError } from '../../src/errors.ts';
import type { AgentClass, Dispatcher } from '../../src/adapters/undici-dispatcher.ts';
import { entry, Lab, routes } from './undici-lab.ts';
import type { LabServer } from './undici-lab.ts';

let lab: Lab;
let server: LabServer;
let origin: string;

beforeEach(async () => {
  lab = new Lab();
  server = await lab.serve();
  origin = `http://api.example.com:${server.port}`;
});
afterEach(() => lab.close());

/** The global dispatcher of the copy of undici inside Node. */
function builtIn(): Dispatcher & { readonly constructor: AgentClass } {
  void globalThis.Response;
  const slots = globalThis as Record<symbol, unknown>;
  const [first, second] = ['1', '2'].map((number) => slots[Symbol.for(`undici.globalDispatcher.${number}`)]);
  return (second ?? first) as Dispatcher & { readonly constructor: AgentClass };
}

async function outcome(path: string, init: RequestInit = {}): Promise<string> {
  try {
    const response = await fetch(`${origin}${path}`, init);
    return `${response.status} ${await response.text()}`;
  } catch (error) {
    const { cause } = error as Error;
    return cause instanceof EgressDeniedError ? 'denied' : String((error as Error).name);
  }
}

/** What a request comes to that is handed to the dispatcher itself, in either API. */
function dispatch(options: Record<string, unknown>): Promise<string> {
  return new Promise((resolve) => {
    let status = 0;
    const failed = (error: Error): void => resolve(error instanceof EgressDeniedError ? 'denied' : error.message);
    const old = {
      onConnect: () => undefined,
      onHeaders: (code: number) => (status = code) > 0,
      onData: () => true,
      onComplete: () => resolve(String(status)),
      onError: failed,
    };
    const recent = {
      onRequestStart: () => undefined,
      onResponseStart: (_: unknown, code: number) => void (status = code),
      onResponseData: () => undefined,
      onResponseEnd: () => resolve(String(status)),
      onResponseError: (_: unknown, error: Error) => failed(error),
    };
    builtIn().dispatch(
      { origin, method: 'GET', ...options },
      Number(process.versions['undici']?.split('.')[0]) > 7 ? recent : old,
    );
  });
}

for (const watched of [true, false])
  describe(watched ? 'requests to an origin that was asked for before, logged' : 'the same without a log', () => {
    const options = watched ? {} : { accessLog: false as const, observers: [] };

    it('go on, over pooled connections, each with what it carries', async () => {
      lab.egress(entry('api.example.com', server.port), options).install();
      for (const n of [1, 2, 3]) expect(await outcome(`/${n}?q=${n}`)).toBe(`200 answer to /${n}?q=${n}`);
      expect(await outcome('/4', { method: 'POST', body: 'hello' })).toBe('200 answer to /4');
      const body = new Blob(['str', 'eam']).stream();
      expect(await outcome('/5', { method: 'PUT', body, duplex: 'half' })).toBe('200 answer to /5');
      expect(server.seen.map(({ method, url, body: text }) => `${method} ${url} ${text}`)).toEqual([
        'GET /1?q=1 ',
        'GET /2?q=2 ',
        'GET /3?q=3 ',
        'POST /4 hello',
        'PUT /5 stream',
      ]);
      expect(server.connections).toBeLessThan(5);
      if (!watched) return;
      await expect.poll(() => lab.ended.length).toBe(5);
      for (const { upstreamHost, requestSentAt, responseCode } of lab.ended)
        expect([upstreamHost, typeof requestSentAt, responseCode]).toEqual([`127.0.0.1:${server.port}`, 'number', 200]);
      expect(lab.ended.map(({ bytesReceived, bytesSent }) => [bytesReceived, bytesSent])).toEqual([
        [0, 16],
        [0, 16],
        [0, 16],
        [5, 12],
        [6, 12],
      ]);
      expect(lab.lines[3]).toContain(`"POST /4 HTTP/1.1" 200 - via_upstream - "-" 5 12 `);
    });

    it('are decided one by one where routes tell them apart', async () => {
      const only = `{ match: [{ uri: { prefix: /ok } }], route: [{ destination: { host: api.example.com } }] }`;
      lab.egress(entry('api.example.com', server.port) + routes('api.example.com', only), options).install();
      expect(await outcome('/ok')).toBe('200 answer to /ok');
      expect(await outcome('/ok')).toBe('200 answer to /ok');
      expect(await outcome('/other')).toBe('denied');
      expect(server.seen).toHaveLength(2);
    });

    it('are asked again when the policy has changed', async () => {
      const egress = lab.egress(entry('api.example.com', server.port), options);
      egress.install();
      for (const path of ['/1', '/2']) expect(await outcome(path)).toBe(`200 answer to ${path}`);
      egress.update(lab.config(entry('other.example.com', server.port)));
      expect(await outcome('/3')).toBe('denied');
      egress.update(lab.config(entry('api.example.com', server.port)));
      for (const path of ['/4', '/5']) expect(await outcome(path)).toBe(`200 answer to ${path}`);
      expect(server.seen).toHaveLength(4);
    });

    it('are not let through for what their headers make of them', async () => {
      lab.egress(entry('api.example.com', server.port), options).install();
      expect(await dispatch({ path: '/1' })).toBe('200');
      expect(await dispatch({ path: '/2' })).toBe('200');
      expect(await dispatch({ path: '/3', headers: { Host: 'evil.example.com' } })).toBe('denied');
      expect(await dispatch({ path: '/4', headers: ['host', 'evil.example.com'] })).toBe('denied');
      expect(await dispatch({ path: 'http://evil.example.com/' })).toBe('denied');
      expect(server.seen).toHaveLength(2);
    });

    it('are refused when undici makes another request of them than was decided', async () => {
      const only = `{ match: [{ uri: { prefix: /ok } }], route: [{ destination: { host: api.example.com } }] }`;
      lab
        .egress(
          entry('api.example.com', server.port) + entry('b.example.com', server.port) + routes('b.example.com', only),
          {
            ...options,
            onWarning: () => undefined,
          },
        )
        .install();
      expect(await dispatch({ path: '/1' })).toBe('200');
      let reads = 0;
      const headers = {
        get host() {
          reads += 1;
          return reads === 1 ? `api.example.com:${server.port}` : `b.example.com:${server.port}`;
        },
      };
      expect(await dispatch({ path: '/2', headers })).toBe('denied');
      expect(server.seen.map(({ url }) => url)).toEqual(['/1']);
    });

    it('end as clients end them', async () => {
      lab.egress(entry('api.example.com', server.port), options).install();
      expect(await outcome('/1')).toBe('200 answer to /1');
      expect(await outcome('/slow', { signal: AbortSignal.timeout(100) })).toBe('TimeoutError');
      if (!watched) return;
      await expect.poll(() => lab.ended.length).toBe(2);
      expect(lab.ended[1]).toMatchObject({ responseFlags: 'DC' });
    });
  });

describe('a request that is denied', () => {
  it('is told on the channels of undici as one that failed, so that tracers know of it', async () => {
    lab.egress(entry('api.example.com', server.port)).install();
    const told: [name: string, request: Record<string, unknown>, error: unknown][] = [];
    const listeners = ['create', 'error'].map((name) => {
      const listener = (message: unknown): void => {
        const { request, error } = message as { request: Record<string, unknown>; error?: unknown };
        told.push([name, request, error]);
      };
      subscribe(`undici:request:${name}`, listener);
      return () => unsubscribe(`undici:request:${name}`, listener);
    });
    const denied = fetch('http://evil.example.com/path?q', { method: 'DELETE', headers: { 'x-a': '1' } });
    await expect(denied).rejects.toThrow('fetch failed');
    for (const remove of listeners) remove();
    expect(told.map(([name]) => name)).toEqual(['create', 'error']);
    expect(told[0]?.[1]).toMatchObject({ origin: 'http://evil.example.com', method: 'DELETE', path: '/path?q' });
    expect(told[0]?.[1]['headers']).toEqual(expect.arrayContaining(['x-a', '1']));
    expect(told[1]?.[1]).toBe(told[0]?.[1]);
    expect(told[1]?.[2]).toBeInstanceOf(EgressDeniedError);
    expect(lab.lines).toHaveLength(1);
  });
});
