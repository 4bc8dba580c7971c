import http from 'node:http';
import https from 'node:https';
import { rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EgressDeniedError } from '../../src/errors.ts';
import { authorityFolder, issueCertificate, type KeyPair } from '../tls/certificates.ts';
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
  virtualService,
  type Lab,
} from './lab.ts';

let authority: KeyPair;
let folder: string;
let secure: Lab;
let mutual: Lab;
let plain: Lab;

beforeAll(async () => {
  ({ authority, folder } = await authorityFolder());
  const server = await issueCertificate(authority, ['api.example.com', '*.wild.example.com']);
  const client = await issueCertificate(authority, ['client.example.com']);
  writeFileSync(join(folder, 'cert.pem'), client.cert);
  writeFileSync(join(folder, 'key.pem'), client.key);
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const socket = request.socket as tls.TLSSocket;
    const { CN = '' } = (socket.getPeerCertificate?.().subject ?? {}) as { CN?: string };
    response.end(`${socket.servername ? socket.servername : 'no sni'} ${CN}`.trim());
  };
  secure = await httpServer(answer, (listener) => https.createServer(server, listener));
  const wants = { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  mutual = await httpServer(answer, (listener) => https.createServer(wants, listener));
  plain = await httpServer((_request, response) => response.end('plain'));
});
afterAll(async () => {
  for (const lab of [secure, mutual, plain]) await lab.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  closeAll();
  secure.seen.length = 0;
});

const call = (more: https.RequestOptions = {}): https.RequestOptions => ({
  host: 'api.example.com',
  port: secure.port,
  ca: authority.cert,
  ...more,
});
const admitted = (): string[] => [REGISTRY_ONLY, serviceEntry('api.example.com', secure.port, 'HTTPS')];

describe('https', () => {
  it('is allowed for the host and its server name, and pooled', async () => {
    install(mesh(...admitted()));
    const agent = new https.Agent({ keepAlive: true });
    const first = await send(https, call({ agent }));
    const second = await send(https, call({ agent }));
    agent.destroy();
    expect([first.status, first.body]).toEqual([200, 'api.example.com']);
    expect(second.request.reusedSocket).toBe(true);
  });

  it('is denied for other hosts and other server names, without a handshake', async () => {
    install(mesh(...admitted()));
    const before = secure.connections;
    const host = await send(https, call({ host: 'evil.example' }));
    const sni = await send(https, call({ servername: 'evil.example' }));
    const fronted = await send(https, call({ headers: { host: 'evil.example' } }));
    for (const { error, events } of [host, sni, fronted]) {
      expect(error).toBeInstanceOf(EgressDeniedError);
      expect(events).toEqual(['socket', 'error', 'close']);
    }
    expect(secure.connections).toBe(before);
  });

  it('still verifies the certificate against the name that was asked for, when routed elsewhere', async () => {
    const entry = (host: string): string =>
      serviceEntry(
        host,
        443,
        'HTTPS',
        `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p443: ${secure.port}}}]`,
      );
    install(mesh(REGISTRY_ONLY, entry('api.example.com'), entry('wrong.example.com')));
    const ca = authority.cert;
    expect((await send(https, { host: 'api.example.com', port: 443, ca })).body).toBe('api.example.com');
    const wrong = await send(https, { host: 'wrong.example.com', port: 443, ca });
    expect(wrong.error?.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('obeys http routes inside TLS: timeouts, rewrites, header operations', async () => {
    const spec = `http:
- rewrite: {uri: /inner}
  headers: {request: {set: {x-set: a}}}
  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...admitted(), virtualService('api.example.com', spec)));
    expect((await send(https, call({ path: '/' }))).status).toBe(200);
    expect(secure.seen[0]).toMatchObject({ url: '/inner', headers: { 'x-set': 'a' } });
  });

  it('answers 502 inside TLS when asked to and the sidecar would have closed', async () => {
    install(mesh(...admitted()), { denyAs: 'reset' });
    const { error } = await send(https, call({ host: 'evil.example' }));
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('TLS origination', () => {
  const originate = (lab: Lab, policy: string, host = 'api.example.com'): string[] => [
    REGISTRY_ONLY,
    serviceEntry(host, 80, 'HTTP', `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${lab.port}}}]`),
    destinationRule(host, policy),
  ];
  const get = (host = 'api.example.com', more: http.RequestOptions = {}): ReturnType<typeof send> =>
    send(http, { host, port: 80, ...more });

  it('speaks TLS for a plaintext request, with the SNI of the rule', async () => {
    install(mesh(...originate(secure, `tls: {mode: SIMPLE, sni: api.example.com, caCertificates: ${folder}/ca.pem}`)));
    const agent = new http.Agent({ keepAlive: true });
    const first = await get('api.example.com', { agent });
    const second = await get('api.example.com', { agent });
    agent.destroy();
    expect(first.body).toBe('api.example.com');
    expect(second.request.reusedSocket).toBe(true);
    expect(secure.seen[0]?.headers.host).toBe('api.example.com');
  });

  it('sends the host of the request as SNI when the rule names none', async () => {
    install(mesh(...originate(secure, `tls: {mode: SIMPLE, caCertificates: ${folder}/ca.pem}`)));
    expect((await get()).body).toBe('api.example.com');
  });

  it('shows the client certificate in MUTUAL mode', async () => {
    const policy = `tls: {mode: MUTUAL, sni: api.example.com, caCertificates: ${folder}/ca.pem, clientCertificate: ${folder}/cert.pem, privateKey: ${folder}/key.pem}`;
    install(mesh(...originate(mutual, policy)));
    expect((await get()).body).toBe('api.example.com client.example.com');
  });

  it('refuses a server whose certificate is not signed, or carries no wanted name', async () => {
    install(mesh(...originate(secure, 'tls: {mode: SIMPLE, sni: api.example.com}')));
    expect((await get()).error?.code).toMatch(/UNABLE_TO|SELF_SIGNED/);
    closeAll();
    const san = `tls: {mode: SIMPLE, sni: api.example.com, caCertificates: ${folder}/ca.pem, subjectAltNames: [other.example.com]}`;
    install(mesh(...originate(secure, san)));
    const { error } = await get();
    expect(error?.message).toContain('other.example.com');
    expect(secure.seen).toEqual([]);
  });

  it('says which file cannot be read', async () => {
    install(mesh(...originate(secure, `tls: {mode: SIMPLE, caCertificates: ${folder}/missing.pem}`)));
    const { error } = await get();
    expect(error?.code).toBe('ERR_EGRESS_TLS');
    expect(error?.message).toContain('missing.pem');
  });
});

describe('tls', () => {
  const shake = (options: tls.ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = tls.connect(
        { ca: authority.cert, lookup: lookupTo(), ...options } as tls.ConnectionOptions,
        () => {
          resolve(`connected ${socket.authorized}`);
          socket.destroy();
        },
      );
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    });

  it('is decided by host and SNI', async () => {
    install(mesh(...admitted()));
    const { port } = secure;
    expect(await shake({ host: 'api.example.com', port, servername: 'api.example.com' })).toBe('connected true');
    expect(await shake({ host: 'api.example.com', port, servername: 'evil.example' })).toBe('ERR_EGRESS_DENIED');
    expect(await shake({ host: 'evil.example', port, servername: 'api.example.com' })).toBe('ERR_EGRESS_DENIED');
  });

  it('cannot be given another server name afterwards', async () => {
    install(mesh(...admitted()));
    const before = secure.seen.length;
    const socket = tls.connect({
      host: 'api.example.com',
      port: secure.port,
      servername: 'api.example.com',
      ca: authority.cert,
      lookup: lookupTo(),
    } as tls.ConnectionOptions) as tls.TLSSocket & { setServername(name: string): void };
    socket.setServername('evil.example');
    const code = await new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on('secureConnect', () => resolve('connected'));
    });
    expect(code).toBe('ERR_EGRESS_DENIED');
    expect(secure.seen.length).toBe(before);
  });

  it('is decided by name on a socket that is connected already', async () => {
    install(mesh(...admitted(), serviceEntry('raw.example.com', secure.port, 'TCP')));
    const raw = net.connect({ host: 'raw.example.com', port: secure.port, lookup: lookupTo() });
    await new Promise((resolve) => raw.once('connect', resolve));
    expect(await shake({ socket: raw, servername: 'api.example.com' })).toBe('connected true');
  });
});
