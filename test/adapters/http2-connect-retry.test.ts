import dns from 'node:dns';
import http2 from 'node:http2';
import net from 'node:net';
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import { authorityFolder, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import {
  closeAll,
  closedPort,
  destinationRule,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  serviceEntry,
  virtualService,
  withEndpoints,
} from './lab.ts';

const HOST = 'api.example.com';
let authority: KeyPair;
let folder: string;
let plain: http2.Http2Server;
let secure: http2.Http2SecureServer;
/** `:authority :path` of each stream. */
const seen: string[] = [];
/** Nobody listens here. */
let closed: number;
const sessions: http2.ClientHttp2Session[] = [];

beforeAll(async () => {
  ({ authority, folder } = await authorityFolder());
  plain = http2.createServer();
  secure = http2.createSecureServer(await issueCertificate(authority, [HOST]));
  for (const server of [plain, secure]) {
    server.on('stream', (stream, headers) => {
      seen.push(`${headers[':authority']} ${headers[':path']}`);
      stream.on('error', () => undefined).respond({ ':status': 200 });
      stream.end(`answer to ${headers[':path']}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  closed = await closedPort();
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
  closeAll();
  vi.restoreAllMocks();
  seen.length = 0;
});
afterAll(() => {
  plain.close();
  secure.close();
  rmSync(folder, { recursive: true });
});

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

function governed(...documents: string[]): Exchange[] {
  const ended: Exchange[] = [];
  const observers = [{ onEnd: (exchange: Exchange) => void ended.push(exchange) }];
  install(mesh(REGISTRY_ONLY, ...documents), { observers, random: () => 0 });
  return ended;
}

const endpoints = (protocol: string, ...ports: number[]): string => withEndpoints(HOST, protocol, ...ports);

interface Answer {
  readonly body: string;
  readonly error?: NodeJS.ErrnoException;
  readonly events: readonly string[];
  readonly session: http2.ClientHttp2Session;
}

/** One session, one request over it. */
function ask(url: string, options: http2.SecureClientSessionOptions = {}): Promise<Answer> {
  const events: string[] = [];
  const session = http2.connect(url, options);
  sessions.push(session);
  let failed: { error?: NodeJS.ErrnoException } = {};
  for (const name of ['connect', 'close', 'goaway']) session.on(name, () => events.push(name));
  session.on('error', (error) => {
    events.push('error');
    failed = { error };
  });
  return new Promise((resolve) => {
    const stream = session.request({ ':path': '/asked' });
    let body = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    stream.on('error', () => events.push('stream error'));
    stream.on('close', () => setImmediate(() => resolve({ body, events, session, ...failed })));
  });
}

describe('a session whose connection does not come about', () => {
  it.each(['http', 'https'])('is connected to the next endpoint, as requests of HTTP/1 are: %s', async (scheme) => {
    const secured = scheme === 'https';
    // Inside TLS there are requests, and retries, where a route is written for them.
    const routes = virtualService(HOST, `http:\n- route: [{destination: {host: ${HOST}}}]`);
    governed(endpoints(secured ? 'HTTPS' : 'HTTP2', closed, portOf(secured ? secure : plain)), routes);
    const { body, events, error } = await ask(`${scheme}://${HOST}:80`, { ca: authority.cert });
    expect([body, events, error]).toEqual(['answer to /asked', ['connect'], undefined]);
    expect(seen).toEqual([`${HOST}:80 /asked`]);
  });

  it('is connected over TLS that the policy originates', async () => {
    governed(
      endpoints('HTTP2', closed, portOf(secure)),
      destinationRule(HOST, `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem}`),
    );
    expect(await ask(`http://${HOST}`)).toMatchObject({ body: 'answer to /asked', events: ['connect'] });
    expect(seen).toEqual([`${HOST}:80 /asked`]);
  });

  it('fails as with plain Node after the last try, and asks for its addresses once', async () => {
    governed(serviceEntry('localhost', closed, 'HTTP2'));
    const lookup = vi.spyOn(dns, 'lookup');
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const { error, events } = await ask(`http://localhost:${closed}`);
    expect(error?.code).toBe('ECONNREFUSED');
    expect([...events].sort()).toEqual(['close', 'error', 'stream error']);
    expect(connect).toHaveBeenCalledTimes(3);
    expect(lookup).toHaveBeenCalledTimes(1);
  });

  it('asks once as well where TLS is originated below it, and dials what was found', async () => {
    governed(
      serviceEntry(HOST, closed, 'HTTP2'),
      destinationRule(HOST, `tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${folder}/ca.pem}`),
    );
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(lookupTo() as unknown as typeof dns.lookup);
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await ask(`http://${HOST}:${closed}`)).error?.code).toBe('ECONNREFUSED');
    // The session's own socket, and one below it for each try.
    expect(connect).toHaveBeenCalledTimes(4);
    expect(lookup).toHaveBeenCalledTimes(1);
  });

  it('is not tried more often for a stream that has retries of its own', async () => {
    const retries = `http:\n- retries: {attempts: 2, retryOn: 'connect-failure,5xx', backoff: 10ms}\n  route: [{destination: {host: ${HOST}}}]`;
    const ended = governed(endpoints('HTTP2', closed), virtualService(HOST, retries));
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const { error } = await ask(`http://${HOST}`);
    expect(error?.code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(3);
    expect(ended.filter(({ layer }) => layer === 'http')).toMatchObject([{ responseCode: 503 }]);
  });

  it('stops trying when the program gives the session up', async () => {
    governed(endpoints('HTTP2', closed));
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const session = http2.connect(`http://${HOST}`);
    sessions.push(session.on('error', () => undefined));
    await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
    await new Promise((resolve) => session.once('close', resolve));
    const before = connect.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(connect.mock.calls.length).toBe(before);
  });
});

describe('what a session is good for', () => {
  it('is the origin that was asked for, where the policy led it to another port', async () => {
    governed(endpoints('HTTPS', portOf(secure)));
    const { session, body } = await ask(`https://${HOST}:80`, { ca: authority.cert });
    expect([body, session.originSet]).toEqual(['answer to /asked', [`https://${HOST}:80`]]);
    expect(session.socket.remotePort).toBe(portOf(secure));
    closeAll();
    expect(session.originSet).toEqual([`https://${HOST}:${portOf(secure)}`]);
  });

  it('is what Node says, where nothing was led elsewhere', async () => {
    governed(serviceEntry('localhost', portOf(secure), 'HTTPS'));
    const url = `https://localhost:${portOf(secure)}`;
    const { session } = await ask(url, { ca: authority.cert, checkServerIdentity: () => undefined });
    expect(session.originSet).toEqual([url]);
  });
});
