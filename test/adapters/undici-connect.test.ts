import dns from 'node:dns';
import { createServer } from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Dispatcher } from '../../src/adapters/undici-dispatcher.ts';
import { findEgressError } from '../../src/errors.ts';
import { blackHole } from './black-hole.ts';
import { builtInAgent, builtInPool, entry, Lab, routes } from './undici-lab.ts';

const HOST = 'api.example.com';
let lab: Lab;
/** Nobody listens here. */
let closed: number;
let origin: string;

beforeEach(async () => {
  lab = new Lab();
  const gone = net.createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  closed = (gone.address() as net.AddressInfo).port;
  await new Promise((resolve) => gone.close(resolve));
  origin = `http://${HOST}:${closed}`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await lab.close();
});

/** What one `fetch` fails with. */
async function causeOf(url: string, init: RequestInit = {}): Promise<NodeJS.ErrnoException> {
  const error = await fetch(url, init).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect((error as Error | undefined)?.message).toBe('fetch failed');
  return (error as Error).cause as NodeJS.ErrnoException;
}

/** A server on the port where nobody listened: it is there when the first try has failed, before the second. */
function serveAfterTheFirstTry(): string[] {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(String(request.url));
    response.end('late');
  });
  vi.spyOn(Math, 'random').mockImplementationOnce(() => {
    server.listen(closed, '127.0.0.1');
    return 0.999;
  });
  lab.closeLater(server);
  return seen;
}

/** How a request fails, in the API of the copy inside Node. */
function failureOf(client: Dispatcher, path: string): Promise<Error> {
  return new Promise((resolve) => {
    const nothing = (): void => undefined;
    const old = { onConnect: nothing, onHeaders: nothing, onData: nothing, onComplete: nothing, onError: resolve };
    const now = {
      onRequestStart: nothing,
      onResponseStart: nothing,
      onResponseData: nothing,
      onResponseEnd: nothing,
      onResponseError: (_controller: unknown, error: Error) => resolve(error),
    };
    client.dispatch({ path, method: 'GET' }, parseInt(process.versions['undici'] ?? '', 10) < 7 ? old : now);
  });
}

const told = (): unknown[] =>
  lab.ended.map(({ attempts, responseCode, responseFlags }) => [attempts, responseCode, responseFlags]);

describe("Istio's default retries, of fetch to a host that goes where it was going", () => {
  it('are made below the socket, when no connection comes about', async () => {
    lab.egress(entry(HOST, closed)).install();
    const lookup = vi.spyOn(dns, 'lookup');
    const seen = serveAfterTheFirstTry();
    const response = await fetch(`${origin}/a`, { method: 'PUT', body: 'payload' });
    expect([response.status, await response.text()]).toEqual([200, 'late']);
    expect(lookup.mock.calls.filter(([host]) => host === HOST)).toHaveLength(1);
    expect(await (await fetch(`${origin}/b`)).text()).toBe('late');
    expect(seen).toEqual(['/a', '/b']);
    expect(told()).toEqual([
      [2, 200, ''],
      [1, 200, ''],
    ]);
  });

  it('end as the refused connection that they are, after three tries', async () => {
    const plain = await causeOf(`http://127.0.0.1:${closed}/`);
    lab.egress(entry(HOST, closed)).install();
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const { code, errno, syscall, message } = await causeOf(`${origin}/`);
    expect({ code, errno, syscall, message }).toEqual({
      code: plain.code,
      errno: plain.errno,
      syscall: plain.syscall,
      message: plain.message,
    });
    expect(connect).toHaveBeenCalledTimes(3);
    expect(told()).toEqual([[3, 503, 'URX,UF']]);
    const refused = 'remote_connection_failure|delayed_connect_error:_Connection_refused';
    expect(lab.ended[0]?.responseCodeDetails).toBe(`upstream_reset_before_response_started{${refused}}`);
  });

  it('hold where nobody watches', async () => {
    lab.egress(entry(HOST, closed), { accessLog: false, observers: [] }).install();
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    for (const expected of [3, 6]) {
      expect((await causeOf(`${origin}/`)).code).toBe('ECONNREFUSED');
      expect(connect).toHaveBeenCalledTimes(expected);
    }
  });

  it('are told of every request that waited for the connection', async () => {
    lab.egress(entry(HOST, closed)).install();
    const client = builtInPool(origin, { connections: 1 });
    const errors = await Promise.all(['/1', '/2', '/3'].map((path) => failureOf(client, path)));
    expect(errors).toMatchObject(Array(3).fill({ code: 'ECONNREFUSED' }));
    expect(told()).toEqual(Array(3).fill([3, 503, 'URX,UF']));
    await client.close?.();
  });

  it('do not keep the application waiting that gives up meanwhile', async () => {
    lab.egress(entry(HOST, closed)).install();
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const abort = new AbortController();
    const failed = fetch(`${origin}/`, { signal: abort.signal }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 10));
    abort.abort();
    expect(await failed).toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(told()).toEqual([[3, 503, 'URX,UF']]));
  });

  it('are none where the mesh wants none', async () => {
    lab.egress(entry(HOST, closed), {}, 'defaultHttpRetryPolicy: { attempts: 0 }').install();
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await causeOf(`${origin}/`)).code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(1);
    expect(told()).toEqual([[1, 503, 'UF']]);
  });

  it('are none inside TLS that no http route knows of: there are no requests for Istio', async () => {
    lab.egress(entry(HOST, closed, '', 'HTTPS')).install();
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await causeOf(`https://${HOST}:${closed}/`)).code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(1);
  });

  it('are not made once more below requests that a route has tried again', async () => {
    for (const [scheme, protocol] of [
      ['http', 'HTTP'],
      ['https', 'HTTPS'],
    ] as const) {
      const egress = lab.egress(
        entry(HOST, closed, '', protocol) + routes(HOST, `route: [{ destination: { host: ${HOST} } }]`),
      );
      const uninstall = egress.install();
      const connect = vi.spyOn(net.Socket.prototype, 'connect');
      expect((await causeOf(`${scheme}://${HOST}:${closed}/`)).code).toBe('ECONNREFUSED');
      expect(connect).toHaveBeenCalledTimes(3);
      vi.restoreAllMocks();
      uninstall();
      await egress.close();
    }
    expect(told()).toEqual(Array(2).fill([3, 503, 'URX,UF']));
  });
});

describe('a mesh that has answers tried again', () => {
  it('has those of hosts without a route tried again, request by request', async () => {
    const server = await lab.serve((_request, response) => {
      response.statusCode = server.seen.length < 3 ? 500 : 200;
      response.end(`answer ${server.seen.length}`);
    });
    const policy = 'defaultHttpRetryPolicy: { attempts: 2, retryOn: "5xx", backoff: 1ms }';
    lab.egress(entry(HOST, server.port) + entry('closed.example.com', closed), {}, policy).install();
    const response = await fetch(`http://${HOST}:${server.port}/`, { method: 'PUT', body: 'payload' });
    expect([response.status, await response.text()]).toEqual([200, 'answer 3']);
    expect(server.seen.map(({ body }) => body)).toEqual(['payload', 'payload', 'payload']);
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await causeOf(`http://closed.example.com:${closed}/`)).code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(3);
    expect(told()).toEqual([
      [3, 200, ''],
      [3, 503, 'URX,UF'],
    ]);
  });
});

describe('an interceptor alone', () => {
  type Composed = Dispatcher & { compose: (...all: unknown[]) => Dispatcher };
  const rule = (host: string, timeout: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host.replaceAll('.', '-')}, namespace: default }
spec: { host: ${host}, trafficPolicy: { connectionPool: { tcp: { connectTimeout: ${timeout} } } } }
---`;
  let dispatcher: Dispatcher;
  let agent: Composed;

  function governed(documents: string, meshFields = ''): void {
    const egress = lab.egress(documents, {}, meshFields);
    agent = new (builtInAgent())({}) as Composed;
    dispatcher = agent.compose(egress.interceptor());
  }
  const init = (more: RequestInit = {}): RequestInit => ({ ...more, dispatcher }) as RequestInit;
  afterEach(() => agent.destroy?.());

  it('has connections tried again that do not come about', async () => {
    governed(entry(HOST, closed));
    const seen = serveAfterTheFirstTry();
    const response = await fetch(`${origin}/a`, init({ method: 'PUT', body: 'payload' }));
    expect([response.status, await response.text()]).toEqual([200, 'late']);
    expect(seen).toEqual(['/a']);
    expect(told()).toEqual([[2, 200, '']]);
  });

  it('ends as the refused connection that it is, after three tries', async () => {
    governed(entry(HOST, closed) + entry('led.example.com', 80, `targetPort: ${closed}`));
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await causeOf(`${origin}/`, init())).code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(3);
    expect((await causeOf('http://led.example.com/', init())).code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(6);
    expect(told()).toEqual(Array(2).fill([3, 503, 'URX,UF']));
  });

  it("limits the time that a connection takes, by the cluster's word", async () => {
    const hole = await blackHole();
    const documents = entry(HOST, hole.port) + rule(HOST, '0.1s');
    governed(documents, 'defaultHttpRetryPolicy: { attempts: 0 }');
    const error = await causeOf(`http://${HOST}:${hole.port}/`, init());
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', port: hole.port });
    expect(findEgressError(error)).toMatchObject({ code: 'ERR_EGRESS_TIMEOUT', timeoutMs: 100 });
    expect(told()).toEqual([[1, 503, 'UF']]);
    expect(lab.ended[0]?.responseCodeDetails).toBe('upstream_reset_before_response_started{connection_timeout}');
    await agent.destroy?.();
    governed(documents);
    expect((await causeOf(`http://${HOST}:${hole.port}/`, init())).code).toBe('ETIMEDOUT');
    expect(told()[1]).toEqual([3, 503, 'URX,UF']);
    await hole.close();
  });

  it('takes another endpoint when one does not answer', async () => {
    const hole = await blackHole();
    const server = await lab.serve();
    const endpoints = [hole.port, server.port].map((port) => `{ address: 127.0.0.1, ports: { p: ${port} } }`);
    const egress = lab.egress(
      entry(HOST, 80, `  resolution: STATIC\n  endpoints: [${endpoints.join()}]`) + rule(HOST, '0.1s'),
      { random: () => 0 },
    );
    agent = new (builtInAgent())({}) as Composed;
    dispatcher = agent.compose(egress.interceptor());
    expect(await (await fetch(`http://${HOST}/late`, init())).text()).toBe('answer to /late');
    expect(server.seen).toMatchObject([{ headers: { host: HOST } }]);
    expect(told()).toEqual([[2, 200, '']]);
    await hole.close();
  });

  it('leaves a connection alone that is there, however long the answer takes', async () => {
    const server = await lab.serve((_request, response) => setTimeout(() => response.end('slow'), 300));
    governed(entry(HOST, server.port) + rule(HOST, '0.15s'));
    const all = [1, 2, 3].map(async () => (await fetch(`http://${HOST}:${server.port}/`, init())).text());
    expect(await Promise.all(all)).toEqual(Array(3).fill('slow'));
    expect(told()).toEqual(Array(3).fill([1, 200, '']));
  });

  it('leaves it to the seams below where the process is governed', async () => {
    const egress = lab.egress(entry(HOST, closed));
    egress.install();
    agent = new (builtInAgent())({}) as Composed;
    dispatcher = agent.compose(egress.interceptor());
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    expect((await causeOf(`${origin}/`, init())).code).toBe('ECONNREFUSED');
    expect(connect).toHaveBeenCalledTimes(3);
    expect(told()).toEqual([[3, 503, 'URX,UF']]);
  });
});
