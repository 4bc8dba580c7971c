import http from 'node:http';
import net from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '../../src/telemetry/exchange.ts';
import {
  closeAll,
  destinationRule,
  httpServer,
  install,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  virtualService,
  type Lab,
} from './lab.ts';

const HOST = 'api.example.com';
const GATEWAY = 'istio-egressgateway.istio-system.svc.cluster.local';
let gateway: Lab;
let outside: Lab;
const folder = mkdtempSync(join(tmpdir(), 'sidecarless-'));

beforeAll(async () => {
  gateway = await httpServer((request, response) => response.end(`gateway ${request.headers.host} ${request.url}`));
  outside = await httpServer();
});
afterEach(() => {
  closeAll();
  gateway.seen.length = outside.seen.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await outside.close();
  rmSync(folder, { recursive: true });
});

function governed(...documents: string[]): Exchange[] {
  const ended: Exchange[] = [];
  const observers = [{ onEnd: (exchange: Exchange) => void ended.push(exchange) }];
  install(mesh(`${REGISTRY_ONLY}\ndefaultHttpRetryPolicy: {attempts: 0}`, ...documents), {
    observers,
    random: () => 0,
  });
  return ended;
}

describe('an egress gateway that originates TLS', () => {
  /** As Istio's guide has it: plain HTTP to the gateway, which speaks TLS to the outside. */
  const resources = (): string[] => [
    `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside}
spec:
  hosts: [${HOST}]
  ports:
  - {number: 80, name: http, protocol: HTTP}
  - {number: 443, name: https, protocol: HTTPS}
  resolution: DNS`,
    serviceEntry(
      GATEWAY,
      80,
      'HTTP',
      `resolution: STATIC\nendpoints: [{address: 127.0.0.1, labels: {istio: egressgateway}, ports: {p80: ${gateway.port}}}]`,
    ),
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [${HOST}]}]`,
    virtualService(
      HOST,
      `gateways: [egress, mesh]
http:
- match: [{gateways: [mesh], port: 80}]
  headers: {request: {set: {x-hop: first}}}
  route: [{destination: {host: ${GATEWAY}, port: {number: 80}}}]
- match: [{gateways: [egress], port: 80}]
  route: [{destination: {host: ${HOST}, port: {number: 443}}}]`,
    ),
    destinationRule(HOST, `portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE, sni: ${HOST}}}]`),
  ];

  it.each(['http', 'fetch'])('gets the request in plain HTTP, with the host that was asked for: %s', async (client) => {
    const ended = governed(...resources());
    const body =
      client === 'http'
        ? (await send(http, { host: HOST, path: '/x?y' })).body
        : await (await fetch(`http://${HOST}/x?y`)).text();
    expect(body).toBe(`gateway ${HOST} /x?y`);
    expect(gateway.seen).toMatchObject([{ url: '/x?y', headers: { host: HOST, 'x-hop': 'first' } }]);
    expect(ended.find(({ layer }) => layer === 'http')).toMatchObject({
      responseCode: 200,
      upstreamHost: `127.0.0.1:${gateway.port}`,
      gatewayDecision: { action: 'route', destinations: [{ upstream: { tls: { mode: 'SIMPLE', sni: HOST } } }] },
    });
  });

  it('gets nothing that the rule does not lead to it', async () => {
    governed(...resources());
    const { error } = await send(http, { host: 'evil.example', port: 80, headers: { host: HOST } });
    expect(error?.name).toBe('EgressDeniedError');
    expect(gateway.seen).toEqual([]);
  });
});

describe('an endpoint that is a unix socket', () => {
  const path = join(folder, 'app.sock');
  const seen: string[] = [];
  const server = net.createServer((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (bytes) => {
        const text = String(bytes);
        seen.push(text.split('\r\n')[0] ?? '');
        socket.write(text.startsWith('GET') ? 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nunix' : `pong ${text}`);
      });
  });
  const entry = (protocol: string): string =>
    serviceEntry(HOST, 80, protocol, `resolution: STATIC\nendpoints: [{address: 'unix://${path}'}]`);
  const open = new Set<net.Socket>();

  beforeAll(async () => {
    server.on('connection', (socket) => open.add(socket));
    await new Promise<void>((resolve) => server.listen(path, resolve));
  });
  afterEach(() => void (seen.length = 0));
  afterAll(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });

  const dial = (options: net.NetConnectOpts): Promise<string> =>
    new Promise((resolve) => {
      const socket = net.connect(options, () => socket.write('PING'));
      socket.once('data', (bytes) => {
        resolve(String(bytes));
        socket.destroy();
      });
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    });

  it('is reached by those whom the policy leads there', async () => {
    governed(entry('HTTP'));
    expect(await send(http, { host: HOST, port: 80, path: '/a', agent: false })).toMatchObject({ body: 'unix' });
    expect(await (await fetch(`http://${HOST}/b`)).text()).toBe('unix');
    closeAll();
    governed(entry('TCP'));
    expect(await dial({ host: HOST, port: 80 })).toBe('pong PING');
    expect(seen).toEqual(['GET /a HTTP/1.1', 'GET /b HTTP/1.1', 'PING']);
  });

  it('is reached by its path only when it is listed', async () => {
    governed(entry('HTTP'));
    expect(await dial({ path })).toBe('ERR_EGRESS_DENIED');
    const byPath = await send(http, { socketPath: path, path: '/c', agent: false });
    expect(byPath.error?.name).toBe('EgressDeniedError');
    expect(seen).toEqual([]);
    closeAll();
    install(mesh(REGISTRY_ONLY), { unixSockets: [`${folder}/*`] });
    expect(await dial({ path })).toBe('pong PING');
    expect((await send(http, { socketPath: path, path: '/d', agent: false })).body).toBe('unix');
    expect((await send(http, { host: HOST, port: 80 })).error?.name).toBe('EgressDeniedError');
  });
});

describe('the endpoints of a cluster', () => {
  let blue: Lab;
  let green: Lab;
  beforeAll(async () => {
    blue = await httpServer((request, response) => {
      response.statusCode = request.url === '/broken' ? 503 : 200;
      setTimeout(() => response.end('blue'), request.url === '/slow' ? 100 : 0);
    });
    green = await httpServer((_request, response) => response.end('green'));
  });
  afterEach(() => {
    blue.seen.length = green.seen.length = 0;
  });
  afterAll(async () => {
    await blue.close();
    await green.close();
  });

  const both = (): string =>
    serviceEntry(
      HOST,
      80,
      'HTTP',
      `resolution: STATIC
endpoints:
- {address: 127.0.0.1, labels: {version: blue}, ports: {p80: ${blue.port}}}
- {address: 127.0.0.1, labels: {version: green}, ports: {p80: ${green.port}}}`,
    );
  const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: subsets}
spec:
  host: ${HOST}
  subsets: [{name: blue, labels: {version: blue}}, {name: green, labels: {version: green}}, {name: none, labels: {version: x}}]`;
  const call = (path: string, agent?: http.Agent): Promise<{ status?: number; body?: string; error?: Error }> =>
    send(http, { host: HOST, port: 80, path, agent: agent ?? false });

  it('are those of the subset that the route names', async () => {
    const to = (subset: string): string => `route: [{destination: {host: ${HOST}, subset: ${subset}}}]`;
    const routes = `http:
- match: [{uri: {prefix: /green}}]
  ${to('green')}
- match: [{uri: {prefix: /none}}]
  ${to('none')}
- ${to('blue')}`;
    const ended = governed(both(), subsets, virtualService(HOST, routes));
    const bodies = [];
    for (const path of ['/green', '/', '/green/2', '/blue', '/none']) {
      const { status, body } = await call(path);
      bodies.push(status === 200 ? body : status);
    }
    expect(bodies).toEqual(['green', 'blue', 'green', 'blue', 503]);
    expect([blue.seen.map(({ url }) => url), green.seen.map(({ url }) => url)]).toEqual([
      ['/', '/blue'],
      ['/green', '/green/2'],
    ]);
    expect(ended[0]?.destination?.upstream?.name).toBe(`outbound|80|green|${HOST}`);
  });

  it('are left out once they fail too often, and the others get all', async () => {
    const rule = `loadBalancer: {simple: ROUND_ROBIN}
outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}`;
    governed(both(), destinationRule(HOST, rule));
    const statuses = [];
    for (let i = 0; i < 8; i += 1) statuses.push((await call('/broken')).status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(2);
    expect(statuses.slice(4)).toEqual([200, 200, 200, 200]);
    expect([blue.seen.length, green.seen.length]).toEqual([2, 6]);
  });

  it('get no more connections than the rule allows, whatever the agent would open', async () => {
    governed(
      serviceEntry(
        HOST,
        80,
        'HTTP',
        `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${blue.port}}}]`,
      ),
      destinationRule(HOST, 'connectionPool: {tcp: {maxConnections: 2}, http: {http1MaxPendingRequests: 3}}'),
    );
    let open = 0;
    let most = 0;
    const count = (socket: net.Socket): void => {
      most = Math.max(most, (open += 1));
      socket.once('close', () => (open -= 1));
    };
    blue.server.on('connection', count);
    const agent = new http.Agent({ keepAlive: true });
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('/slow', agent)));
    blue.server.off('connection', count);
    agent.destroy();
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, 200, 200, 503, 503, 503]);
    expect([most, blue.seen.length]).toEqual([2, 5]);
  });
});
