import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createEgress, type Egress } from '../../src/egress.ts';
import { findEgressError } from '../../src/errors.ts';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { authorityFolder, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { blackHole, type BlackHole } from './black-hole.ts';
import {
  closedPort,
  destinationRule,
  httpServer,
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
let hole: BlackHole;
let authority: KeyPair;
let folder: string;
/** Nobody listens here. */
let closed: number;
const agents: http.Agent[] = [];
const egresses: Egress[] = [];
const ended: Exchange[] = [];

beforeAll(async () => {
  ({ authority, folder } = await authorityFolder());
  const identity = await issueCertificate(authority, [HOST]);
  web = await httpServer((request, response, body) => response.end(`${request.method} ${request.url} ${body}`));
  secure = await httpServer(undefined, (listener) => https.createServer(identity, listener));
  hole = await blackHole();
  closed = await closedPort();
});
afterAll(async () => {
  await Promise.all([web.close(), secure.close(), hole.close()]);
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
  for (const egress of egresses.splice(0)) void egress.close();
  vi.restoreAllMocks();
  ended.length = web.seen.length = secure.seen.length = 0;
});

/** An agent that keeps connections, governed by these documents in a process that is not. */
function wrapped<A extends http.Agent>(agent: A, ...documents: string[]): { agent: A; egress: Egress } {
  const egress = createEgress({
    accessLog: false,
    meshConfig: mesh(REGISTRY_ONLY, ...documents),
    observers: [{ onEnd: (exchange) => void ended.push(exchange) }],
    random: () => 0,
  });
  egresses.push(egress);
  agents.push(agent);
  return { agent: egress.wrapAgent(agent), egress };
}

const keepAlive = (): http.Agent => new http.Agent({ keepAlive: true });
const endpoints = (protocol: string, ...ports: number[]): string => withEndpoints(HOST, protocol, ...ports);
const QUICK = destinationRule(HOST, 'connectionPool: {tcp: {connectTimeout: 0.1s}}');
const RETRIED = virtualService(
  HOST,
  `http:\n- retries: {attempts: 2, retryOn: connect-failure, backoff: 1ms}\n  route: [{destination: {host: ${HOST}}}]`,
);
const NO_RETRIES = virtualService(HOST, `http:\n- retries: {attempts: 0}\n  route: [{destination: {host: ${HOST}}}]`);
const told = (): unknown[] =>
  ended.map(({ attempts, responseCode, responseFlags }) => [attempts, responseCode, responseFlags]);

describe('an agent that is wrapped, in a process that is not governed', () => {
  it('has its connections tried again at the next endpoint', async () => {
    const { agent } = wrapped(keepAlive(), endpoints('HTTP', closed, web.port));
    const first = await send(http, { host: HOST, port: 80, path: '/a', method: 'PUT', agent }, 'payload');
    expect(first).toMatchObject({
      status: 200,
      body: 'PUT /a payload',
      events: ['socket', 'finish', 'response', 'end', 'close'],
    });
    const second = await send(http, { host: HOST, port: 80, path: '/b', agent });
    expect([second.body, second.request.reusedSocket]).toEqual(['GET /b ', true]);
    expect(told()).toEqual([
      [2, 200, ''],
      [1, 200, ''],
    ]);
    expect(ended[0]?.upstreamHost).toBe(`127.0.0.1:${web.port}`);
  });

  it('fails as a refused connection does, after three tries, with one lookup', async () => {
    const plain = await send(http, { host: HOST, port: closed, agent: new http.Agent({ keepAlive: true }) });
    const { agent } = wrapped(keepAlive(), serviceEntry(HOST, closed));
    const lookup = vi.fn(lookupTo());
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const outcome = await send(http, { host: HOST, port: closed, agent, lookup });
    expect(outcome.events).toEqual(plain.events);
    const { code, errno, syscall, message } = plain.error as NodeJS.ErrnoException;
    expect(outcome.error).toMatchObject({ code, errno, syscall, message });
    expect(connect).toHaveBeenCalledTimes(3);
    expect(lookup).toHaveBeenCalledTimes(1);
    expect(told()).toEqual([[3, 503, 'URX,UF']]);
  });

  it('tries each address of a name before it tries again', async () => {
    const { agent } = wrapped(keepAlive(), serviceEntry(HOST, closed));
    for (const autoSelectFamily of [true, false]) {
      const lookup = vi.fn(lookupTo('127.0.0.1', '127.0.0.2'));
      const options = { host: HOST, port: closed, agent, lookup, autoSelectFamily };
      const { error, events } = await send(http, options);
      expect(events.filter((event) => event !== 'finish')).toEqual(['socket', 'error', 'close']);
      expect(error?.code).toBe('ECONNREFUSED');
      expect(lookup).toHaveBeenCalledTimes(1);
    }
    expect(told()).toEqual(Array(2).fill([3, 503, 'URX,UF']));
  });

  it("gives each try the time that the cluster's word is", async () => {
    const { agent } = wrapped(keepAlive(), endpoints('HTTP', hole.port, web.port), QUICK);
    expect((await send(http, { host: HOST, port: 80, path: '/late', agent })).body).toBe('GET /late ');
    const alone = wrapped(keepAlive(), serviceEntry(HOST, hole.port), QUICK, NO_RETRIES);
    const { error, events } = await send(http, { host: HOST, port: hole.port, agent: alone.agent });
    expect(events.filter((event) => event !== 'finish')).toEqual(['socket', 'error', 'close']);
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: '127.0.0.1', port: hole.port });
    expect(findEgressError(error)).toMatchObject({ code: 'ERR_EGRESS_TIMEOUT', timeoutMs: 100 });
    expect(told()).toEqual([
      [2, 200, ''],
      [1, 503, 'UF'],
    ]);
    expect(ended[1]?.responseCodeDetails).toBe('upstream_reset_before_response_started{connection_timeout}');
  });

  it('does so below TLS, its own and what the policy originates', async () => {
    const own = wrapped(
      new https.Agent({ keepAlive: true }),
      endpoints('HTTPS', closed, hole.port, secure.port),
      RETRIED,
      QUICK,
    );
    const first = await send(https, { host: HOST, port: 80, path: '/own', ca: authority.cert, agent: own.agent });
    expect(first).toMatchObject({ status: 200, body: 'ok /own' });
    const socket = first.request.socket as unknown as { authorized: boolean; servername: string };
    expect([socket.authorized, socket.servername]).toEqual([true, HOST]);
    const policy = `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem}`;
    const { agent } = wrapped(keepAlive(), endpoints('HTTP', closed, secure.port), destinationRule(HOST, policy));
    expect(await send(http, { host: HOST, port: 80, path: '/t', agent })).toMatchObject({ status: 200, body: 'ok /t' });
    expect(told().map((line) => (line as unknown[])[0])).toEqual([3, 2]);
  });

  it('leaves it to the seams below once the process is governed', async () => {
    const plain = serviceEntry('plain.example.com', closed);
    const { agent, egress } = wrapped(keepAlive(), plain, endpoints('HTTP', closed), RETRIED);
    egress.install();
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await send(http, { host: 'plain.example.com', port: closed, agent })).error?.code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(3);
    expect((await send(http, { host: HOST, port: 80, agent })).error?.code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(6);
    expect(told()).toEqual(Array(2).fill([3, 503, 'URX,UF']));
  });

  it('has answers tried again once, whether the process is governed or not', async () => {
    const busy = await httpServer((_request, response) => {
      response.statusCode = 503;
      response.end();
    });
    const retries = `http:\n- retries: {attempts: 2, retryOn: 5xx, backoff: 1ms}\n  route: [{destination: {host: ${HOST}}}]`;
    const { agent, egress } = wrapped(keepAlive(), endpoints('HTTP', busy.port), virtualService(HOST, retries));
    expect((await send(http, { host: HOST, port: 80, agent })).status).toBe(503);
    expect(busy.seen).toHaveLength(3);
    egress.install();
    agent.destroy();
    expect((await send(http, { host: HOST, port: 80, agent })).status).toBe(503);
    expect(busy.seen).toHaveLength(6);
    await busy.close();
  });
});
