import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { closeAll, destinationRule, install, mesh, REGISTRY_ONLY, send, serviceEntry } from './lab.ts';

const HOST = 'ledger.prod.svc.cluster.local';
const CLIENT = 'spiffe://cluster.local/ns/shop/sa/cart';
const SERVER = 'spiffe://cluster.local/ns/prod/sa/ledger';
let authority: KeyPair;
let folder: string;

/** What a receiving proxy would tell connections apart by. */
interface Handshake {
  readonly sni: unknown;
  readonly alpn: readonly string[];
  readonly identity: string | undefined;
}
const handshakes: Handshake[] = [];
const servers: net.Server[] = [];
const open = new Set<net.Socket>();

async function listening(server: net.Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: net.Socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as net.AddressInfo).port;
}

/** Options of a server that asks for a client certificate of the mesh, and notes what it was offered. */
async function meshServer(): Promise<tls.TlsOptions & { note: (socket: tls.TLSSocket) => void }> {
  let offered: readonly string[] = [];
  return {
    ...(await issueCertificate(authority, [SERVER])),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNCallback: ({ protocols }) => {
      offered = protocols;
      return protocols.find((name) => name === 'h2' || name === 'http/1.1') ?? protocols[0];
    },
    note: (socket) =>
      void handshakes.push({
        sni: (socket as { servername?: unknown }).servername,
        alpn: offered,
        identity: socket.getPeerCertificate().subjectaltname,
      }),
  };
}

function writeIdentity(
  into: string,
  { key, cert }: KeyPair,
  names = ['cert-chain.pem', 'key.pem', 'root-cert.pem'],
): void {
  const [chain = '', privateKey = '', root = ''] = names;
  writeFileSync(join(into, chain), cert);
  writeFileSync(join(into, privateKey), key);
  writeFileSync(join(into, root), authority.cert);
}

let web: number;
let stream: number;
let bytes: number;

beforeAll(async () => {
  authority = await createAuthority('mesh authority');
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-'));
  writeIdentity(folder, await issueCertificate(authority, [CLIENT]));
  const options = await meshServer();
  const secure = https.createServer(options, (request, response) => response.end(`ok ${request.url}`));
  web = await listening(secure.on('secureConnection', options.note));
  const streams = http2.createSecureServer(options);
  streams.on('stream', (one, headers) => {
    one.respond({ ':status': 200 });
    one.end(`ok ${headers[':path']}`);
  });
  stream = await listening(streams.on('secureConnection', options.note));
  const raw = tls.createServer(options, (socket) => {
    options.note(socket);
    socket.on('error', () => undefined).on('data', (chunk) => socket.write(`pong ${String(chunk)}`));
  });
  bytes = await listening(raw);
});
afterEach(() => {
  closeAll();
  handshakes.length = 0;
});
afterAll(() => {
  for (const socket of open) socket.destroy();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

function governed(
  protocol: string,
  port: number,
  rule = `subjectAltNames: ['${SERVER}']`,
  meshCertificates = folder,
): void {
  const endpoint = `resolution: STATIC\nlocation: MESH_INTERNAL\nendpoints: [{address: 127.0.0.1, ports: {p80: ${port}}}]`;
  install(
    mesh(
      REGISTRY_ONLY,
      serviceEntry(HOST, 80, protocol, endpoint),
      destinationRule(HOST, `tls: {mode: ISTIO_MUTUAL, ${rule}}`),
    ),
    { meshCertificates },
  );
}

const SNI = `outbound_.80_._.${HOST}`;
const identity = `URI:${CLIENT}`;
const get = (path = '/'): ReturnType<typeof send> => send(http, { host: HOST, port: 80, path, agent: false });

describe('ISTIO_MUTUAL with the certificates of the workload', () => {
  it('shows the identity to the server, and names port, subset and host: http and fetch', async () => {
    governed('HTTP', web);
    expect((await get('/http')).body).toBe('ok /http');
    expect(await (await fetch(`http://${HOST}/fetch`)).text()).toBe('ok /fetch');
    const alpn = ['istio-http/1.1', 'istio', 'http/1.1'];
    expect(handshakes).toEqual([
      { sni: SNI, alpn, identity },
      { sni: SNI, alpn, identity },
    ]);
  });

  it('says so for HTTP/2 and for bytes of any kind', async () => {
    governed('HTTP2', stream);
    const session = http2.connect(`http://${HOST}`);
    const body = await new Promise((resolve, reject) => {
      session.on('error', reject);
      session.request({ ':path': '/h2' }).setEncoding('utf8').on('data', resolve).on('error', reject);
    });
    session.destroy();
    expect(body).toBe('ok /h2');
    closeAll();
    governed('TCP', bytes, `sni: own.name, subjectAltNames: ['${SERVER}']`);
    const socket = net.connect({ host: HOST, port: 80 }, () => socket.write('PING'));
    const answer = await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
    socket.destroy();
    expect(String(answer)).toBe('pong PING');
    expect(handshakes).toEqual([
      { sni: SNI, alpn: ['istio-h2', 'istio', 'h2'], identity },
      { sni: 'own.name', alpn: ['istio'], identity },
    ]);
  });

  it('takes no server of another identity, nor one of another authority', async () => {
    governed('HTTP', web, `subjectAltNames: ['spiffe://cluster.local/ns/prod/sa/other']`);
    expect((await get()).error?.code).toBe('ERR_EGRESS_TLS');
    closeAll();
    const foreign = mkdtempSync(join(folder, 'foreign-'));
    writeIdentity(foreign, await issueCertificate(authority, [CLIENT]));
    writeFileSync(join(foreign, 'root-cert.pem'), (await createAuthority('another authority')).cert);
    governed('HTTP', web, `subjectAltNames: ['${SERVER}']`, foreign);
    expect((await get()).error?.code).toMatch(/UNABLE_TO|SELF_SIGNED|CERT_/);
  });

  it('takes the names of mounted workload credentials as well, and says which file is missing', async () => {
    const mounted = join(folder, 'workload-spiffe-credentials');
    mkdirSync(mounted);
    governed('HTTP', web, `subjectAltNames: ['${SERVER}']`, mounted);
    const { error } = await get();
    expect(error).toMatchObject({ code: 'ERR_EGRESS_TLS' });
    expect(error?.message).toContain('root-cert.pem');
    expect(handshakes).toEqual([]);
    writeIdentity(mounted, await issueCertificate(authority, [CLIENT]), [
      'certificates.pem',
      'private_key.pem',
      'ca_certificates.pem',
    ]);
    expect((await get('/mounted')).body).toBe('ok /mounted');
  });

  it('shows the identity that stands in the files when it connects', async () => {
    const rotated = mkdtempSync(join(folder, 'rotated-'));
    writeIdentity(rotated, await issueCertificate(authority, [CLIENT]));
    governed('HTTP', web, `subjectAltNames: ['${SERVER}']`, rotated);
    expect((await get()).status).toBe(200);
    writeIdentity(rotated, await issueCertificate(authority, [`${CLIENT}/next`]));
    // A file is looked at once in a second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await get()).status).toBe(200);
    expect(handshakes.map((one) => one.identity)).toEqual([identity, `${identity}/next`]);
  });
});
