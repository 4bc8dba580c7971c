/**
 * How the log tells that an upstream failed or a client went away. The expected words are those that Envoy, with Istio's default
 * retries, printed for the same servers and clients.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Egress } from '../src/egress.ts';
import {
  closeAll,
  closedPort,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  serviceEntry,
  virtualService,
} from './adapters/lab.ts';

type Answerable = http.ServerResponse | http2.Http2ServerResponse;
const streamOf = (response: Answerable): http2.ServerHttp2Stream | undefined =>
  'stream' in response ? response.stream : undefined;

/** What the servers do when they are asked for a path. */
const BEHAVIOURS: Readonly<Record<string, (response: Answerable) => void>> = {
  '/ok': (response) => void response.end('ok'),
  '/gone': (response) => hangUp(response),
  '/half': (response) => {
    (response as http.ServerResponse).write('part', () => setImmediate(hangUp, response));
  },
  '/reset': (response) => streamOf(response)?.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
  '/refuse': (response) => streamOf(response)?.close(http2.constants.NGHTTP2_REFUSED_STREAM),
  '/late-reset': (response) => {
    (response as http.ServerResponse).write('part', () =>
      setImmediate(() => streamOf(response)?.close(http2.constants.NGHTTP2_INTERNAL_ERROR)),
    );
  },
  '/garbage': (response) => (response as http.ServerResponse).socket?.write('garbage\r\n\r\n'),
  '/silent': () => enough.abort(),
  '/half-silent': (response) => void (response as http.ServerResponse).write('part'),
};

function hangUp(response: Answerable): void {
  const stream = streamOf(response);
  if (stream) stream.session?.destroy();
  else response.socket?.destroy();
}

let servers: { readonly web: http.Server; readonly streams: http2.Http2Server };
let ports: { web: number; streams: number; dead: number };
let lines: string[];
let egress: Egress;
const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

beforeAll(async () => {
  const answer = (request: { url?: string | undefined }, response: Answerable): void =>
    BEHAVIOURS[request.url ?? '']?.(response);
  const web = http.createServer(answer).listen(0, '127.0.0.1');
  const streams = http2.createServer(answer).listen(0, '127.0.0.1');
  streams.on('sessionError', () => undefined);
  await Promise.all([once(web, 'listening'), once(streams, 'listening')]);
  servers = { web, streams };
  ports = { web: portOf(web), streams: portOf(streams), dead: await closedPort() };
});
beforeEach(() => {
  lines = [];
  enough = new AbortController();
  const services = [
    serviceEntry('localhost', ports.web),
    serviceEntry('localhost', ports.streams, 'HTTP2'),
    serviceEntry('localhost', ports.dead),
    serviceEntry('nowhere.example.com', ports.web),
  ];
  egress = logged(...services);
});
function logged(...documents: string[]): Egress {
  const format = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%';
  return install(mesh(REGISTRY_ONLY, ...documents), { accessLog: { to: (line) => lines.push(line), format } });
}
afterEach(closeAll);
afterAll(() => {
  servers.web.closeAllConnections();
  for (const server of Object.values(servers)) server.close();
});

/** Aborted, by the server that keeps silent or by the client that has the head of an answer, to make the client give up. */
let enough: AbortController;

/** Where, and whether the client gives up when `enough` is aborted, and at the head of the answer. */
interface Call {
  readonly path: string;
  readonly port?: number;
  readonly host?: string;
  readonly impatient?: boolean;
}

const CLIENTS: Readonly<Record<string, (call: Call) => Promise<unknown>>> = {
  http: ({ path, port = ports.web, host = 'localhost', impatient = false }) =>
    new Promise<void>((resolve) => {
      const lookup = host === 'localhost' ? undefined : noSuchName;
      const options = { host, port, path, lookup, agent: false, ...(impatient && { signal: enough.signal }) } as const;
      const request = http.get(options, (response) => {
        response.on('error', () => undefined).resume();
        if (impatient) enough.abort();
      });
      request.on('error', () => undefined).once('close', () => resolve());
    }),
  fetch: async ({ path, port = ports.web, host = 'localhost', impatient = false }) => {
    const response = await fetch(`http://${host}:${port}${path}`, { signal: impatient ? enough.signal : null });
    if (impatient) enough.abort();
    await response.text();
  },
  http2: ({ path, port = ports.streams, host = 'localhost', impatient = false }) =>
    new Promise<void>((resolve) => {
      const session = http2.connect(`http://${host}:${port}`).on('error', () => undefined);
      const stream = session.request({ ':path': path }, impatient ? { signal: enough.signal } : {});
      stream.once('response', () => impatient && enough.abort());
      stream.on('error', () => undefined).resume();
      stream.once('close', () => {
        session.destroy();
        resolve();
      });
    }),
};

const noSuchName: net.LookupFunction = (hostname, _options, callback) => {
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
    code: 'ENOTFOUND',
    syscall: 'getaddrinfo',
  });
  process.nextTick(callback, error, '', 0);
};

async function lineOf(client: string, call: Call): Promise<string | undefined> {
  await CLIENTS[client]!(call).catch(() => undefined);
  await egress.close();
  return lines.join('\n');
}

const BEFORE = 'upstream_reset_before_response_started';
const AFTER = 'upstream_reset_after_response_started';

describe.each(['http', 'fetch'])('%s', (client) => {
  it.each([
    ['/ok', '200 - via_upstream'],
    ['/gone', `503 UC ${BEFORE}{connection_termination}`],
    ['/half', `200 UPE ${AFTER}{protocol_error}`],
    ['/garbage', `502 UPE ${BEFORE}{protocol_error}`],
  ])('%s', async (path, expected) => {
    expect(await lineOf(client, { path })).toBe(expected);
  });

  it('a server that is not there', async () => {
    const details = `${BEFORE}{remote_connection_failure|delayed_connect_error:_Connection_refused}`;
    const line = await lineOf(client, { path: '/ok', port: ports.dead });
    expect(line?.replace('URX,', '')).toBe(`503 UF ${details}`);
  });

  it.each([
    ['/silent', '0 DC downstream_remote_disconnect'],
    ['/half-silent', '200 DC downstream_remote_disconnect'],
  ])('a client that has enough of %s', async (path, expected) => {
    expect(await lineOf(client, { path, impatient: true })).toBe(expected);
  });
});

it('http: a client that destroys its request without a word', async () => {
  const request = http.get({ host: 'localhost', port: ports.web, path: '/silent' }).on('error', () => undefined);
  request.once('finish', () => request.destroy());
  await new Promise((resolve) => request.once('close', resolve));
  await egress.close();
  expect(lines).toEqual(['0 DC downstream_remote_disconnect']);
});

it('http: a name without addresses', async () => {
  expect(await lineOf('http', { path: '/ok', host: 'nowhere.example.com' })).toMatch(
    /^503 (URX,)?UH no_healthy_upstream$/,
  );
});

describe('http2', () => {
  it.each([
    ['/ok', '200 - via_upstream'],
    ['/gone', `503 UC ${BEFORE}{connection_termination}`],
    ['/half', `200 UC ${AFTER}{connection_termination}`],
    ['/reset', `503 UR ${BEFORE}{remote_reset}`],
    ['/refuse', `503 UR ${BEFORE}{remote_refused_stream_reset}`],
    ['/late-reset', `200 UR ${AFTER}{remote_reset}`],
  ])('%s', async (path, expected) => {
    expect(await lineOf('http2', { path })).toBe(expected);
  });

  it.each([
    ['/silent', '0 DR http2.remote_reset'],
    ['/half-silent', '200 DR http2.remote_reset'],
  ])('a client that has enough of %s', async (path, expected) => {
    expect(await lineOf('http2', { path, impatient: true })).toBe(expected);
  });
});

it.each(['http', 'fetch', 'http2'])('%s: a delay, and then no answer in time', async (client) => {
  const host = 'slow.example.com';
  const [port, protocol] = client === 'http2' ? [ports.streams, 'HTTP2'] : [ports.web, 'HTTP'];
  const fault = '{delay: {fixedDelay: 1ms, percentage: {value: 100}}}';
  await egress.close();
  egress = logged(
    serviceEntry(host, port, protocol, 'resolution: STATIC\nendpoints: [{address: 127.0.0.1}]'),
    virtualService(host, `http: [{timeout: 30ms, fault: ${fault}, route: [{destination: {host: ${host}}}]}]`),
  );
  expect(await lineOf(client, { path: '/silent', port, host })).toBe('504 DI,UT response_timeout');
});

it('TCP: a server that is not there', async () => {
  const socket = net.connect({ host: 'localhost', port: ports.dead, lookup: lookupTo('127.0.0.1') });
  await new Promise((resolve) => socket.on('error', () => undefined).once('close', resolve));
  await egress.close();
  expect(lines).toEqual(['0 UF,URX -']);
});
