import http from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import {
  closeAll,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  virtualService,
  type Lab,
} from './lab.ts';

/** Answers 503 as often as `failures` says, breaks off as often as `resets` does, and then well. */
let failures = 0;
let resets = 0;
let web: Lab;
let second: Lab;
let secure: Lab;
let authority: KeyPair;
const agents: http.Agent[] = [];

const flaky = (request: http.IncomingMessage, response: http.ServerResponse, body: string): void => {
  if (resets > 0) {
    resets -= 1;
    request.socket.resetAndDestroy();
    return;
  }
  if (request.url === '/never') return;
  if (failures > 0) {
    failures -= 1;
    response.writeHead(503).end('try again');
    return;
  }
  response.end(`ok ${body}`);
};

beforeAll(async () => {
  web = await httpServer(flaky);
  second = await httpServer((_request, response) => response.end('second'));
  authority = await createAuthority();
  const identity = await issueCertificate(authority, ['api.example.com']);
  secure = await httpServer(flaky, (listener) => https.createServer(identity, listener));
});
afterAll(async () => {
  for (const lab of [web, second, secure]) await lab.close();
});
afterEach(() => {
  closeAll();
  failures = resets = 0;
  web.seen.length = 0;
  for (const agent of agents.splice(0)) agent.destroy();
});

function keepAlive(): http.Agent {
  const agent = new http.Agent({ keepAlive: true });
  agents.push(agent);
  return agent;
}

function governed(retries: string, lab = web, protocol = 'HTTP'): Exchange[] {
  const ended: Exchange[] = [];
  const spec = `http:\n- retries: ${retries}\n  route: [{destination: {host: api.example.com}}]`;
  install(
    mesh(REGISTRY_ONLY, serviceEntry('api.example.com', lab.port, protocol), virtualService('api.example.com', spec)),
    {
      observers: [{ onEnd: (exchange) => ended.push(exchange) }],
    },
  );
  return ended;
}

const call = (more: http.RequestOptions = {}): http.RequestOptions => ({
  host: 'api.example.com',
  port: web.port,
  ...more,
});

describe('retries', () => {
  it('sends the same request again until it is answered well, before the client saw anything', async () => {
    const ended = governed('{attempts: 3, retryOn: 5xx, backoff: 1ms}');
    failures = 2;
    const outcome = await send(http, call({ method: 'PUT', path: '/p' }), 'payload');
    expect(outcome).toMatchObject({
      status: 200,
      body: 'ok payload',
      events: ['socket', 'finish', 'response', 'end', 'close'],
    });
    expect(web.seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual(
      Array(3).fill('PUT /p payload'),
    );
    expect(ended[0]).toMatchObject({ responseCode: 200, attempts: 3, responseFlags: '' });
  });

  it('gives the last answer when the tries are used up', async () => {
    const ended = governed('{attempts: 1, retryOn: "503", backoff: 1ms}');
    failures = 5;
    expect(await send(http, call())).toMatchObject({ status: 503, body: 'try again' });
    expect(web.seen).toHaveLength(2);
    expect(ended[0]).toMatchObject({ responseCode: 503, attempts: 2, responseFlags: 'URX' });
  });

  it('tries again when the server breaks off', async () => {
    governed('{attempts: 2, retryOn: reset, backoff: 1ms}');
    resets = 1;
    expect(await send(http, call())).toMatchObject({ status: 200, body: 'ok ' });
    resets = 5;
    expect((await send(http, call())).error?.code).toBe('ECONNRESET');
  });

  it('keeps connections, and starts each request with its own tries', async () => {
    governed('{attempts: 1, retryOn: 5xx, backoff: 1ms}');
    const agent = keepAlive();
    const before = web.connections;
    for (let i = 0; i < 3; i += 1) expect((await send(http, call({ agent }))).status).toBe(200);
    expect(web.connections - before).toBe(1);
    for (let i = 0; i < 2; i += 1) {
      failures = 1;
      expect((await send(http, call({ agent }))).status).toBe(200);
    }
  });

  it('streams bodies, and does not repeat one that it did not keep', async () => {
    governed('{attempts: 2, retryOn: 5xx, backoff: 1ms}');
    failures = 1;
    const big = 'x'.repeat(1_000_000);
    expect((await send(http, call({ method: 'POST' }), big)).status).toBe(503);
    expect(web.seen.map(({ body }) => body.length)).toEqual([big.length]);
  });

  it('limits each try', async () => {
    governed('{attempts: 1, perTryTimeout: 0.1s, retryOn: 5xx, backoff: 1ms}');
    expect(await send(http, call({ path: '/never' }))).toMatchObject({ status: 504, body: 'upstream request timeout' });
    expect(web.seen).toHaveLength(2);
  });

  it('tells of the connection below what its socket would tell', async () => {
    governed('{attempts: 1, retryOn: 5xx}', secure, 'HTTPS');
    const options: https.RequestOptions = {
      ...call({ port: secure.port, agent: false }),
      ca: authority.cert,
      lookup: lookupTo(),
    };
    const asked = await new Promise<unknown[]>((resolve, reject) => {
      const request = https.get(options, (response) => {
        const socket = response.socket as TLSSocket;
        const { subject } = socket.getPeerCertificate();
        resolve([socket.address(), socket.remoteAddress, socket.getProtocol(), subject.CN, socket.bytesRead > 0]);
        response.resume();
      });
      request.on('error', reject);
    });
    const address = { address: '127.0.0.1', family: 'IPv4', port: expect.any(Number) as number };
    expect(asked).toEqual([address, '127.0.0.1', 'TLSv1.3', 'api.example.com', true]);
  });

  it('holds inside TLS too, with the certificate checked', async () => {
    governed('{attempts: 2, retryOn: 5xx, backoff: 1ms}', secure, 'HTTPS');
    failures = 1;
    const outcome = await send(https, call({ port: secure.port, ca: authority.cert } as https.RequestOptions));
    expect(outcome).toMatchObject({ status: 200, body: 'ok ' });
    const unknown = await send(https, call({ port: secure.port }));
    expect(unknown.error?.code).toMatch(/UNABLE_TO|SELF_SIGNED/);
  });

  it('goes to another endpoint when the first cannot be reached', async () => {
    const closed = await httpServer();
    await closed.close();
    const entry = serviceEntry(
      'api.example.com',
      80,
      'HTTP',
      `resolution: STATIC\nendpoints:\n- {address: 127.0.0.1, ports: {p80: ${closed.port}}}\n- {address: 127.0.0.1, ports: {p80: ${second.port}}}`,
    );
    const spec =
      'http:\n- retries: {attempts: 2, retryOn: "connect-failure,503", backoff: 1ms}\n  route: [{destination: {host: api.example.com}}]';
    install(mesh(REGISTRY_ONLY, entry, virtualService('api.example.com', spec)), { random: () => 0 });
    expect((await send(http, { host: 'api.example.com', port: 80 })).body).toBe('second');
  });
});
