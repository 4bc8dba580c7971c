import http from 'node:http';
import https from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EgressTimeoutError, findEgressError } from '../../src/errors.ts';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { createAuthority } from '../tls/certificates.ts';
import { blackHole, type BlackHole } from './black-hole.ts';
import {
  closeAll,
  destinationRule,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  type Lab,
} from './lab.ts';

const HOST = 'api.example.com';
let hole: BlackHole;
let web: Lab;
/** Accepts, and says nothing: no handshake comes about. */
let mute: net.Server;
const accepted: net.Socket[] = [];
let folder: string;

beforeAll(async () => {
  hole = await blackHole();
  web = await httpServer();
  mute = net.createServer((socket) => accepted.push(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-'));
  writeFileSync(join(folder, 'ca.pem'), (await createAuthority()).cert);
});
afterAll(async () => {
  await hole.close();
  await web.close();
  for (const socket of accepted) socket.destroy();
  mute.close();
  rmSync(folder, { recursive: true });
});
afterEach(closeAll);

/** Retries would take further tries: these are about one. */
const POOL = 'connectionPool: {tcp: {connectTimeout: 0.15s}}';
const NO_RETRIES = 'defaultHttpRetryPolicy: {attempts: 0}';

function governed(protocol: string, policy = POOL, port = hole.port, more?: string): Exchange[] {
  const ended: Exchange[] = [];
  const documents = [
    `${REGISTRY_ONLY}\n${NO_RETRIES}`,
    serviceEntry(HOST, port, protocol, more),
    destinationRule(HOST, policy),
  ];
  install(mesh(...documents), { observers: [{ onEnd: (exchange) => ended.push(exchange) }] });
  return ended;
}

function failure(socket: net.Socket): Promise<{ error: NodeJS.ErrnoException; events: unknown[] }> {
  return new Promise((resolve) => {
    const events: unknown[] = [];
    let error = new Error('none') as NodeJS.ErrnoException;
    for (const name of ['connect', 'secureConnect', 'ready', 'end']) socket.on(name, () => events.push(name));
    socket.on('error', (failed) => {
      events.push('error');
      error = failed;
    });
    socket.on('close', (hadError) => resolve({ error, events: [...events, `close ${hadError}`] }));
  });
}

describe('the connect timeout of a cluster', () => {
  it("ends a socket as Node's own ETIMEDOUT, whose cause says whose time it was", async () => {
    const ended = governed('TCP');
    const { port } = hole;
    const { error, events } = await failure(net.connect({ host: HOST, port, lookup: lookupTo() }));
    expect(events).toEqual(['error', 'close true']);
    const address = '127.0.0.1';
    expect(error).toMatchObject({ code: 'ETIMEDOUT', errno: -110, syscall: 'connect', address, port });
    expect(error.message).toBe(`connect ETIMEDOUT ${address}:${port}`);
    expect(error.cause).toBeInstanceOf(EgressTimeoutError);
    expect(error.cause).toMatchObject({ timeoutMs: 150 });
    expect(ended[0]).toMatchObject({ responseFlags: 'UF,URX' });
  });

  it('holds for a decided request of http and https, which is logged as a sidecar would', async () => {
    for (const [module, protocol] of [
      [http, 'HTTP'],
      [https, 'HTTPS'],
    ] as const) {
      const ended = governed(protocol);
      const { error, events } = await send(module, { host: HOST, port: hole.port });
      expect(events.filter((event) => event !== 'finish')).toEqual(['socket', 'error', 'close']);
      expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', port: hole.port });
      expect(ended[0]).toMatchObject({
        responseCode: 503,
        responseFlags: 'UF',
        responseCodeDetails: 'upstream_reset_before_response_started{connection_timeout}',
      });
      closeAll();
    }
  });

  it('holds for endpoints that the policy dials, and for fetch', async () => {
    const endpoint = `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${hole.port}}}]`;
    const ended = governed('HTTP', POOL, 80, endpoint);
    expect((await send(http, { host: HOST, port: 80 })).error?.code).toBe('ETIMEDOUT');
    const failed = await fetch(`http://${HOST}/`).catch((error: unknown) => error);
    expect(findEgressError(failed)).toBeInstanceOf(EgressTimeoutError);
    expect(ended.map(({ responseCodeDetails }) => responseCodeDetails)).toEqual(
      Array(2).fill('upstream_reset_before_response_started{connection_timeout}'),
    );
  });

  it('holds for TLS sockets of the application, without their handshake', async () => {
    governed('TLS');
    const options = { host: HOST, port: hole.port, servername: HOST, lookup: lookupTo() };
    const { error } = await failure(tls.connect(options as tls.ConnectionOptions));
    expect(error.code).toBe('ETIMEDOUT');
  });

  it('includes the handshake of TLS that the policy originates', async () => {
    const { port } = mute.address() as AddressInfo;
    const tlsPolicy = `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem}\n${POOL}`;
    const endpoint = `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${port}}}]`;
    const ended = governed('HTTP', tlsPolicy, 80, endpoint);
    const { error } = await send(http, { host: HOST, port: 80 });
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', port });
    expect(ended[0]?.responseCodeDetails).toBe('upstream_reset_before_response_started{connection_timeout}');
  });

  it('is of each address: the next one is tried', async () => {
    governed('TCP');
    const { port } = hole;
    const lookup = lookupTo('127.0.0.1', '127.0.0.2');
    const attempts: string[] = [];
    // Node goes on by itself after the first timeout; the last address has only that of the cluster.
    const socket = net.connect({
      host: HOST,
      port,
      lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 5000,
    });
    socket.on('connectionAttempt', (address) => attempts.push(String(address)));
    const { error } = await failure(socket);
    expect(attempts).toEqual(['127.0.0.1', '127.0.0.2']);
    expect(findEgressError(error)).toBeInstanceOf(EgressTimeoutError);
    expect((error as AggregateError).errors.map(({ code }: NodeJS.ErrnoException) => code)).toEqual([
      'ETIMEDOUT',
      'ECONNREFUSED',
    ]);
  });

  it.each([
    ['an address that an entry lists', '127.0.0.1'],
    ['a name that is admitted only by the address that it has', 'unlisted.example.com'],
  ])('holds for %s', async (_what, host) => {
    const ended: Exchange[] = [];
    const { port } = hole;
    const entry = serviceEntry(HOST, port, 'TCP', "resolution: NONE\naddresses: ['127.0.0.1/32']");
    install(mesh(REGISTRY_ONLY, entry, destinationRule(HOST, POOL)), {
      observers: [{ onEnd: (exchange) => ended.push(exchange) }],
    });
    const { error, events } = await failure(net.connect({ host, port, lookup: lookupTo() }));
    expect(events).toEqual(['error', 'close true']);
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: '127.0.0.1', port });
    expect(error.cause).toMatchObject({ timeoutMs: 150 });
    expect(ended).toMatchObject([{ responseFlags: 'UF,URX', decision: { cluster: `outbound|${port}||${HOST}` } }]);
  });

  it('leaves connections alone that come about', async () => {
    const ended = governed('HTTP', POOL, web.port);
    const agent = new http.Agent({ keepAlive: true });
    expect((await send(http, { host: HOST, port: web.port, agent })).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const second = await send(http, { host: HOST, port: web.port, agent });
    expect([second.status, second.request.reusedSocket]).toEqual([200, true]);
    expect(ended.map(({ responseFlags }) => responseFlags)).toEqual(['', '']);
    agent.destroy();
  });
});
