import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';
import type { KeyPair } from '../tls/certificates.ts';
import { entry, Lab } from './undici-lab.ts';

let folder: string;
let authority: KeyPair;
let lab: Lab;
let port: number;
let seen: {
  readonly sni: unknown;
  readonly client: string | string[] | undefined;
  readonly host: string | undefined;
}[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'undici-tls-'));
  authority = await createAuthority();
  const client = await issueCertificate(authority, ['client.example.com']);
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  writeFileSync(join(folder, 'client.pem'), client.cert);
  writeFileSync(join(folder, 'client.key'), client.key);
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  lab = new Lab();
  seen = [];
  const certificate = await issueCertificate(authority, ['api.example.com']);
  const options = { ...certificate, ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => {
    const socket = request.socket as TLSSocket & { readonly servername: unknown };
    const peer = socket.getPeerCertificate();
    seen.push({ sni: socket.servername, client: peer.subject?.CN, host: request.headers.host });
    if (request.url === '/last') response.setHeader('connection', 'close');
    response.end('secret');
  });
  port = (await lab.listen(server)).port;
});

afterEach(() => lab.close());

function originating(tls: string): string {
  const endpoints = `  resolution: STATIC\n  endpoints: [{ address: 127.0.0.1, ports: { p: ${port} } }]`;
  return `${entry('api.example.com', 80, endpoints)}
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: default }
spec: { host: api.example.com, trafficPolicy: { tls: ${tls} } }
---`;
}

describe('TLS that is originated below fetch', () => {
  it('is SIMPLE, with the server name of the rule and the host of the request', async () => {
    const ca = join(folder, 'ca.pem');
    lab.egress(originating(`{ mode: SIMPLE, sni: api.example.com, caCertificates: ${ca} }`)).install();
    const response = await fetch('http://api.example.com/');
    expect(await response.text()).toBe('secret');
    expect(seen).toEqual([{ sni: 'api.example.com', client: undefined, host: 'api.example.com' }]);
  });

  it('is MUTUAL, with the certificate that the rule names', async () => {
    const files = `clientCertificate: ${folder}/client.pem, privateKey: ${folder}/client.key, caCertificates: ${folder}/ca.pem`;
    lab.egress(originating(`{ mode: MUTUAL, sni: api.example.com, ${files} }`)).install();
    expect((await fetch('http://api.example.com/')).status).toBe(200);
    expect(seen[0]).toMatchObject({ client: 'client.example.com' });
  });

  it('goes by files that were rotated from the next connection on', async () => {
    const [cert, key] = ['rotated.pem', 'rotated.key'].map((name) => join(folder, name)) as [string, string];
    const rotate = async (name: string): Promise<void> => {
      const identity = await issueCertificate(authority, [name]);
      writeFileSync(cert, identity.cert);
      writeFileSync(key, identity.key);
    };
    await rotate('first.example.com');
    const files = `clientCertificate: ${cert}, privateKey: ${key}, caCertificates: ${folder}/ca.pem`;
    lab.egress(originating(`{ mode: MUTUAL, sni: api.example.com, ${files} }`)).install();
    const get = async (path = ''): Promise<string> => (await fetch(`http://api.example.com/${path}`)).text();
    await get();
    await rotate('second.example.com');
    // A file is looked at once in a second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    // The connection that is there goes on, and the next one resumes none of its TLS.
    await get('last');
    await get();
    expect(seen.map(({ client }) => client)).toEqual(['first', 'first', 'second'].map((name) => `${name}.example.com`));
    rmSync(key);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    lab.closeConnections();
    // What was good before stays in use.
    await vi.waitFor(async () => expect(await get()).toBe('secret'));
    expect(seen.at(-1)).toMatchObject({ client: 'second.example.com' });
  });

  it('fails when a file is not there, and says which', async () => {
    const missing = join(folder, 'missing.key');
    const files = `clientCertificate: ${folder}/client.pem, privateKey: ${missing}, caCertificates: ${folder}/ca.pem`;
    lab.egress(originating(`{ mode: MUTUAL, sni: api.example.com, ${files} }`)).install();
    const { cause } = (await fetch('http://api.example.com/').catch((error: unknown) => error)) as { cause: Error };
    expect(cause).toMatchObject({ code: 'ERR_EGRESS_TLS' });
    expect(cause.message).toContain(`cannot read \`${missing}\``);
    expect(seen).toEqual([]);
  });

  it('fails when the certificate carries none of the names that the rule wants', async () => {
    const names = `subjectAltNames: [other.example.com], caCertificates: ${folder}/ca.pem`;
    lab.egress(originating(`{ mode: SIMPLE, sni: api.example.com, ${names} }`)).install();
    await expect(fetch('http://api.example.com/')).rejects.toMatchObject({ cause: { code: 'ERR_EGRESS_TLS' } });
    expect(seen).toEqual([]);
  });
});
