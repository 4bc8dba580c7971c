/** Whatever breaks in telling of what happens, no client notices: each is answered and denied as it is without. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EgressOptions } from '../src/egress.ts';
import { findEgressError } from '../src/errors.ts';
import { EgressMetrics } from '../src/telemetry/metrics.ts';
import { closeAll, install, mesh, REGISTRY_ONLY, serviceEntry } from './adapters/lab.ts';

let servers: { readonly web: http.Server; readonly streams: http2.Http2Server };
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  const answer = (_request: unknown, response: { end(text: string): unknown }): void => void response.end('ok');
  servers = { web: http.createServer(answer), streams: http2.createServer(answer) };
  for (const server of Object.values(servers)) await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(closeAll);
afterAll(() => {
  servers.web.closeAllConnections();
  for (const server of Object.values(servers)) server.close();
});

const policy = (): EgressOptions['meshConfig'] =>
  mesh(
    REGISTRY_ONLY,
    serviceEntry('localhost', portOf(servers.web)),
    serviceEntry('localhost', portOf(servers.streams), 'HTTP2'),
  );

/** The text of the answer; what it fails with is thrown. */
const CLIENTS: Readonly<Record<string, (host: string) => Promise<string>>> = {
  http: async (host) => {
    const request = http.get({ host, port: portOf(servers.web), agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return textOf(response);
  },
  fetch: async (host) => (await fetch(`http://${host}:${portOf(servers.web)}/`)).text(),
  http2: async (host) => {
    const session = http2.connect(`http://${host}:${portOf(servers.streams)}`).on('error', () => undefined);
    try {
      return await textOf(session.request());
    } finally {
      session.close();
    }
  },
};

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

const throws = (): never => {
  throw new Error('broken');
};
const rejects = (): unknown => Promise.reject(new Error('broken'));

/** What cannot even be put into words. */
const throwsNameless = (): never => {
  throw Object.create(null);
};

class BrokenMetrics extends EgressMetrics {
  override onEnd(): void {
    throws();
  }
  override event(): void {
    throws();
  }
}

const BREAKAGES: Readonly<Record<string, () => Partial<EgressOptions>>> = {
  'a log that throws': () => ({ accessLog: throws }),
  'a log that rejects': () => ({ accessLog: rejects }),
  'a full disk': () => ({ accessLog: { to: existsSync('/dev/full') ? '/dev/full' : '/no/such/folder/access.log' } }),
  'watchers that throw': () => ({ observers: [{ onDecision: throws, onOpen: throws, onEnd: throws, flush: throws }] }),
  'watchers that throw what has no words': () => ({
    observers: [{ onDecision: throwsNameless, onEnd: throwsNameless }],
  }),
  'watchers that reject': () => ({
    observers: [{ onDecision: rejects, onOpen: rejects, onEnd: rejects, flush: rejects, close: rejects }],
  }),
  'metrics that throw': () => ({ metrics: new BrokenMetrics(policy()) }),
  'a warning that throws': () => ({ accessLog: throws, observers: [{ onEnd: throws }], onWarning: throws }),
  'a warning that rejects': () => ({ observers: [{ onEnd: throws }], onWarning: rejects }),
};

describe.each(Object.entries(BREAKAGES))('%s', (_breakage, options) => {
  it.each(Object.entries(CLIENTS))('is not noticed by %s', async (_client, ask) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const egress = install(policy(), { onWarning: () => undefined, ...options() });
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await ask('localhost')).toBe('ok');
      const error: unknown = await ask('127.0.0.1').catch((thrown: unknown) => thrown);
      expect(findEgressError(error)?.code).toBe('ERR_EGRESS_DENIED');
    }
    await egress.close();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});

const PROGRAMS: Readonly<Record<string, string>> = {
  http: `require('node:http').get({ host: 'evil.example', port: 80 }).on('error', told)`,
  fetch: `fetch('http://evil.example/').catch((error) => told(error.cause))`,
  http2: `{ const session = require('node:http2').connect('http://evil.example'); session.on('error', () => undefined);
    session.request().on('error', told); }`,
};

describe('a reader of the output that goes away', () => {
  it.each(Object.entries(PROGRAMS))('is not noticed by %s', async (_client, ask) => {
    const entry = join(new URL('..', import.meta.url).pathname, 'dist/index.cjs');
    const program = `
      const { createEgress, parseMeshConfig } = require(${JSON.stringify(entry)});
      const meshConfig = parseMeshConfig('outboundTrafficPolicy: {mode: REGISTRY_ONLY}');
      createEgress({ meshConfig, accessLog: { to: 'stdout' } }).install();
      let left = 100;
      process.once('warning', () => { if (left > 20) left = 20; });
      const told = (error) => {
        if (error.code !== 'ERR_EGRESS_DENIED') process.exit(3);
        left -= 1;
        if (left === 0) process.exit(7);
        setTimeout(next, 5);
      };
      const next = () => { ${ask}; };
      next();`;
    const child = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaints += chunk));
    child.stdout.once('data', () => child.stdout.destroy());
    const [status] = (await once(child, 'close')) as [number | null];
    expect({ status, complaints }).toMatchObject({ status: 7 });
  });
});
