import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

  it('fails when the certificate carries none of the names that the rule wants', async () => {
    const names = `subjectAltNames: [other.example.com], caCertificates: ${folder}/ca.pem`;
    lab.egress(originating(`{ mode: SIMPLE, sni: api.example.com, ${names} }`)).install();
    await expect(fetch('http://api.example.com/')).rejects.toMatchObject({ cause: { code: 'ERR_EGRESS_TLS' } });
    expect(seen).toEqual([]);
  });
});
