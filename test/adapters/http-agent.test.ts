import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { createEgress } from '../../src/egress.ts';
import { EgressDeniedError, EgressTimeoutError } from '../../src/errors.ts';
import {
  ALLOW_ANY,
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

let web: Lab;
let other: Lab;
const agents: http.Agent[] = [];

beforeAll(async () => {
  web = await httpServer((request, response) => {
    if (request.url?.startsWith('/slow')) return;
    if (request.url === '/half') {
      response.write('half');
      return;
    }
    response.setHeader('x-upstream', 'web');
    response.setHeader('x-remove', 'me');
    response.end(`web ${request.url}`);
  });
  other = await httpServer((request, response) => response.end(`other ${request.url}`));
});
afterAll(async () => {
  await web.close();
  await other.close();
});
afterEach(() => {
  closeAll();
  for (const agent of agents.splice(0)) agent.destroy();
  web.seen.length = 0;
  other.seen.length = 0;
});

function keepAlive(options: http.AgentOptions = {}): http.Agent {
  const agent = new http.Agent({ keepAlive: true, ...options });
  agents.push(agent);
  return agent;
}

const admitted = (): string[] => [REGISTRY_ONLY, serviceEntry('api.example.com', web.port)];
const call = (path = '/x', more: http.RequestOptions = {}): http.RequestOptions => ({
  host: 'api.example.com',
  port: web.port,
  path,
  ...more,
});

describe('allowed', () => {
  it('reaches the server unchanged, and pools as before', async () => {
    install(mesh(...admitted()));
    const agent = keepAlive();
    const before = web.connections;
    const first = await send(http, call('/1', { agent, headers: { 'X-Case': 'Kept' } }));
    const second = await send(http, call('/2', { agent, method: 'POST' }), 'body');
    expect([first.status, first.body, second.body]).toEqual([200, 'web /1', 'web /2']);
    expect(web.connections - before).toBe(1);
    expect(second.request.reusedSocket).toBe(true);
    expect(web.seen[0]?.rawHeaders).toEqual([
      'X-Case',
      'Kept',
      'Host',
      `api.example.com:${web.port}`,
      'Connection',
      'keep-alive',
    ]);
    expect(web.seen[1]?.body).toBe('body');
  });

  it('does so without an agent, with headers as an array, and with Expect', async () => {
    install(mesh(...admitted()));
    const host = `api.example.com:${web.port}`;
    expect((await send(http, call('/1', { agent: false }))).body).toBe('web /1');
    expect((await send(http, call('/2', { headers: ['Host', host] as never }))).body).toBe('web /2');
    const expecting = await send(http, call('/3', { method: 'PUT', headers: { expect: '100-continue' } }), 'b');
    expect(expecting.body).toBe('web /3');
  });
});

describe('denied', () => {
  it('fails as an error that says what to add, and nothing reaches the server', async () => {
    install(mesh(...admitted()));
    const before = web.connections;
    const { error, events } = await send(http, call('/', { host: 'evil.example' }));
    expect(error).toBeInstanceOf(EgressDeniedError);
    expect(error).toMatchObject({
      code: 'ERR_EGRESS_DENIED',
      syscall: 'connect',
      host: 'evil.example',
      port: web.port,
    });
    expect(error?.message.split('\n')[0]).toMatch(
      /^connection to evil\.example:\d+ denied: no ServiceEntry admits host evil\.example port \d+ \(policy REGISTRY_ONLY, mesh config.*\) \[ERR_EGRESS_DENIED\]$/,
    );
    expect(error?.message).toContain('kind: ServiceEntry');
    expect((error as EgressDeniedError).reason).toBe('no_service_entry');
    expect(events).toEqual(['socket', 'error', 'close']);
    expect(web.connections).toBe(before);
  });

  it('looks to the client as a refused connection does', async () => {
    const trace = async (options: http.RequestOptions): Promise<unknown[]> => {
      const seen: unknown[] = [];
      await new Promise<void>((resolve) => {
        const request = http.request({ lookup: lookupTo(), ...options });
        request.on('socket', (socket) => {
          seen.push(['socket', socket.connecting]);
          socket.on('error', (error: NodeJS.ErrnoException) => seen.push(['socket error', error.syscall]));
          socket.on('close', (...args) => seen.push(['socket close', ...args]));
        });
        request.on('error', (error: NodeJS.ErrnoException) => seen.push(['error', error.syscall, request.destroyed]));
        request.on('close', () => {
          seen.push('close');
          setImmediate(resolve);
        });
        request.end();
      });
      return seen;
    };
    const closed = await httpServer();
    await closed.close();
    const refused = await trace({ host: '127.0.0.1', port: closed.port });
    install(mesh(REGISTRY_ONLY));
    expect(await trace({ host: '127.0.0.1', port: closed.port })).toEqual(refused);
    expect(refused).toContainEqual(['error', 'connect', false]);
  });

  it('never throws from the call, and comes after every listener had time to be attached', async () => {
    install(mesh(REGISTRY_ONLY));
    const request = http.get(call('/'));
    await new Promise((resolve) => process.nextTick(resolve));
    await Promise.resolve();
    const error = await new Promise<Error>((resolve) => request.on('error', resolve));
    expect(error).toBeInstanceOf(EgressDeniedError);
  });

  it('answers as the sidecar does with denyAs response, and resets with reset', async () => {
    install(mesh(REGISTRY_ONLY), { denyAs: 'response' });
    const answered = await send(http, call('/', { method: 'POST' }), 'x'.repeat(100_000));
    expect(answered).toMatchObject({ status: 502, body: '' });
    const reset = await send(http, call('/', { [Symbol.for('sidecarless.call')]: { denyAs: 'reset' } }));
    expect(reset.error).toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
    expect(reset.error?.cause).toBeInstanceOf(EgressDeniedError);
    expect(web.seen).toEqual([]);
  });

  it('leaves the pool clean after many denials, also behind maxSockets', async () => {
    install(mesh(...admitted()));
    const agent = keepAlive({ maxSockets: 1 });
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, () => send(http, call('/', { host: 'evil.example', agent }))),
    );
    expect(outcomes.every(({ error }) => error instanceof EgressDeniedError)).toBe(true);
    expect([agent.sockets, agent.freeSockets, agent.requests].map((pool) => Object.keys(pool).length)).toEqual([
      0, 0, 0,
    ]);
    expect((agent as unknown as { totalSocketCount: number }).totalSocketCount).toBe(0);
    expect((await send(http, call('/after', { agent }))).body).toBe('web /after');
  });

  it('decides on the host that is dialled and on the Host header', async () => {
    install(mesh(...admitted()));
    const fronted = await send(http, call('/', { headers: { host: 'evil.example' } }));
    expect(fronted.error).toBeInstanceOf(EgressDeniedError);
    const disguised = await send(http, {
      host: '127.0.0.1',
      port: web.port,
      headers: { host: `api.example.com:${web.port}` },
    });
    expect(disguised.error).toBeInstanceOf(EgressDeniedError);
    expect(web.seen).toEqual([]);
  });

  it('looks at a Host header that is set after the request was made', async () => {
    install(mesh(...admitted()));
    const request = http.request(call('/', { lookup: lookupTo() }));
    request.setHeader('host', 'evil.example');
    const error = await new Promise<Error>((resolve) => {
      request.on('error', resolve);
      request.end();
    });
    expect(error).toBeInstanceOf(EgressDeniedError);
    expect(web.seen).toEqual([]);
  });

  it('denies nothing in report mode, and says so once', async () => {
    const told: string[] = [];
    install(mesh(REGISTRY_ONLY), { mode: 'report', onWarning: (message) => told.push(message) });
    for (let i = 0; i < 3; i += 1) expect((await send(http, call('/r'))).status).toBe(200);
    expect(told.filter((message) => message.startsWith('report mode: connection to api.example.com'))).toHaveLength(1);
  });
});

describe('routed', () => {
  const route = (spec: string): string[] => [...admitted(), virtualService('api.example.com', spec)];

  it('goes to the endpoints of the rule, apart from other targets in the pool', async () => {
    const entry = serviceEntry(
      'api.example.com',
      80,
      'HTTP',
      `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${other.port}}}]`,
    );
    install(mesh(REGISTRY_ONLY, entry, serviceEntry('api.example.org', web.port)));
    const agent = keepAlive();
    const options = { host: 'api.example.com', port: 80, agent };
    const first = await send(http, { ...options, path: '/1' });
    const second = await send(http, { ...options, path: '/2' });
    expect([first.body, second.body]).toEqual(['other /1', 'other /2']);
    expect(second.request.reusedSocket).toBe(true);
    expect(other.seen[0]?.headers.host).toBe('api.example.com');
  });

  it('rewrites path and authority, and applies header operations both ways', async () => {
    const spec = `http:
- match: [{uri: {prefix: /v1}}]
  rewrite: {uri: /v2, authority: inner.example.com}
  headers:
    request: {set: {x-set: a}, add: {x-add: b}, remove: [x-drop]}
    response: {set: {x-upstream: changed}, add: {x-new: c}, remove: [x-remove]}
  route: [{destination: {host: api.example.com}}]
- route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    const rewritten = await send(http, call('/v1/a?q=1', { headers: { 'x-drop': '1', 'x-add': '0' } }));
    expect(web.seen[0]).toMatchObject({
      url: '/v2/a?q=1',
      headers: { host: 'inner.example.com', 'x-set': 'a', 'x-add': '0, b' },
    });
    expect(web.seen[0]?.headers).not.toHaveProperty('x-drop');
    expect(rewritten.headers).toMatchObject({ 'x-upstream': 'changed', 'x-new': 'c' });
    expect(rewritten.headers).not.toHaveProperty('x-remove');
    expect(rewritten.rawHeaders).toContain('x-new');
    expect(rewritten.request.path).toBe('/v1/a?q=1');
    expect((await send(http, call('/plain'))).headers).toMatchObject({ 'x-upstream': 'web' });
  });

  it('rewrites headers that were rendered already', async () => {
    const spec = `http:
- rewrite: {uri: /new}
  headers: {request: {set: {x-set: a}}}
  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    await send(http, call('/old', { headers: ['Host', `api.example.com:${web.port}`, 'X-One', '1'] as never }));
    expect(web.seen[0]).toMatchObject({ url: '/newold', headers: { 'x-set': 'a', 'x-one': '1' } });
  });

  it('rewrites a head that waits for the connection of an agent of its own making', async () => {
    const spec = `http:
- rewrite: {uri: /new}
  headers: {request: {set: {x-set: a}}}
  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    // As the agents of proxies do: the socket comes when the request has long been ended.
    const agent = {
      addRequest: (request: { onSocket(socket: net.Socket): void }) => {
        const socket = net.connect({ host: 'api.example.com', port: web.port, lookup: lookupTo() });
        socket.once('connect', () => request.onSocket(socket));
      },
    };
    for (const body of [undefined, 'hello', Buffer.from('hello')]) {
      web.seen.length = 0;
      const options = call('/old', { method: body ? 'POST' : 'GET', agent: agent as never });
      const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
        const request = http.request({ ...options, headers: { connection: 'close' } }, resolve);
        request.on('error', reject);
        request.end(body);
      });
      for await (const chunk of answer) expect(String(chunk)).toBe('web /newold');
      expect(web.seen[0]).toMatchObject({ url: '/newold', headers: { 'x-set': 'a' }, body: body ? 'hello' : '' });
    }
  });

  it('changes the headers of an upgrade', async () => {
    const spec = `http:
- headers: {response: {set: {x-changed: a}, remove: [x-remove]}}
  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    const upgrading = (_request: unknown, socket: net.Socket): void => {
      socket.end(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Remove: me\r\n\r\n',
      );
    };
    web.server.once('upgrade', upgrading);
    const headers = { connection: 'Upgrade', upgrade: 'websocket' };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = http.request(call('/x', { headers, lookup: lookupTo() }));
      request.on('upgrade', (answer, socket) => {
        socket.destroy();
        resolve(answer);
      });
      request.on('error', reject).end();
    });
    expect(response.headers).toMatchObject({ upgrade: 'websocket', 'x-changed': 'a' });
    expect(response.headers).not.toHaveProperty('x-remove');
  });

  it('answers redirects and direct responses here', async () => {
    const spec = `http:
- match: [{uri: {prefix: /old}}]
  redirect: {uri: /new, redirectCode: 308}
- match: [{uri: {exact: /teapot}}]
  directResponse: {status: 418, body: {string: short and stout}}
- route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    const moved = await send(http, call('/old'));
    expect(moved.status).toBe(308);
    expect(moved.headers?.location).toContain('/new');
    expect(await send(http, call('/teapot'))).toMatchObject({ status: 418, body: 'short and stout' });
    expect((await send(http, call('/teapot', { method: 'HEAD' }))).body).toBe('');
    expect(web.seen).toEqual([]);
  });

  it('has a socket below each answer, whoever gave it', async () => {
    const spec = `http:
- match: [{uri: {exact: /teapot}}]
  directResponse: {status: 418}
- route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    const asked = await new Promise<unknown[]>((resolve, reject) => {
      const request = http.get(call('/teapot'), (response) => {
        const { socket } = response;
        resolve([socket instanceof net.Socket, socket.address(), socket.remoteAddress, socket.bytesRead]);
        response.resume();
      });
      request.on('error', reject);
    });
    expect(asked).toEqual([true, {}, undefined, 0]);
  });

  it('runs the timeout of a socket whose answer is delayed', async () => {
    const spec = `http:
- fault:
    delay: {percentage: {value: 100}, fixedDelay: 600s}
    abort: {percentage: {value: 100}, httpStatus: 503}
  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    const request = http.get(call('/x', { timeout: 20 }));
    request.on('error', () => undefined);
    await once(request, 'timeout');
    request.destroy();
  });

  it('draws among weighted destinations', async () => {
    const entries = [
      serviceEntry('a.example.com', web.port),
      serviceEntry(
        'b.example.com',
        80,
        'HTTP',
        `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${other.port}}}]`,
      ),
    ];
    const spec = `http:
- route:
  - {destination: {host: a.example.com, port: {number: ${web.port}}}, weight: 75}
  - {destination: {host: b.example.com, port: {number: 80}}, weight: 25}`;
    let turn = 0;
    install(mesh(...route(spec), ...entries), { random: () => ((turn += 1) % 4) / 4 + 0.01 });
    const agent = keepAlive();
    const bodies: (string | undefined)[] = [];
    for (let i = 0; i < 8; i += 1) bodies.push((await send(http, call('/w', { agent }))).body?.split(' ')[0]);
    expect(bodies.filter((body) => body === 'web')).toHaveLength(6);
    expect(bodies.filter((body) => body === 'other')).toHaveLength(2);
  });

  it('injects delays and aborts', async () => {
    const spec = `http:
- match: [{uri: {prefix: /abort}}]
  fault: {abort: {httpStatus: 555, percentage: {value: 100}}}
  route: [{destination: {host: api.example.com}}]
- fault: {delay: {fixedDelay: 50ms, percentage: {value: 100}}}
  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...route(spec)));
    expect(await send(http, call('/abort'))).toMatchObject({ status: 555, body: 'fault filter abort' });
    expect((await send(http, call('/late'))).body).toBe('web /late');
    expect(web.seen.map(({ url }) => url)).toEqual(['/late']);
  });

  it('tells when the chosen destination does not exist, or has no endpoint', async () => {
    const nowhere = `http:\n- route: [{destination: {host: nowhere.example.com}}]`;
    install(mesh(...route(nowhere)), { denyAs: 'response' });
    expect((await send(http, call('/'))).status).toBe(503);
    expect(web.seen).toEqual([]);
  });
});

describe('timed out', () => {
  const limited = (): string[] => [
    ...admitted(),
    virtualService('api.example.com', `http:\n- timeout: 0.4s\n  route: [{destination: {host: api.example.com}}]`),
  ];

  it('answers 504 as the sidecar does, and leaves no connection behind', async () => {
    install(mesh(...limited()));
    const agent = keepAlive();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => send(http, call('/slow', { agent }))));
    for (const { status, body } of outcomes) expect([status, body]).toEqual([504, 'upstream request timeout']);
    expect(Object.keys(agent.freeSockets)).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((agent as unknown as { totalSocketCount: number }).totalSocketCount).toBe(0);
    expect((await send(http, call('/fast', { agent }))).body).toBe('web /fast');
  });

  it('fails with an error when asked to, and when the response had begun', async () => {
    install(mesh(...limited()), { timeoutAs: 'error' });
    const slow = await send(http, call('/slow'));
    expect(slow.error).toBeInstanceOf(EgressTimeoutError);
    expect(slow.error).toMatchObject({ code: 'ERR_EGRESS_TIMEOUT', timeoutMs: 400 });
    const half = await send(http, call('/half'));
    expect(half.status).toBe(200);
    expect(half.error).toBeInstanceOf(EgressTimeoutError);
  });

  it('counts from the end of the request, for requests with a body', async () => {
    install(mesh(...limited()));
    const request = http.request(call('/upload', { method: 'POST', lookup: lookupTo() }));
    request.write('a');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const status = await new Promise((resolve, reject) => {
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.end('b');
    });
    expect(status).toBe(200);
    expect(web.seen[0]?.body).toBe('ab');
  });

  it('answers a request that waits for a connection', async () => {
    install(mesh(...limited()));
    const agent = keepAlive({ maxSockets: 1 });
    const never: http.RequestOptions = { agent, lookup: () => undefined };
    const outcomes = await Promise.all([send(http, call('/1', never)), send(http, call('/2', never))]);
    expect(outcomes.map(({ status }) => status)).toEqual([504, 504]);
  });
});

describe('pools', () => {
  it('decides each request again, also on a connection that was admitted before', async () => {
    const egress = install(mesh(...admitted()));
    const agent = keepAlive();
    expect((await send(http, call('/1', { agent }))).status).toBe(200);
    expect(Object.keys(agent.freeSockets)).toHaveLength(1);
    egress.update(mesh(REGISTRY_ONLY));
    const denied = await send(http, call('/2', { agent }));
    expect(denied.error).toBeInstanceOf(EgressDeniedError);
    await new Promise((resolve) => setImmediate(resolve));
    expect(Object.keys(agent.freeSockets)).toEqual([]);
    egress.update(mesh(ALLOW_ANY));
    expect((await send(http, call('/3', { agent }))).status).toBe(200);
    expect(web.seen.map(({ url }) => url)).toEqual(['/1', '/3']);
  });

  it('keeps the last good policy when the new one does not load', async () => {
    const told: string[] = [];
    const egress = install(mesh(...admitted()), { onWarning: (message) => told.push(message) });
    const load = (): never => {
      throw new Error('bad file');
    };
    expect(() => egress.update(load)).toThrow('bad file');
    expect((await send(http, call('/1'))).status).toBe(200);
    expect(told[0]).toContain('the former stays');
  });

  it('works on one wrapped agent in a process that is otherwise not governed', async () => {
    const entry = serviceEntry(
      'r.example.com',
      80,
      'HTTP',
      `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${other.port}}}]`,
    );
    const egress = createEgress({ meshConfig: mesh(...admitted(), entry), accessLog: false });
    const agent = egress.wrapAgent(keepAlive());
    expect((await send(http, call('/1', { agent }))).body).toBe('web /1');
    expect((await send(http, { host: 'r.example.com', port: 80, path: '/r', agent })).body).toBe('other /r');
    expect((await send(http, call('/', { host: 'evil.example', agent }))).error).toBeInstanceOf(EgressDeniedError);
    expect((await send(http, call('/free', { host: 'evil.example' }))).status).toBe(200);
    void egress.close();
    expect((await send(http, call('/after', { host: 'evil.example', agent }))).status).toBe(200);
  });

  it('uses the cluster settings of a DestinationRule without harm', async () => {
    const rule = destinationRule('api.example.com', 'connectionPool: {http: {maxRequestsPerConnection: 1}}');
    install(mesh(...admitted(), rule));
    expect((await send(http, call('/1'))).status).toBe(200);
  });
});
