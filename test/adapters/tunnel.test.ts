import https from 'node:https';
import { rmSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { authorityFolder, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { connectProxy, type ConnectProxy } from './connect-proxy.ts';
import {
  closeAll,
  closedPort,
  destinationRule,
  httpServer,
  install,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  tcpServer,
  virtualService,
  type Lab,
} from './lab.ts';

const HOST = 'db.example.com';
const PROXY = 'proxy.example.com';
let authority: KeyPair;
let folder: string;
let database: Lab;
/** Speaks before it is spoken to. */
let greeter: net.Server;
let secure: Lab;
let proxy: ConnectProxy;
let secureProxy: ConnectProxy;

beforeAll(async () => {
  ({ authority, folder } = await authorityFolder());
  const identity = await issueCertificate(authority, [HOST]);
  database = await tcpServer();
  greeter = net.createServer((socket) => socket.on('error', () => undefined).write('hello'));
  await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
  secure = await httpServer(undefined, (listener) => https.createServer(identity, listener));
  proxy = await connectProxy();
  secureProxy = await connectProxy(await issueCertificate(authority, [PROXY]));
});
afterAll(async () => {
  greeter.close();
  for (const lab of [database, secure, proxy, secureProxy]) await lab.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  closeAll();
  for (const one of [proxy, secureProxy]) {
    one.asked.length = 0;
    one.refusal = undefined;
  }
});

/** Connections to the host go to the proxy, which is asked for `targetPort` of the host. */
function tunnelled(
  protocol: 'TCP' | 'TLS',
  through: ConnectProxy,
  targetPort: number,
  more: Settings = {},
): Exchange[] {
  const { method = 'CONNECT', tlsPolicy } = more;
  const ended: Exchange[] = [];
  const match = protocol === 'TLS' ? `tls:\n- match: [{sniHosts: ['${HOST}']}]` : 'tcp:\n- match: [{port: 5432}]';
  const policy = `tunnel: {protocol: ${method}, targetHost: ${HOST}, targetPort: ${targetPort}}`;
  install(
    mesh(
      REGISTRY_ONLY,
      serviceEntry(HOST, 5432, protocol),
      serviceEntry('localhost', targetPort, 'TCP'),
      serviceEntry(
        PROXY,
        3128,
        'TCP',
        `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p3128: ${through.port}}}]`,
      ),
      virtualService(HOST, `${match}\n  route: [{destination: {host: ${PROXY}, port: {number: 3128}}}]`),
      destinationRule(PROXY, tlsPolicy ? `${policy}\n${tlsPolicy}` : policy),
    ),
    { observers: [{ onEnd: (exchange) => ended.push(exchange) }] },
  );
  return ended;
}

interface Settings {
  readonly method?: 'CONNECT' | 'POST';
  readonly tlsPolicy?: string;
}

interface Talk {
  readonly events: unknown[];
  readonly data: string;
  readonly error?: NodeJS.ErrnoException;
  readonly peer?: string;
  readonly written?: number;
}

/** Says `words` when connected, and hangs up after the first answer. */
function talk(socket: net.Socket, words = 'PING'): Promise<Talk> {
  return new Promise((resolve) => {
    const events: unknown[] = [];
    let rest: Partial<Talk> = {};
    let data = '';
    const ready = socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect';
    socket.on(ready, () => {
      events.push(ready);
      rest = { ...rest, peer: `${socket.remoteAddress}:${socket.remotePort}` };
      if (words) socket.write(words);
    });
    socket.on('data', (chunk) => {
      data += String(chunk);
      socket.end();
    });
    socket.on('end', () => events.push('end'));
    socket.on('error', (error) => {
      events.push('error');
      rest = { ...rest, error };
    });
    socket.on('close', (hadError) => {
      events.push(['close', hadError]);
      resolve({ events, data, ...rest, written: socket.bytesWritten });
    });
  });
}

const ORIGINATED = (): string => `tls: {mode: SIMPLE, sni: ${PROXY}, caCertificates: ${folder}/ca.pem}`;

describe('a tunnel of a DestinationRule', () => {
  it('carries a TCP connection through CONNECT, and the log tells the proxy', async () => {
    const ended = tunnelled('TCP', proxy, database.port);
    const outcome = await talk(net.connect({ host: HOST, port: 5432 }));
    expect(outcome).toMatchObject({ data: 'pong PING', peer: `127.0.0.1:${proxy.port}` });
    expect(outcome.error).toBeUndefined();
    expect(outcome.events[0]).toBe('connect');
    expect(outcome.events.at(-1)).toEqual(['close', false]);
    expect(proxy.asked).toEqual([`CONNECT ${HOST}:${database.port} ${HOST}:${database.port}`]);
    const line = ended.find(({ connection }) => connection.host === HOST);
    expect(line).toMatchObject({ responseFlags: '', upstreamHost: `127.0.0.1:${proxy.port}`, bytesReceived: 4 });
  });

  it('gives what the target says first, and nothing of the proxy', async () => {
    const { port } = greeter.address() as net.AddressInfo;
    tunnelled('TCP', proxy, port);
    for (let i = 0; i < 3; i += 1) expect((await talk(net.connect({ host: HOST, port: 5432 }), '')).data).toBe('hello');
  });

  it('carries TLS of the application, whose certificate is that of the target', async () => {
    tunnelled('TLS', proxy, secure.port);
    const socket = tls.connect({ host: HOST, port: 5432, servername: HOST, ca: authority.cert });
    const outcome = await talk(socket, 'GET /t HTTP/1.0\r\n\r\n');
    expect(outcome.data).toContain('ok /t');
    expect(proxy.asked).toEqual([`CONNECT ${HOST}:${secure.port} ${HOST}:${secure.port}`]);
    const unknown = await talk(tls.connect({ host: HOST, port: 5432, servername: HOST }));
    expect(unknown.error?.code).toMatch(/UNABLE_TO|SELF_SIGNED/);
  });

  it('carries requests of https, one tunnel for each pooled connection', async () => {
    tunnelled('TLS', proxy, secure.port);
    const agent = new https.Agent({ keepAlive: true });
    const call = { host: HOST, port: 5432, ca: authority.cert, agent };
    expect((await send(https, { ...call, path: '/1' })).body).toBe('ok /1');
    const second = await send(https, { ...call, path: '/2', method: 'POST' }, 'x'.repeat(200_000));
    expect([second.body, second.request.reusedSocket]).toEqual(['ok /2', true]);
    expect(secure.seen.at(-1)?.body).toHaveLength(200_000);
    expect(proxy.asked).toHaveLength(1);
    agent.destroy();
  });

  it('carries fetch over https', async () => {
    tunnelled('TLS', proxy, secure.port);
    const failed = (await fetch(`https://${HOST}:5432/f`).catch((error: unknown) => error)) as Error;
    // The way is there: what fails is the certificate, which fetch cannot be given here.
    expect((failed.cause as NodeJS.ErrnoException).code).toMatch(/UNABLE_TO|SELF_SIGNED/);
    expect(proxy.asked).toEqual([`CONNECT ${HOST}:${secure.port} ${HOST}:${secure.port}`]);
  });

  it('is asked for over TLS where the rule says so, for TCP and for TLS inside', async () => {
    tunnelled('TCP', secureProxy, database.port, { tlsPolicy: ORIGINATED() });
    const outcome = await talk(net.connect({ host: HOST, port: 5432 }));
    expect(outcome).toMatchObject({ data: 'pong PING', peer: `127.0.0.1:${secureProxy.port}`, written: 4 });
    closeAll();
    tunnelled('TLS', secureProxy, secure.port, { tlsPolicy: ORIGINATED() });
    const agent = new https.Agent({ keepAlive: true });
    const call = { host: HOST, port: 5432, ca: authority.cert, agent };
    const big = await send(https, { ...call, method: 'POST', path: '/big' }, 'y'.repeat(500_000));
    expect(big.body).toBe('ok /big');
    expect((await send(https, { ...call, path: '/again' })).request.reusedSocket).toBe(true);
    agent.destroy();
    expect(secureProxy.asked).toEqual([
      `CONNECT ${HOST}:${database.port} ${HOST}:${database.port}`,
      `CONNECT ${HOST}:${secure.port} ${HOST}:${secure.port}`,
    ]);
  });

  it('refuses a proxy whose certificate is not what the rule asks for', async () => {
    const wrong = `tls: {mode: SIMPLE, sni: ${PROXY}, caCertificates: ${folder}/ca.pem, subjectAltNames: [other.example.com]}`;
    tunnelled('TCP', secureProxy, database.port, { tlsPolicy: wrong });
    const { error } = await talk(net.connect({ host: HOST, port: 5432 }));
    expect(error?.code).toBe('ERR_EGRESS_TLS');
    expect(secureProxy.asked).toEqual([]);
  });

  it('goes in the bodies of a POST as well', async () => {
    tunnelled('TCP', proxy, database.port, { method: 'POST' });
    expect((await talk(net.connect({ host: HOST, port: 5432 }))).data).toBe('pong PING');
    expect(proxy.asked).toEqual([`POST / ${HOST}:${database.port}`]);
    closeAll();
    tunnelled('TLS', proxy, secure.port, { method: 'POST' });
    const call = { host: HOST, port: 5432, ca: authority.cert, agent: false, method: 'POST' } as const;
    expect((await send(https, { ...call, path: '/p' }, 'z'.repeat(300_000))).body).toBe('ok /p');
    expect(secure.seen.at(-1)?.body).toHaveLength(300_000);
  });

  it('fails as a refused connection does when the proxy does not let through, and nothing reaches the target', async () => {
    const before = database.connections;
    proxy.refusal = '407 Proxy Authentication Required';
    const ended = tunnelled('TCP', proxy, database.port);
    const { error, events } = await talk(net.connect({ host: HOST, port: 5432 }));
    expect(events).toEqual(['error', ['close', true]]);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', port: proxy.port });
    expect((error?.cause as Error).message).toContain('407 Proxy Authentication Required');
    expect(ended[0]).toMatchObject({ responseFlags: 'UF,URX' });
    expect(database.connections).toBe(before);
  });

  it('fails as the proxy does that cannot be reached', async () => {
    const port = await closedPort();
    tunnelled('TCP', { ...proxy, port }, database.port);
    const { error, events } = await talk(net.connect({ host: HOST, port: 5432 }));
    expect(events).toEqual(['error', ['close', true]]);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port });
  });

  it('does not wait for ever for a proxy that is silent', async () => {
    tunnelled('TCP', { ...proxy, port: database.port }, 1, {
      tlsPolicy: 'connectionPool: {tcp: {connectTimeout: 0.2s}}',
      method: 'CONNECT',
    });
    // It answers, but not in HTTP.
    expect((await talk(net.connect({ host: HOST, port: 5432 }))).error?.code).toBe('ECONNREFUSED');
    closeAll();
    const silent = net.createServer((socket) => void socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    tunnelled('TCP', { ...proxy, port }, 1, { tlsPolicy: 'connectionPool: {tcp: {connectTimeout: 0.2s}}' });
    expect((await talk(net.connect({ host: HOST, port: 5432 }))).error?.code).toBe('ETIMEDOUT');
    silent.close();
  });
});

describe('TLS that is originated below a socket of the application', () => {
  it('is there for a TCP service, with the name that the rule gives', async () => {
    const names: unknown[] = [];
    const identity = await issueCertificate(authority, [HOST]);
    const server = tls.createServer(identity, (socket) => {
      names.push(socket.servername);
      socket.on('error', () => undefined).on('data', (chunk) => socket.write(`pong ${String(chunk)}`));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const endpoint = `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p5432: ${port}}}]`;
    const rule = (more: string): string =>
      destinationRule(HOST, `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem${more}}`);
    install(mesh(REGISTRY_ONLY, serviceEntry(HOST, 5432, 'TCP', endpoint), rule('')));
    expect(await talk(net.connect({ host: HOST, port: 5432 }))).toMatchObject({
      data: 'pong PING',
      peer: `127.0.0.1:${port}`,
    });
    expect(names).toEqual([HOST]);
    closeAll();
    install(mesh(REGISTRY_ONLY, serviceEntry(HOST, 5432, 'TCP', endpoint), rule(', subjectAltNames: [x.example.com]')));
    const { error } = await talk(net.connect({ host: HOST, port: 5432 }));
    expect(error?.code).toBe('ERR_EGRESS_TLS');
    server.close();
  });
});
