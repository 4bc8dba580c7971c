import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { authorityFolder, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { blackHole } from './black-hole.ts';
import {
  closeAll,
  closedPort,
  destinationRule,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  virtualService,
  withEndpoints,
  type Lab,
} from './lab.ts';

const HOST = 'api.example.com';
let web: Lab;
let secure: Lab;
let authority: KeyPair;
let folder: string;
/** Nobody listens here. */
let closed: number;

beforeAll(async () => {
  ({ authority, folder } = await authorityFolder());
  const identity = await issueCertificate(authority, [HOST]);
  web = await httpServer((request, response, body) => response.end(`${request.method} ${request.url} ${body}`));
  secure = await httpServer(undefined, (listener) => https.createServer(identity, listener));
  closed = await closedPort();
});
afterAll(async () => {
  await web.close();
  await secure.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  closeAll();
  vi.restoreAllMocks();
  web.seen.length = secure.seen.length = 0;
});

function governed(...documents: string[]): Exchange[] {
  const ended: Exchange[] = [];
  install(mesh(REGISTRY_ONLY, ...documents), {
    observers: [{ onEnd: (exchange) => ended.push(exchange) }],
    random: () => 0,
  });
  return ended;
}

const endpoints = (protocol: string, ...ports: number[]): string => withEndpoints(HOST, protocol, ...ports);

describe("Istio's default retries, when no connection comes about", () => {
  it('take the next endpoint, and the client sees one connection', async () => {
    const ended = governed(endpoints('HTTP', closed, web.port));
    const agent = new http.Agent({ keepAlive: true });
    const first = await send(http, { host: HOST, port: 80, path: '/a', method: 'PUT', agent }, 'payload');
    expect(first).toMatchObject({
      status: 200,
      body: 'PUT /a payload',
      events: ['socket', 'finish', 'response', 'end', 'close'],
    });
    const second = await send(http, { host: HOST, port: 80, path: '/b', agent });
    expect([second.status, second.request.reusedSocket]).toEqual([200, true]);
    agent.destroy();
    expect(ended.map(({ attempts, responseCode, responseFlags }) => [attempts, responseCode, responseFlags])).toEqual([
      [2, 200, ''],
      [1, 200, ''],
    ]);
    expect(ended[0]?.upstreamHost).toBe(`127.0.0.1:${web.port}`);
  });

  it('hold without a VirtualService, for a host that goes where it was going', async () => {
    const ended = governed(serviceEntry(HOST, closed));
    const lookup = vi.fn(lookupTo());
    const server = http.createServer((_request, response) => response.end('late'));
    // The server is there before the second try, whatever the back-off: it is listening when the first has failed.
    vi.spyOn(Math, 'random').mockImplementationOnce(() => {
      server.listen(closed, '127.0.0.1');
      return 0.999;
    });
    const outcome = await send(http, { host: HOST, port: closed, lookup });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(outcome.body).toBe('late');
    expect(ended[0]).toMatchObject({ responseCode: 200, responseFlags: '', attempts: 2 });
    expect(lookup).toHaveBeenCalledTimes(1);
  });

  it('end as the refused connection that they are, after three tries', async () => {
    const plain = await send(http, { host: '127.0.0.1', port: closed, agent: false });
    const ended = governed(serviceEntry(HOST, closed));
    const outcome = await send(http, { host: HOST, port: closed, agent: false });
    expect(outcome.events).toEqual(plain.events);
    const { code, errno, syscall, address, port, message } = plain.error as NodeJS.ErrnoException & net.AddressInfo;
    expect(outcome.error).toMatchObject({ code, errno, syscall, address, port, message });
    expect(ended[0]).toMatchObject({ attempts: 3, responseCode: 503, responseFlags: 'URX,UF' });
    const refused = 'remote_connection_failure|delayed_connect_error:_Connection_refused';
    expect(ended[0]?.responseCodeDetails).toBe(`upstream_reset_before_response_started{${refused}}`);
  });

  it('stop when the application gives up', async () => {
    governed(serviceEntry(HOST, closed));
    const request = http.get({ host: HOST, port: closed, lookup: lookupTo() });
    const events: string[] = [];
    request.on('socket', (socket) => {
      socket.once('connectionAttempt', () => setTimeout(() => request.destroy(), 1));
      socket.on('close', () => events.push('socket closed'));
    });
    request.on('error', ({ message }) => events.push(message));
    await new Promise<void>((resolve) => request.on('close', resolve));
    expect(events).toContain('socket closed');
    expect(events.filter((event) => event !== 'socket closed')).toHaveLength(1);
  });

  it('hold for https: the handshake is made with the endpoint that answered', async () => {
    const ended = governed(endpoints('HTTPS', closed, secure.port), virtualService(HOST, RETRIED));
    const agent = new https.Agent({ keepAlive: true });
    const call = { host: HOST, port: 80, ca: authority.cert, agent };
    const first = await send(https, { ...call, path: '/a' });
    expect(first).toMatchObject({ status: 200, body: 'ok /a' });
    const socket = first.request.socket as unknown as { authorized: boolean; servername: string };
    expect([socket.authorized, socket.servername]).toEqual([true, HOST]);
    const second = await send(https, { ...call, path: '/b' });
    expect([second.body, second.request.reusedSocket]).toEqual(['ok /b', true]);
    agent.destroy();
    expect(ended.map(({ attempts }) => attempts)).toEqual([2, 1]);
    const unknown = await send(https, { host: HOST, port: 80, agent: false });
    expect(unknown.error?.code).toMatch(/UNABLE_TO|SELF_SIGNED/);
  });

  it('hold below TLS that the policy originates', async () => {
    governed(
      endpoints('HTTP', closed, secure.port),
      destinationRule(HOST, `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem}`),
    );
    expect(await send(http, { host: HOST, port: 80, path: '/t' })).toMatchObject({ status: 200, body: 'ok /t' });
  });

  it('begin when the last address of a name has failed', async () => {
    const ended = governed(endpoints('HTTP', closed, web.port), serviceEntry('two.example.com', closed));
    const lookup = vi.fn(lookupTo('127.0.0.1', '127.0.0.2'));
    for (const autoSelectFamily of [true, false]) {
      const options = { host: 'two.example.com', port: closed, lookup, autoSelectFamily, agent: false };
      const { error, events } = await send(http, options);
      expect(events.filter((event) => event !== 'finish')).toEqual(['socket', 'error', 'close']);
      expect(error?.code).toBe('ECONNREFUSED');
    }
    expect(ended.map(({ attempts }) => attempts)).toEqual([3, 3]);
    // Each connection asks for its addresses once, and is tried again there.
    expect(lookup).toHaveBeenCalledTimes(2);
  });

  it('follow a connect timeout as well', async () => {
    const hole = await blackHole();
    const ended = governed(
      endpoints('HTTP', hole.port, web.port),
      destinationRule(HOST, 'connectionPool: {tcp: {connectTimeout: 0.1s}}'),
    );
    expect((await send(http, { host: HOST, port: 80, path: '/late' })).body).toBe('GET /late ');
    expect(ended[0]).toMatchObject({ attempts: 2, responseCode: 200, responseFlags: '' });
    await hole.close();
  });

  it('are not made for connections that carry no request, nor where the route wants none', async () => {
    const ended = governed(serviceEntry(HOST, closed, 'TCP'));
    const socket = net.connect({ host: HOST, port: closed, lookup: lookupTo() });
    const codes: unknown[] = [];
    socket.on('error', ({ code }: NodeJS.ErrnoException) => codes.push(code));
    await new Promise((resolve) => socket.on('close', resolve));
    expect(codes).toEqual(['ECONNREFUSED']);
    expect(ended[0]).toMatchObject({ attempts: 1, responseFlags: 'UF,URX' });
    closeAll();
    const none = 'http:\n- retries: {attempts: 0}\n  route: [{destination: {host: api.example.com}}]';
    const single = governed(endpoints('HTTP', closed, web.port), virtualService(HOST, none));
    expect((await send(http, { host: HOST, port: 80 })).error?.code).toBe('ECONNREFUSED');
    expect(single[0]).toMatchObject({ attempts: 1, responseFlags: 'UF' });
  });

  it('are no more at a time than the cluster may have', async () => {
    // The one retry that there may be waits until the others have failed.
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const ended = governed(
      endpoints('HTTP', closed, web.port),
      destinationRule(HOST, 'connectionPool: {http: {maxRetries: 1}}'),
      virtualService(
        HOST,
        'http:\n- retries: {attempts: 2, retryOn: connect-failure, backoff: 1s}\n  route: [{destination: {host: api.example.com}}]',
      ),
    );
    const outcomes = await Promise.all(
      ['/1', '/2', '/3'].map((path) => send(http, { host: HOST, port: 80, path, agent: false })),
    );
    expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(ended.map(({ responseFlags }) => responseFlags).sort()).toEqual(['', 'UO,UF', 'UO,UF']);
  });
});

const RETRIED = `http:
- retries: {attempts: 2, retryOn: connect-failure, backoff: 1ms}
  route: [{destination: {host: ${HOST}}}]`;
