/** How a denial and a timeout reach each client: as the egress says, and as a single call says for itself. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALL_OPTIONS, type CallOptions } from '../src/adapters/seam.ts';
import type { Dispatcher, Handler } from '../src/adapters/undici-dispatcher.ts';
import { findEgressError } from '../src/errors.ts';
import { closeAll, install, mesh, REGISTRY_ONLY, serviceEntry, virtualService } from './adapters/lab.ts';
import { Lab } from './adapters/undici-lab.ts';
import { createAuthority, issueCertificate } from './tls/certificates.ts';

const HOST = 'api.example.com';
const EVIL = 'evil.example.com';
/** What was asked of the servers. */
const seen: string[] = [];
let connections = 0;
let ca: string;
/** For its answers to names. */
let names: Lab;
let servers: { readonly web: http.Server; readonly secure: https.Server; readonly streams: http2.Http2Server };
const portOf = (name: keyof typeof servers): number => (servers[name].address() as AddressInfo).port;

beforeAll(async () => {
  const authority = await createAuthority();
  ca = authority.cert;
  names = new Lab();
  const answer = (request: { url?: string | undefined }, response: { end(text: string): unknown }): void => {
    seen.push(String(request.url));
    if (request.url !== '/slow') response.end('ok');
  };
  servers = {
    web: http.createServer(answer),
    secure: https.createServer(await issueCertificate(authority, [HOST, EVIL]), answer),
    streams: http2.createServer(answer),
  };
  for (const server of Object.values(servers)) {
    server.on('connection', () => (connections += 1)).on('sessionError', () => undefined);
    await once(server.listen(0, '127.0.0.1'), 'listening');
  }
});
beforeEach(() => {
  seen.length = connections = 0;
});
afterEach(closeAll);
afterAll(async () => {
  await names.close();
  servers.web.closeAllConnections();
  servers.secure.closeAllConnections();
  for (const server of Object.values(servers)) server.close();
});

/** One host is admitted at each server, with a timeout; the other, at the same address, is not. */
function govern(options: CallOptions): void {
  const ports = [portOf('web'), portOf('secure'), portOf('streams')];
  const protocols = ['HTTP', 'TLS', 'HTTP2'];
  const routes = ports.map(
    (port) => `- match: [{port: ${port}}]
  timeout: 0.1s
  route: [{destination: {host: ${HOST}, port: {number: ${port}}}}]`,
  );
  const entries = ports.map((port, index) => serviceEntry(HOST, port, protocols[index]));
  install(mesh(REGISTRY_ONLY, ...entries, virtualService(HOST, `http:\n${routes.join('\n')}`)), options);
}

/** The status of an answer, or what the call failed with. */
type Outcome = number | Error;
/** `wishes` are further options of the call. */
type Client = (host: string, path: string, wishes: object) => Promise<Outcome>;

const requested = (request: http.ClientRequest): Promise<Outcome> =>
  new Promise((resolve) => {
    request.once('response', (response) => resolve(response.resume().statusCode ?? 0)).once('error', resolve);
  });

/** fetch hands no options on to its dispatcher: one that stands between adds them. */
const fetched = (url: string, wishes: object): Promise<Outcome> => {
  const between = {
    dispatch: (options: object, handler: Handler) => builtIn().dispatch({ ...options, ...wishes }, handler),
  };
  return fetch(url, { dispatcher: between } as object).then(
    (response) => response.status,
    (error: unknown) => (error as Error).cause as Error,
  );
};

/** The dispatcher of the copy of undici inside Node. */
function builtIn(): Dispatcher {
  void globalThis.Response;
  const slots = globalThis as Record<symbol, unknown>;
  const [first, second] = ['1', '2'].map((number) => slots[Symbol.for(`undici.globalDispatcher.${number}`)]);
  return (second ?? first) as Dispatcher;
}

const dispatched = (options: object): Promise<Outcome> =>
  new Promise((resolve) => {
    const old = {
      onConnect: () => undefined,
      onHeaders: (status: number) => (resolve(status), true),
      onData: () => true,
      onComplete: () => undefined,
      onError: resolve,
    };
    const recent = {
      onRequestStart: () => undefined,
      onResponseStart: (_: unknown, status: number) => resolve(status),
      onResponseData: () => undefined,
      onResponseEnd: () => undefined,
      onResponseError: (_: unknown, error: Error) => resolve(error),
    };
    const handler = Number(process.versions['undici']?.split('.')[0]) > 7 ? recent : old;
    builtIn().dispatch({ method: 'GET', ...options }, handler);
  });

async function streamed(host: string, authority: string, path: string, wishes: object): Promise<Outcome> {
  const session = http2.connect(`http://${host}:${portOf('streams')}`, wishes);
  session.on('error', () => undefined);
  const stream = session.request({ ':path': path, ':authority': `${authority}:${portOf('streams')}` }, wishes);
  const outcome = await new Promise<Outcome>((resolve) => {
    stream.once('response', (head) => resolve(Number(head[':status']))).once('error', resolve);
  });
  session.destroy();
  return outcome;
}

const dialled = (socket: net.Socket, ready: 'connect' | 'secureConnect'): Promise<Outcome> =>
  new Promise((resolve) => {
    socket.once(ready, () => resolve(200)).once('error', resolve);
  }).finally(() => socket.destroy()) as Promise<Outcome>;

/** Where the sidecar sees HTTP, and so can answer. */
const PLAIN: Readonly<Record<string, Client>> = {
  http: (host, path, wishes) => requested(http.get({ host, port: portOf('web'), path, agent: false, ...wishes })),
  fetch: (host, path, wishes) => fetched(`http://${host}:${portOf('web')}${path}`, wishes),
  undici: (host, path, wishes) => dispatched({ origin: `http://${host}:${portOf('web')}`, path, ...wishes }),
  'a stream of http2': (host, path, wishes) => streamed(HOST, host, path, wishes),
  'a session of http2': (host, path, wishes) => streamed(host, host, path, wishes),
};
/** Requests inside TLS: a denial can only break their connection; what their route says is answered. */
const SECURE: Readonly<Record<string, Client>> = {
  https: (host, path, wishes) =>
    requested(https.get({ host, port: portOf('secure'), path, ca, agent: false, ...wishes })),
};
const CONNECTIONS: Readonly<Record<string, Client>> = {
  net: (host, _path, wishes) => dialled(net.connect({ host, port: portOf('web'), ...wishes }), 'connect'),
  tls: (host, _path, wishes) => dialled(tls.connect({ host, port: portOf('secure'), ca, ...wishes }), 'secureConnect'),
};

const OTHER = { error: 'response', response: 'error', reset: 'error' } as const;
/** Options of the egress, and of the call, that come to the same. */
const denials = (['error', 'response', 'reset'] as const).flatMap((denyAs) => [
  { denyAs, by: 'the egress', egress: { denyAs }, wishes: {} },
  { denyAs, by: 'the call', egress: { denyAs: OTHER[denyAs] }, wishes: { [CALL_OPTIONS]: { denyAs } } },
]);
const timeouts = (['error', 'response'] as const).flatMap((timeoutAs) => [
  { timeoutAs, by: 'the egress', egress: { timeoutAs }, wishes: {} },
  { timeoutAs, by: 'the call', egress: { timeoutAs: OTHER[timeoutAs] }, wishes: { [CALL_OPTIONS]: { timeoutAs } } },
]);

describe.each(Object.entries({ ...PLAIN, ...SECURE, ...CONNECTIONS }))('%s', (name, client) => {
  it.each(denials)('is denied as $denyAs, by $by', async ({ denyAs, egress, wishes }) => {
    govern(egress);
    const outcome = await client(EVIL, '/', wishes);
    if (denyAs === 'response' && name in PLAIN) expect(outcome).toBe(502);
    else {
      expect(outcome).toBeInstanceOf(Error);
      expect(findEgressError(outcome)?.code).toBe('ERR_EGRESS_DENIED');
      expect(outcome).toMatchObject({ code: denyAs === 'error' ? 'ERR_EGRESS_DENIED' : 'ECONNRESET' });
    }
    expect(seen).toEqual([]);
    // The session of an admitted host is there before the stream is.
    if (name !== 'a stream of http2') expect(connections).toBe(0);
    expect(await client(HOST, '/', wishes)).toBe(200);
  });
});

describe.each(Object.entries({ ...PLAIN, ...SECURE }))('%s', (_name, client) => {
  it.each(timeouts)('is told its timeout as $timeoutAs, by $by', async ({ timeoutAs, egress, wishes }) => {
    govern(egress);
    const outcome = await client(HOST, '/slow', wishes);
    expect(seen).toEqual(['/slow']);
    if (timeoutAs === 'response') expect(outcome).toBe(504);
    else expect(findEgressError(outcome)).toMatchObject({ code: 'ERR_EGRESS_TIMEOUT', timeoutMs: 100 });
  });
});
