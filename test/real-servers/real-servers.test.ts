import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  closeAll,
  destinationRule,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  virtualService,
} from '../adapters/lab.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import { missingServers, startRealServers, type RealServers } from './start.ts';

/** Servers that others wrote, where they are installed. */
const missing = missingServers();
const HOST = 'api.example.com';
const STATIC = 'resolution: STATIC\nendpoints: [{address: 127.0.0.1}]';

let authority: KeyPair;
let folder: string;
let caFile: string;
let servers: RealServers;

beforeAll(async () => {
  authority = await createAuthority();
  const certificate = await issueCertificate(authority, [HOST, 'db.example.com', 'proxy.example.com']);
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-real-'));
  caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.cert);
  servers = await startRealServers(certificate, { names: [HOST, 'evil.example'] });
});
afterAll(async () => {
  await servers.stop();
  rmSync(folder, { recursive: true });
});
afterEach(closeAll);

function port(server: string, name: string): number {
  const found = servers.running.get(server)?.ports[name];
  if (found === undefined) throw new Error(`${server} has no port ${name}`);
  return found;
}

/** A socket to `host` that is ready, or the code of the error that it failed with. */
async function dial(host: string, at: number, secure = false): Promise<net.Socket> {
  const options = { host, port: at, lookup: lookupTo() };
  const socket = secure
    ? tls.connect({ ...options, servername: host, ca: authority.cert } as tls.ConnectionOptions)
    : net.connect(options);
  await once(socket, secure ? 'secureConnect' : 'connect');
  return socket;
}

/** Sends bytes and gives what comes back until `enough` is in it. */
function ask(socket: net.Socket, bytes: string | Buffer, enough: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.includes(enough)) return;
      socket.off('data', take);
      resolve(text);
    };
    socket.on('data', take);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
    socket.write(bytes);
  });
}

it(`runs ${missing.length === 0 ? 'against every server' : `without ${missing.join(', ')}: not installed here`}`, () => {
  if (missing.length > 0) console.log(`real servers that are not installed, and left out: ${missing.join(', ')}`);
  expect(servers.missing).toEqual(missing);
});

if (!missing.includes('nginx'))
  describe('nginx', () => {
    const seen = (): string[] => servers.log('nginx', 'access.log').trim().split('\n');

    it('gets what is admitted, and nothing of what is denied', async () => {
      const at = port('nginx', 'nginx');
      install(mesh(REGISTRY_ONLY, serviceEntry(HOST, at)));
      const answer = await send(http, { host: HOST, port: at, path: '/admitted' });
      expect(JSON.parse(answer.body ?? '')).toMatchObject({ host: HOST, request_uri: '/admitted' });
      const refused = await send(http, { host: 'evil.example', port: at, path: '/denied' });
      expect(refused.error?.code).toBe('ERR_EGRESS_DENIED');
      expect(seen().filter((line) => line.includes('/denied'))).toEqual([]);
    });

    it('gets the requests inside TLS that are routed, as the route says', async () => {
      const at = port('nginx', 'nginxs');
      const rules = `http:
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /new}
    headers: {request: {set: {x-added: 'yes'}}}
    route: [{destination: {host: ${HOST}}}]`;
      install(mesh(REGISTRY_ONLY, serviceEntry(HOST, at, 'HTTPS'), virtualService(HOST, rules)));
      const options = { host: HOST, port: at, servername: HOST, ca: authority.cert };
      const answer = await send(https, { ...options, path: '/old/page' });
      expect(JSON.parse(answer.body ?? '')).toMatchObject({
        request_uri: '/new/page',
        http_x_added: 'yes',
        ssl_server_name: HOST,
      });
      const refused = await send(https, { ...options, path: '/unrouted' });
      expect(refused.error?.code).toBe('ERR_EGRESS_DENIED');
      expect(seen().filter((line) => line.includes('/unrouted'))).toEqual([]);
    });

    it('is reached at its endpoint with TLS that the policy originates, by http and by fetch', async () => {
      const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: originated}
spec:
  hosts: [${HOST}]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${port('nginx', 'nginxs')}}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]`;
      const rule = destinationRule(HOST, `tls: {mode: SIMPLE, caCertificates: ${caFile}, sni: ${HOST}}`);
      install(mesh(REGISTRY_ONLY, entry, rule));
      const answer = await send(http, { host: HOST, path: '/by-http' });
      expect(JSON.parse(answer.body ?? '')).toMatchObject({ request_uri: '/by-http', ssl_server_name: HOST });
      const fetched = await fetch(`http://${HOST}/by-fetch`);
      expect(await fetched.json()).toMatchObject({ request_uri: '/by-fetch', ssl_server_name: HOST });
    });

    it('speaks HTTP/2 with a session, of which each stream is decided', async () => {
      const at = port('nginx', 'nginxs');
      const rules = `http:
  - match: [{uri: {prefix: /open}}]
    route: [{destination: {host: ${HOST}}}]`;
      install(mesh(REGISTRY_ONLY, serviceEntry(HOST, at, 'HTTPS', STATIC), virtualService(HOST, rules)));
      const session = http2.connect(`https://${HOST}:${at}`, { ca: authority.cert });
      session.on('error', () => undefined);
      const get = (path: string): Promise<string> =>
        new Promise((resolve) => {
          const stream = session.request({ ':path': path });
          let text = '';
          stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          stream.on('end', () => resolve(text));
          stream.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
        });
      expect(JSON.parse(await get('/open'))).toMatchObject({ server_protocol: 'HTTP/2.0', request_uri: '/open' });
      expect(await get('/shut')).toBe('ERR_EGRESS_DENIED');
      expect(JSON.parse(await get('/open/again'))).toMatchObject({ request_uri: '/open/again' });
      session.destroy();
      expect(seen().filter((line) => line.includes('/shut'))).toEqual([]);
    });
  });

if (!missing.includes('squid') && !missing.includes('nginx'))
  describe('squid', () => {
    const proxy = 'proxy.example.com';

    /** The socket that squid connected to `target`. */
    async function tunnel(target: string): Promise<net.Socket> {
      const request = http.request({
        host: proxy,
        port: port('squid', 'squid'),
        method: 'CONNECT',
        path: target,
        lookup: lookupTo(),
      });
      request.end();
      const [response, socket] = (await once(request, 'connect')) as [http.IncomingMessage, net.Socket];
      expect(response.statusCode).toBe(200);
      return socket;
    }

    it('tunnels to what is admitted, and to no other name', async () => {
      const at = port('nginx', 'nginxs');
      install(mesh(REGISTRY_ONLY, serviceEntry(proxy, port('squid', 'squid'), 'TCP'), serviceEntry(HOST, at, 'HTTPS')));
      const inside = async (servername: string): Promise<string> => {
        const socket = await tunnel(`${HOST}:${at}`);
        const request = https.get({
          host: servername,
          port: at,
          path: '/tunnelled',
          createConnection: () => tls.connect({ socket, servername, ca: authority.cert }),
        });
        return new Promise((resolve) => {
          request.on('error', (error: NodeJS.ErrnoException) => {
            socket.destroy();
            resolve(String(error.code));
          });
          request.on('response', (response) => {
            response.resume().on('end', () => {
              socket.destroy();
              resolve(String(response.statusCode));
            });
          });
        });
      };
      expect(await inside(HOST)).toBe('200');
      expect(await inside('evil.example')).toBe('ERR_EGRESS_DENIED');
      await expect(tunnel(`evil.example:${at}`)).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
      // It is written when the tunnel is closed.
      await expect.poll(() => servers.log('squid', 'access.log')).toContain(`CONNECT ${HOST}:${at}`);
      expect(servers.log('squid', 'access.log')).not.toContain('evil.example');
    });

    it('carries plain requests to what is admitted', async () => {
      const at = port('nginx', 'nginx');
      install(mesh(REGISTRY_ONLY, serviceEntry(proxy, port('squid', 'squid'), 'TCP'), serviceEntry(HOST, at)));
      const through = (name: string): ReturnType<typeof send> =>
        send(http, {
          host: proxy,
          port: port('squid', 'squid'),
          path: `http://${name}:${at}/carried`,
          headers: { host: `${name}:${at}` },
        });
      const answer = await through(HOST);
      expect(JSON.parse(answer.body ?? '')).toMatchObject({ host: HOST, request_uri: '/carried' });
      expect((await through('evil.example')).error?.code).toBe('ERR_EGRESS_DENIED');
      expect(servers.log('squid', 'access.log')).not.toContain('evil.example');
    });

    it('is asked for a tunnel by a DestinationRule, of which the program knows nothing', async () => {
      const at = port('nginx', 'nginxs');
      const endpoint = `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p3128: ${port('squid', 'squid')}}}]`;
      const route = `tls:\n- match: [{sniHosts: [${HOST}]}]\n  route: [{destination: {host: ${proxy}, port: {number: 3128}}}]`;
      install(
        mesh(
          REGISTRY_ONLY,
          serviceEntry(HOST, 443, 'TLS'),
          serviceEntry(proxy, 3128, 'TCP', endpoint),
          virtualService(HOST, route),
          destinationRule(proxy, `tunnel: {protocol: CONNECT, targetHost: ${HOST}, targetPort: ${at}}`),
        ),
      );
      const before = servers.log('squid', 'access.log').split(`CONNECT ${HOST}:${at}`).length;
      const answer = await send(https, { host: HOST, ca: authority.cert, path: '/by-rule', agent: false });
      expect(JSON.parse(answer.body ?? '')).toMatchObject({ request_uri: '/by-rule', ssl_server_name: HOST });
      await expect
        .poll(() => servers.log('squid', 'access.log').split(`CONNECT ${HOST}:${at}`).length)
        .toBe(before + 1);
    });

    it('is not reached when it is not admitted', async () => {
      install(mesh(REGISTRY_ONLY, serviceEntry(HOST, port('nginx', 'nginxs'), 'HTTPS')));
      await expect(tunnel(`${HOST}:1`)).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
      expect(servers.log('squid', 'access.log')).not.toContain(`CONNECT ${HOST}:1 `);
    });
  });

if (!missing.includes('redis'))
  describe('redis', () => {
    it.each([
      ['redis', 'TCP'],
      ['rediss', 'TLS'],
    ])('keeps a value: %s', async (name, protocol) => {
      const at = port('redis', name);
      install(mesh(REGISTRY_ONLY, serviceEntry('db.example.com', at, protocol)));
      const socket = await dial('db.example.com', at, protocol === 'TLS');
      expect(await ask(socket, `SET ${name} kept\r\nGET ${name}\r\n`, 'kept')).toBe('+OK\r\n$4\r\nkept\r\n');
      const info = await ask(socket, 'INFO stats\r\n', 'total_connections_received');
      const before = /total_connections_received:(\d+)/.exec(info)?.[1];
      await expect(dial('evil.example', at)).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
      const after = await ask(socket, 'INFO stats\r\n', 'total_connections_received');
      expect(/total_connections_received:(\d+)/.exec(after)?.[1]).toBe(before);
      socket.destroy();
    });
  });

if (!missing.includes('postgres'))
  describe('postgres', () => {
    const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
    const startup = Buffer.from('\0\0\0\0\0\x03\0\0user\0u\0database\0d\0\0', 'latin1');
    startup.writeInt32BE(startup.length);
    const query = (sql: string): Buffer => {
      const text = Buffer.from(`Q\0\0\0\0${sql}\0`, 'latin1');
      text.writeInt32BE(text.length - 1, 1);
      return text;
    };
    // What a SELECT ends with, and then "ready for query".
    const DONE = 'SELECT 1\0Z\0\0\0\x05I';

    it('answers a query', async () => {
      const at = port('postgres', 'postgres');
      install(mesh(REGISTRY_ONLY, serviceEntry('db.example.com', at, 'TCP')));
      const socket = await dial('db.example.com', at);
      await ask(socket, startup, 'Z\0\0\0\x05I');
      expect(await ask(socket, query('SELECT 40 + 2 AS answer'), DONE)).toContain('42');
      socket.destroy();
      await expect(dial('evil.example', at)).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
    });

    it('answers inside TLS that began on the connection, under the admitted name only', async () => {
      const at = port('postgres', 'postgres');
      const ended: string[] = [];
      const observers = [{ onEnd: ({ responseFlags }: { responseFlags: string }) => void ended.push(responseFlags) }];
      install(mesh(REGISTRY_ONLY, serviceEntry('db.example.com', at, 'TCP')), { observers });
      const upgrade = async (servername: string): Promise<tls.TLSSocket> => {
        const socket = await dial('db.example.com', at);
        socket.on('error', () => undefined);
        expect(await ask(socket, SSL_REQUEST, 'S')).toBe('S');
        const secure = tls.connect({ socket, servername, ca: authority.cert });
        await once(secure, 'secureConnect');
        return secure;
      };
      const secure = await upgrade('db.example.com');
      await ask(secure, startup, 'Z\0\0\0\x05I');
      const sql = "SELECT 'over ' || CASE WHEN ssl THEN 'TLS' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
      expect(await ask(secure, query(sql), DONE)).toContain('over TLS');
      secure.destroy();
      await once(secure, 'close');
      expect(ended).toEqual(['']);
      await expect(upgrade('evil.example')).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
    });
  });

if (!missing.includes('mosquitto'))
  describe('mosquitto', () => {
    it.each([
      ['mqtt', 'TCP'],
      ['mqtts', 'TLS'],
    ])('delivers what was published: %s', async (name, protocol) => {
      const at = port('mosquitto', name);
      install(mesh(REGISTRY_ONLY, serviceEntry('db.example.com', at, protocol)));
      const socket = await dial('db.example.com', at, protocol === 'TLS');
      const connect = Buffer.from('\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me', 'latin1');
      expect(await ask(socket, connect, '\x20\x02\0\0')).toBe('\x20\x02\0\0');
      const subscribe = Buffer.from('\x82\x06\0\x01\0\x01t\0', 'latin1');
      expect(await ask(socket, subscribe, '\x90\x03')).toBe('\x90\x03\0\x01\0');
      const publish = Buffer.from('\x30\x08\0\x01thello', 'latin1');
      expect(await ask(socket, publish, 'hello')).toBe(publish.toString('latin1'));
      socket.destroy();
      await expect(dial('evil.example', at, protocol === 'TLS')).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
    });
  });
