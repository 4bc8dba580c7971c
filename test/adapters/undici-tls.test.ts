import { rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Dispatcher } from '../../src/adapters/undici-dispatcher.ts';
import { authorityFolder, issueCertificate } from '../tls/certificates.ts';
import type { KeyPair } from '../tls/certificates.ts';
import { builtInAgent, builtInPool, entry, Lab, routes } from './undici-lab.ts';

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
  ({ authority, folder } = await authorityFolder());
  const client = await issueCertificate(authority, ['client.example.com']);
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

describe('dispatchers of the program', () => {
  const HOST = 'api.example.com';
  const kinds = {
    Agent: (options: object) => new (builtInAgent())({ ...options }),
    Pool: (options: object, url: string) => builtInPool(url, { ...options }),
    Client: (options: object, url: string) => builtInPool(url, { ...options, connections: 1 }),
  };
  const each = Object.entries(kinds);
  const made: Dispatcher[] = [];
  afterEach(async () => {
    for (const dispatcher of made.splice(0)) await dispatcher.destroy?.();
  });

  /** The body of the answer, or the code or message of the failure. */
  async function ask(make: (typeof kinds)['Pool'], url: string, options: object): Promise<string> {
    const dispatcher = make(options, url);
    made.push(dispatcher);
    try {
      return await (await fetch(url, { dispatcher } as RequestInit)).text();
    } catch (error) {
      const { code, message } = (error as Error).cause as NodeJS.ErrnoException;
      return code ?? message;
    }
  }

  it.each(each)('keep their TLS options where the policy leads elsewhere, and where not: %s', async (_kind, make) => {
    const pair = await issueCertificate(authority, ['program.example.com']);
    const ca = authority.cert;
    const elsewhere = `  resolution: STATIC\n  endpoints: [{ address: 127.0.0.1, ports: { p: ${port} } }]`;
    const led = entry(HOST, 443, elsewhere, 'HTTPS') + routes(HOST, `route: [{ destination: { host: ${HOST} } }]`);
    for (const [documents, url] of [
      [entry(HOST, port, '', 'HTTPS'), `https://${HOST}:${port}/`],
      [led, `https://${HOST}/`],
    ] as const) {
      const uninstall = lab.egress(documents).install();
      seen.length = 0;
      expect(await ask(make, url, { connect: { ca, ...pair } })).toBe('secret');
      expect(await ask(make, url, { connect: { rejectUnauthorized: false } })).toBe('secret');
      expect(seen).toMatchObject([{ client: 'program.example.com' }, { client: undefined }]);
      expect(await ask(make, url, { connect: pair })).toMatch(/UNABLE_TO|SELF_SIGNED/);
      const checkServerIdentity = (): Error => new Error('the program says no');
      expect(await ask(make, url, { connect: { ca, checkServerIdentity } })).toBe('the program says no');
      expect(seen).toHaveLength(2);
      // Another name is no way past the decision: it is denied, or the name that was decided is sent in its place.
      const named = await ask(make, url, { connect: { ca, servername: 'other.example.com' } });
      expect(named).toBe(documents === led ? 'secret' : 'ERR_EGRESS_DENIED');
      expect(seen.every(({ sni }) => sni === HOST)).toBe(true);
      uninstall();
    }
  });

  it.each(each)('open a unix socket that is listed, and not in place of a route: %s', async (kind, make) => {
    const path = join(folder, `${kind}.sock`);
    const told: unknown[] = [];
    const local = createPlainServer((request, response) => {
      told.push(request.headers.host);
      response.end('local');
    });
    await new Promise<void>((resolve) => local.listen(path, resolve));
    lab.closeLater(local);
    const elsewhere = `  resolution: STATIC\n  endpoints: [{ address: 127.0.0.1, ports: { p: ${port} } }]`;
    const before = seen.length;
    for (const options of [{ socketPath: path }, { connect: { socketPath: path } }])
      for (const [documents, unixSockets, answer] of [
        [entry(HOST, 8080), [path], 'local'],
        [entry(HOST, 8080), [], 'ERR_EGRESS_DENIED'],
        [entry(HOST, 8080, elsewhere), [path], 'ERR_EGRESS_DENIED'],
      ] as const) {
        const uninstall = lab.egress(documents, { unixSockets }).install();
        expect(await ask(make, `http://${HOST}:8080/`, options)).toBe(answer);
        uninstall();
      }
    expect(told).toEqual(Array(2).fill(`${HOST}:8080`));
    expect(seen).toHaveLength(before);
  });
});
