import net from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Egress, EgressOptions } from '../../src/egress.ts';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { closeAll, destinationRule, install, lookupTo, mesh, REGISTRY_ONLY, serviceEntry } from './lab.ts';

let authority: KeyPair;
let server: tls.Server;
let port: number;
let connections: number;
/** The server names of handshakes that were completed, and how many bytes of any kind came. */
let names: (string | false | null)[];
let bytes: number;

beforeAll(async () => {
  authority = await createAuthority();
  const pair = await issueCertificate(authority, ['db.example.com', 'api.example.com', 'other.example.com']);
  server = tls.createServer(pair, (socket) => {
    names.push(socket.servername);
    socket.on('error', () => undefined).on('data', (chunk) => socket.write(`pong ${String(chunk)}`));
  });
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket: net.Socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => (bytes += socket.bytesRead));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as net.AddressInfo).port;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
afterEach(closeAll);

/** What an observer was told: of how many connections it heard the beginning, and what their ends were. */
interface Told {
  begun: number;
  readonly ended: { name: string | undefined; flags: string }[];
}

function watch(documents: string[], options: Partial<EgressOptions> = {}): { egress: Egress; told: Told } {
  connections = 0;
  names = [];
  bytes = 0;
  const told: Told = { begun: 0, ended: [] };
  const observer = {
    onDecision: () => void (told.begun += 1),
    onEnd: ({ requestedServerName, responseFlags }: Exchange) =>
      void told.ended.push({ name: requestedServerName, flags: responseFlags }),
  };
  const egress = install(mesh(REGISTRY_ONLY, ...documents), { observers: [observer], ...options });
  return { egress, told };
}

/** A TCP connection that is there, as STARTTLS finds it. */
function connected(host: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, lookup: lookupTo() });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** One exchange inside TLS upon `socket`; gives the answer or the error's code, once both sockets are closed. */
async function upgraded(socket: net.Socket, options: tls.ConnectionOptions = {}): Promise<string> {
  const below = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  const answer = await new Promise<string>((resolve) => {
    const secure = tls.connect({ socket, ca: authority.cert, ...options }, () => secure.write('ping'));
    secure.once('data', (data) => {
      secure.destroy();
      resolve(String(data));
    });
    secure.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
  await below;
  return answer;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

describe('TLS upon a socket that exists', () => {
  it('goes on where the socket was admitted, and is one connection in the log', async () => {
    const { told } = watch([serviceEntry('db.example.com', port, 'TCP')]);
    expect(await upgraded(await connected('db.example.com'), { servername: 'db.example.com' })).toBe('pong ping');
    await settled();
    expect(names).toEqual(['db.example.com']);
    expect(told.begun).toBe(1);
    expect(told.ended).toEqual([{ name: undefined, flags: '' }]);
  });

  it('may be all that is admitted there: the socket below is dialled first, as by gRPC clients', async () => {
    watch([serviceEntry('db.example.com', port, 'HTTPS')]);
    expect(await upgraded(await connected('db.example.com'), { servername: 'db.example.com' })).toBe('pong ping');
    expect(await upgraded(await connected('db.example.com'), { servername: 'evil.example' })).toBe('ERR_EGRESS_DENIED');
    await settled();
    expect(names).toEqual(['db.example.com']);
    await expect(connected('evil.example')).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
  });

  it('may begin before the socket is connected', async () => {
    const { told } = watch([serviceEntry('db.example.com', port, 'TCP')]);
    const socket = net.connect({ host: 'db.example.com', port, lookup: lookupTo() });
    expect(await upgraded(socket, { servername: 'db.example.com' })).toBe('pong ping');
    await settled();
    expect([connections, told.begun, told.ended.length]).toEqual([1, 1, 1]);
  });

  it('names nobody else, and the server hears nothing of the attempt', async () => {
    const { told } = watch([serviceEntry('db.example.com', port, 'TCP')]);
    expect(await upgraded(await connected('db.example.com'), { servername: 'evil.example' })).toBe('ERR_EGRESS_DENIED');
    await settled();
    expect([connections, names.length, bytes]).toEqual([1, 0, 0]);
    expect(told.begun).toBe(told.ended.length);
    expect(told.ended).toContainEqual({ name: 'evil.example', flags: 'UH' });
  });

  it('names nobody else while the socket connects', async () => {
    const { told } = watch([serviceEntry('db.example.com', port, 'TCP')]);
    const socket = net.connect({ host: 'db.example.com', port, lookup: lookupTo() });
    expect(await upgraded(socket, { servername: 'evil.example' })).toBe('ERR_EGRESS_DENIED');
    await settled();
    expect([names.length, bytes]).toEqual([0, 0]);
    expect(told.begun).toBe(told.ended.length);
  });

  it('is not led elsewhere by the host and port beside the socket', async () => {
    watch([serviceEntry('db.example.com', port, 'TCP')]);
    const elsewhere = { host: 'evil.example', port: 1 } as tls.ConnectionOptions;
    // Node looks for that name in the certificate, and says it to nobody.
    expect(await upgraded(await connected('db.example.com'), elsewhere)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    const named = { ...elsewhere, servername: 'db.example.com' };
    expect(await upgraded(await connected('db.example.com'), named)).toBe('pong ping');
    expect(connections).toBe(2);
    expect(names).not.toContain('evil.example');
  });

  it('may name a host that is admitted at another port, as inside a tunnel', async () => {
    const tunnel = serviceEntry('proxy.example.com', port, 'TCP');
    watch([tunnel, serviceEntry('db.example.com', port - 1, 'HTTPS'), serviceEntry('plain.example.com', 8080, 'HTTP')]);
    expect(await upgraded(await connected('proxy.example.com'), { servername: 'db.example.com' })).toBe('pong ping');
    for (const servername of ['evil.example', 'plain.example.com'])
      expect(await upgraded(await connected('proxy.example.com'), { servername })).toBe('ERR_EGRESS_DENIED');
    expect(names).toEqual(['db.example.com']);
  });

  it('cannot be connected anew to what is denied', async () => {
    watch([serviceEntry('db.example.com', port, 'TCP')]);
    const below = await connected('db.example.com');
    const secure = new tls.TLSSocket(below, {});
    const code = await new Promise((resolve) => {
      secure.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      secure.connect({ host: 'evil.example', port, lookup: lookupTo() });
    });
    below.destroy();
    expect(code).toBe('ERR_EGRESS_DENIED');
    expect(connections).toBe(1);
  });

  it.each([
    ['TCP', 'pong ping'],
    ['TLS', 'ERR_EGRESS_DENIED'],
  ])('is decided by the address where the name alone is not admitted: a range of %s', async (protocol, outcome) => {
    watch([serviceEntry('range.example.com', port, protocol, 'resolution: NONE\naddresses: [127.0.0.0/8]')], {
      addressGuard: 'off',
    });
    const socket = net.connect({ host: 'db.example.com', port, lookup: lookupTo() });
    expect(await upgraded(socket, { servername: 'db.example.com' })).toBe(outcome);
    await settled();
    expect(names.length).toBe(outcome === 'pong ping' ? 1 : 0);
  });

  it('takes no second place among the connections of its cluster', async () => {
    const one = destinationRule('db.example.com', 'connectionPool: {tcp: {maxConnections: 1}}');
    watch([serviceEntry('db.example.com', port, 'TCP'), one]);
    for (let round = 0; round < 3; round += 1)
      expect(await upgraded(await connected('db.example.com'), { servername: 'db.example.com' })).toBe('pong ping');
  });

  it('is told of in report mode, once, and goes on', async () => {
    const warnings: string[] = [];
    const { told } = watch([serviceEntry('db.example.com', port, 'TCP')], {
      mode: 'report',
      onWarning: (message) => void warnings.push(message),
    });
    expect(await upgraded(await connected('db.example.com'), { servername: 'other.example.com' })).toBe('pong ping');
    await settled();
    expect(warnings).toHaveLength(1);
    expect(told.begun).toBe(told.ended.length);
  });
});
