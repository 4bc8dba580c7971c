/** Files of a DestinationRule that change on disk, and what the server sees of it. */
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { closeAll, destinationRule, install, mesh, REGISTRY_ONLY, send, serviceEntry } from './lab.ts';

const HOST = 'api.example.com';
let authority: KeyPair;
let first: KeyPair;
let second: KeyPair;
let folder: string;
let servers: { readonly web: https.Server; readonly streams: http2.Http2SecureServer; readonly bytes: tls.Server };
/** The client's name of each connection, in order. */
const identities: unknown[] = [];
const open = new Set<net.Socket>();
const warnings: string[] = [];
const warned = ({ name, message }: Error): void => void (name === 'EgressWarning' && warnings.push(message));

beforeAll(async () => {
  authority = await createAuthority();
  first = await issueCertificate(authority, ['first.example.com']);
  second = await issueCertificate(authority, ['second.example.com']);
  const options = {
    ...(await issueCertificate(authority, [HOST])),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const answer = (_request: unknown, response: { end(text: string): unknown }): void => void response.end('ok');
  servers = {
    web: https.createServer(options, answer),
    streams: http2.createSecureServer(options, answer),
    bytes: tls.createServer(options, (socket) => socket.on('error', () => undefined).write('ok')),
  };
  for (const server of Object.values(servers)) {
    server.on('secureConnection', (socket: tls.TLSSocket) => {
      identities.push(socket.getPeerCertificate().subject?.CN);
      open.add(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  }
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-rotation-'));
  write({ 'ca.pem': authority.cert, 'client.pem': first.cert, 'client.key': first.key });
  process.on('warning', warned);
});
afterEach(() => {
  closeAll();
  process.off('warning', warned);
  identities.length = warnings.length = 0;
  rmSync(folder, { recursive: true });
});
afterAll(() => {
  for (const socket of open) socket.destroy();
  for (const server of Object.values(servers)) server.close();
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

/** Files are looked at once in a second. */
const lookedAtAgain = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1100));

function govern(server: net.Server, protocol: string): void {
  const { port } = server.address() as AddressInfo;
  const files = `clientCertificate: ${folder}/client.pem, privateKey: ${folder}/client.key, caCertificates: ${folder}/ca.pem`;
  install(
    mesh(
      REGISTRY_ONLY,
      serviceEntry(HOST, 80, protocol, `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${port}}}]`),
      destinationRule(HOST, `tls: {mode: MUTUAL, sni: ${HOST}, ${files}}`),
    ),
  );
}

async function overSocket(): Promise<string> {
  const socket = net.connect({ host: HOST, port: 80 });
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return String(chunk);
}

async function overSession(): Promise<string> {
  const session = http2.connect(`http://${HOST}`);
  let text = '';
  for await (const chunk of session.request()) text += String(chunk);
  session.destroy();
  return text;
}

/** One answer over a connection of its own. */
const CLIENTS: Readonly<Record<string, readonly [keyof typeof servers, string, () => Promise<string | undefined>]>> = {
  http: ['web', 'HTTP', async () => (await send(http, { host: HOST, port: 80, agent: false })).body],
  http2: ['streams', 'HTTP2', overSession],
  net: ['bytes', 'TCP', overSocket],
};

describe.each(Object.entries(CLIENTS))('over a new connection, %s', (_name, [server, protocol, ask]) => {
  it('shows the client certificate that stands in the files', async () => {
    govern(servers[server], protocol);
    expect(await ask()).toBe('ok');
    write({ 'client.pem': second.cert, 'client.key': second.key });
    await lookedAtAgain();
    expect(await ask()).toBe('ok');
    expect(identities).toEqual(['first.example.com', 'second.example.com']);
    expect(warnings).toEqual([]);
  });
});

describe('http', () => {
  const get = (agent: http.Agent | false): ReturnType<typeof send> => send(http, { host: HOST, port: 80, agent });

  it('leaves pooled connections as they are', async () => {
    govern(servers.web, 'HTTP');
    const agent = new http.Agent({ keepAlive: true });
    expect((await get(agent)).body).toBe('ok');
    write({ 'client.pem': second.cert, 'client.key': second.key });
    await lookedAtAgain();
    expect((await get(agent)).body).toBe('ok');
    expect(identities).toEqual(['first.example.com']);
    agent.destroy();
    expect((await get(agent)).body).toBe('ok');
    expect(identities).toEqual(['first.example.com', 'second.example.com']);
    agent.destroy();
  });

  it.each<readonly [string, () => void]>([
    ['a certificate whose key is not there yet', () => write({ 'client.pem': second.cert })],
    ['half a certificate', () => write({ 'client.pem': second.cert.slice(0, 200) })],
    ['an empty CA', () => write({ 'ca.pem': '' })],
    ['a file that is gone', () => rmSync(join(folder, 'client.key'))],
  ])('goes by what was good while there is %s, and says so once', async (_what, breakIt) => {
    govern(servers.web, 'HTTP');
    expect((await get(false)).body).toBe('ok');
    breakIt();
    await lookedAtAgain();
    for (let turn = 0; turn < 2; turn += 1) expect((await get(false)).body).toBe('ok');
    expect(identities).toEqual(Array(3).fill('first.example.com'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(folder);
    expect(warnings[0]).toContain('what stood there before stays in use');
    write({ 'ca.pem': authority.cert, 'client.pem': second.cert, 'client.key': second.key });
    await lookedAtAgain();
    expect((await get(false)).body).toBe('ok');
    expect(identities.at(-1)).toBe('second.example.com');
  });

  it('takes a CA of another authority at its word: the server is refused', async () => {
    govern(servers.web, 'HTTP');
    expect((await get(false)).body).toBe('ok');
    write({ 'ca.pem': (await createAuthority('another authority')).cert });
    await lookedAtAgain();
    expect((await get(false)).error?.code).toMatch(/UNABLE_TO|SELF_SIGNED|CERT_/);
    expect(warnings).toEqual([]);
  });

  it('fails with the files in its words when nothing good stood in them before', async () => {
    write({ 'client.pem': 'nothing' });
    govern(servers.web, 'HTTP');
    const { error } = await get(false);
    expect(error).toMatchObject({ code: 'ERR_EGRESS_TLS' });
    expect(error?.message).toContain('client.pem');
    expect(identities).toEqual([]);
  });
});
