import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import {
  closeAll,
  destinationRule,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  serviceEntry,
  tcpServer,
  type Lab,
} from './lab.ts';

/** The only thing that the policy knows of the destination, for whoever dials a name that it has never heard of. */
const ADDRESS = '127.0.0.7';
const HOST = 'db.example.com';
let authority: KeyPair;
let folder: string;
let database: Lab;
let web: Lab;
let secure: tls.Server;
const names: unknown[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-'));
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  database = await tcpServer();
  web = await httpServer();
  secure = tls.createServer(await issueCertificate(authority, [HOST]), (socket) => {
    names.push(socket.servername);
    socket.on('error', () => undefined).on('data', (chunk) => socket.write(`pong ${String(chunk)}`));
  });
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await database.close();
  await web.close();
  secure.close();
  rmSync(folder, { recursive: true });
});
afterEach(closeAll);

function governed(port: number, ...policy: string[]): Exchange[] {
  const ended: Exchange[] = [];
  const endpoint = `resolution: STATIC\naddresses: ['${ADDRESS}']\nendpoints: [{address: 127.0.0.1, ports: {p5432: ${port}}}]`;
  const rules = policy.map((rule) => destinationRule(HOST, rule));
  install(mesh(REGISTRY_ONLY, serviceEntry(HOST, 5432, 'TCP', endpoint), ...rules), {
    observers: [{ onEnd: (exchange) => ended.push(exchange) }],
  });
  return ended;
}

interface Talk {
  readonly events: unknown[];
  readonly data: string;
  readonly error?: NodeJS.ErrnoException;
}

/** Dials a name that has `addresses`, says PING and hangs up after the answer. */
function talk(addresses: readonly string[], more: Partial<net.TcpNetConnectOpts> = {}): Promise<Talk> {
  return new Promise((resolve) => {
    const events: unknown[] = [];
    let data = '';
    let failed: { error?: NodeJS.ErrnoException } = {};
    const lookup = lookupTo(...addresses);
    const socket = net.connect({ host: 'unlisted.example.com', port: 5432, lookup, ...more });
    socket.on('connect', () => void (events.push('connect'), socket.write('PING')));
    socket.on('data', (chunk) => {
      data += String(chunk);
      socket.end();
    });
    socket.on('error', (error) => {
      events.push('error');
      failed = { error };
    });
    socket.on('close', (hadError) => {
      events.push(['close', hadError]);
      resolve({ events, data, ...failed });
    });
  });
}

describe('a name that is admitted only by its address', () => {
  it.each([[[ADDRESS]], [[ADDRESS, '127.0.0.1']]])(
    'leads where the entry of %j says, and is logged',
    async (addresses) => {
      const ended = governed(database.port);
      for (const autoSelectFamily of [true, false])
        expect(await talk(addresses, { autoSelectFamily })).toEqual({
          data: 'pong PING',
          events: ['connect', ['close', false]],
        });
      const line = { responseFlags: '', bytesReceived: 4, upstreamHost: `127.0.0.1:${database.port}` };
      expect(ended).toMatchObject([line, line]);
      expect(ended[0]).toMatchObject({ connection: { host: 'unlisted.example.com', address: ADDRESS, port: 5432 } });
    },
  );

  it('gets the TLS that the policy originates there, and nothing leaves without', async () => {
    const { port } = secure.address() as net.AddressInfo;
    governed(port, `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem}`);
    expect(await talk([ADDRESS])).toMatchObject({ data: 'pong PING' });
    expect(names).toEqual([HOST]);
  });

  it('counts among the connections of its cluster', async () => {
    governed(database.port, 'connectionPool: {tcp: {maxConnections: 1}}');
    const first = net.connect({ host: 'unlisted.example.com', port: 5432, lookup: lookupTo(ADDRESS) });
    await new Promise((resolve) => first.once('connect', resolve));
    expect((await talk([ADDRESS])).error?.code).toBe('ERR_EGRESS_OVERFLOW');
    first.destroy();
    await new Promise((resolve) => first.once('close', resolve));
    expect((await talk([ADDRESS])).data).toBe('pong PING');
  });

  it('is denied at any other address, with a line that says so', async () => {
    const before = database.connections;
    const ended = governed(database.port);
    const { error, events } = await talk(['127.0.0.9']);
    expect(events).toEqual(['error', ['close', true]]);
    expect(error).toMatchObject({ code: 'ERR_EGRESS_DENIED', host: 'unlisted.example.com', address: '127.0.0.9' });
    expect(ended).toMatchObject([{ responseFlags: 'UH', decision: { action: 'deny' } }]);
    expect(database.connections).toBe(before);
  });

  it('is told of once in report mode, and goes on', async () => {
    const ended: Exchange[] = [];
    const warnings: string[] = [];
    install(
      mesh(REGISTRY_ONLY, serviceEntry(HOST, database.port, 'TCP', `resolution: NONE\naddresses: ['${ADDRESS}']`)),
      {
        mode: 'report',
        observers: [{ onEnd: (exchange) => ended.push(exchange) }],
        onWarning: (message) => warnings.push(message),
      },
    );
    for (let i = 0; i < 2; i += 1) expect((await talk(['127.0.0.1'], { port: database.port })).data).toBe('pong PING');
    expect(ended).toMatchObject([{ wouldDeny: true }, { wouldDeny: true }]);
    expect(warnings).toHaveLength(1);
  });
});

describe('the connection of a pool whose requests are logged one by one', () => {
  it('has no line of its own, and closing does not wait for it', async () => {
    const ended: Exchange[] = [];
    const policy = mesh(REGISTRY_ONLY, serviceEntry('localhost', web.port));
    const egress = install(policy, { observers: [{ onEnd: (exchange) => ended.push(exchange) }] });
    expect((await fetch(`http://localhost:${web.port}/once`)).status).toBe(200);
    await egress.close();
    expect(ended).toMatchObject([{ layer: 'http', connection: { request: { path: '/once' } } }]);
  });
});
