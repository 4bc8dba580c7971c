import http from 'node:http';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEgress } from '../src/egress.ts';
import { EgressDeniedError, EgressError, findEgressError } from '../src/errors.ts';
import type { Exchange } from '../src/telemetry/exchange.ts';
import {
  closeAll,
  destinationRule,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  tcpServer,
  virtualService,
  type Lab,
} from './adapters/lab.ts';

let web: Lab;
let shadow: Lab;
let database: Lab;
/** Answers are held back while this is set. */
let held: (() => void)[] | undefined;

beforeAll(async () => {
  web = await httpServer((request, response) => {
    if (request.url === '/fail') response.writeHead(500).end();
    else if (held) held.push(() => response.end('late'));
    else response.end('ok');
  });
  shadow = await httpServer();
  database = await tcpServer();
});
afterAll(async () => {
  for (const lab of [web, shadow, database]) await lab.close();
});
afterEach(() => {
  closeAll();
  held = undefined;
  web.seen.length = shadow.seen.length = 0;
});

const admitted = (...more: string[]): string[] => [REGISTRY_ONLY, serviceEntry('api.example.com', web.port), ...more];
const call = (path = '/', more: http.RequestOptions = {}): http.RequestOptions => ({
  host: 'api.example.com',
  port: web.port,
  path,
  ...more,
});

describe('installing', () => {
  it('is idempotent, and refuses a second egress clearly', () => {
    const egress = install(mesh(REGISTRY_ONLY));
    const uninstall = egress.install();
    expect(egress.install()).toBe(uninstall);
    const other = createEgress({ meshConfig: mesh(REGISTRY_ONLY), accessLog: false });
    expect(() => other.install()).toThrow(/another egress governs this process/);
    uninstall();
    other.install()();
    void other.close();
    expect(() => other.install()).toThrow(EgressError);
  });

  it('closes with a line for a connection that stays open, and none after it', async () => {
    const lines: string[] = [];
    const egress = createEgress({
      meshConfig: mesh(REGISTRY_ONLY, serviceEntry('db.example.com', database.port, 'TCP')),
      accessLog: { to: (line) => lines.push(line), format: '%UPSTREAM_CLUSTER_RAW%' },
    });
    egress.install();
    const socket = net.connect({ host: 'db.example.com', port: database.port, lookup: lookupTo('127.0.0.1') });
    await new Promise((resolve) => socket.once('connect', resolve));
    await egress.close();
    const line = `outbound|${database.port}||db.example.com`;
    expect(lines).toEqual([line]);
    await new Promise((resolve) => socket.once('close', resolve).destroy());
    expect(lines).toEqual([line]);
  });

  it('verifies each client layer', async () => {
    const egress = install(mesh('outboundTrafficPolicy: {mode: ALLOW_ANY}'), { mode: 'report' });
    const { ok, layers } = await egress.verify();
    expect(layers.filter(({ denied }) => !denied)).toEqual([]);
    expect(ok).toBe(true);
    void egress.close();
    expect((await egress.verify()).ok).toBe(false);
  });
});

describe('when something breaks', () => {
  const broken = (mode: 'enforce' | 'report'): { told: string[]; meshConfig: ReturnType<typeof mesh> } => {
    const told: string[] = [];
    const meshConfig = mesh(...admitted());
    const egress = install(meshConfig, {
      mode,
      onWarning: (message) => told.push(message),
      random: () => {
        throw new Error('broken');
      },
    });
    const entries = [serviceEntry('a.example.com', web.port), serviceEntry('b.example.com', web.port)];
    const spec = `http:\n- route: [{destination: {host: a.example.com}, weight: 1}, {destination: {host: b.example.com}, weight: 1}]`;
    egress.update(mesh(...admitted(...entries, virtualService('api.example.com', spec))));
    return { told, meshConfig };
  };

  it('denies in enforce mode, and says so once', async () => {
    const { told } = broken('enforce');
    for (let i = 0; i < 2; i += 1) {
      const { error } = await send(http, call());
      expect(error).toBeInstanceOf(EgressDeniedError);
      expect((error as EgressDeniedError).reason).toBe('internal_error');
      expect(error?.cause).toMatchObject({ message: 'broken' });
    }
    expect(told).toHaveLength(1);
    expect(web.seen).toEqual([]);
  });

  it('lets pass in report mode', async () => {
    broken('report');
    expect((await send(http, call())).status).toBe(200);
  });

  it('hears nothing of watchers that throw', async () => {
    install(mesh(...admitted()), {
      onWarning: () => {
        throw new Error('nobody listens');
      },
      accessLog: () => {
        throw new Error('disk full');
      },
      observers: [
        {
          onDecision: () => {
            throw new Error('watcher');
          },
          onEnd: () => {
            throw new Error('watcher');
          },
        },
      ],
    });
    expect((await send(http, call())).status).toBe(200);
    expect((await send(http, call('/', { host: 'evil.example' }))).error).toBeInstanceOf(EgressDeniedError);
  });
});

describe('what is observed', () => {
  it('tells one exchange for each request and connection', async () => {
    const ended: Exchange[] = [];
    const entry = serviceEntry('localhost', database.port, 'TCP');
    install(mesh(...admitted(entry)), { observers: [{ onEnd: (exchange) => ended.push(exchange) }] });
    await send(http, call('/a', { method: 'POST' }), 'body');
    await send(http, call('/b', { host: 'evil.example' }));
    await new Promise<void>((resolve) => {
      const socket = net.connect(database.port, 'localhost', () => socket.end('PING'));
      socket.on('data', () => undefined).on('close', () => resolve());
    });
    expect(
      ended.map(({ seam, layer, responseCode, bytesReceived, bytesSent }) => ({
        seam,
        layer,
        responseCode,
        bytesReceived,
        bytesSent,
      })),
    ).toEqual([
      { seam: 'http', layer: 'http', responseCode: 200, bytesReceived: 4, bytesSent: 2 },
      { seam: 'http', layer: 'http', responseCode: 502, bytesReceived: 0, bytesSent: 0 },
      { seam: 'net', layer: 'tcp', responseCode: 0, bytesReceived: 4, bytesSent: 9 },
    ]);
    expect(ended[0]?.upstreamHost).toBe(`127.0.0.1:${web.port}`);
  });

  it('writes one line for each, in the format of the mesh config', async () => {
    const lines: string[] = [];
    const format = 'accessLogFile: /dev/null\naccessLogFormat: "%REQ(:METHOD)% %RESPONSE_CODE% %UPSTREAM_CLUSTER%"';
    const egress = createEgress({
      meshConfig: mesh(`${REGISTRY_ONLY}\n${format}`, serviceEntry('api.example.com', web.port)),
      accessLog: (line) => lines.push(line),
      metrics: true,
    });
    egress.install();
    await send(http, call());
    expect(lines).toEqual([`GET 200 outbound|${web.port}||api.example.com`]);
    expect(egress.metrics?.text()).toMatch(/istio_requests_total\{.*response_code="200".*\} 1/);
    void egress.close();
  });
});

describe('limits of a connection pool', () => {
  const limited = (policy: string): ReturnType<typeof mesh> =>
    mesh(...admitted(destinationRule('api.example.com', `connectionPool: ${policy}`)));

  it('holds requests back, and refuses more than may wait', async () => {
    install(limited('{tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}'));
    held = [];
    const first = send(http, call('/1'));
    const second = send(http, call('/2'));
    const third = await send(http, call('/3'));
    expect(third.status).toBe(503);
    expect(third.headers).toMatchObject({ 'x-envoy-overloaded': 'true' });
    expect(third.body).toContain('overflow');
    while (held.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(web.seen.map(({ url }) => url)).toEqual(['/1']);
    held.shift()?.();
    expect((await first).status).toBe(200);
    while (held.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    held.shift()?.();
    expect((await second).status).toBe(200);
  });

  it('forgets a request that was given up while it waited', async () => {
    install(limited('{tcp: {maxConnections: 1}}'));
    held = [];
    const first = send(http, call('/1'));
    const controller = new AbortController();
    const second = send(http, call('/2', { signal: controller.signal }));
    controller.abort();
    expect((await second).error?.name).toBe('AbortError');
    while (held.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    held.shift()?.();
    await first;
    held = undefined;
    expect((await send(http, call('/3'))).status).toBe(200);
  });

  it('puts an endpoint out that keeps failing', async () => {
    const entry = serviceEntry(
      'pair.example.com',
      80,
      'HTTP',
      `resolution: STATIC\nendpoints:\n- {address: 127.0.0.1, ports: {p80: ${web.port}}}\n- {address: 127.0.0.1, ports: {p80: ${shadow.port}}}`,
    );
    const policy =
      'outlierDetection: {consecutive5xxErrors: 2, maxEjectionPercent: 100}\nloadBalancer: {simple: ROUND_ROBIN}';
    install(mesh(REGISTRY_ONLY, entry, destinationRule('pair.example.com', policy)));
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 10; i += 1)
      statuses.push((await send(http, { host: 'pair.example.com', port: 80, path: '/fail' })).status);
    expect(statuses.filter((status) => status === 500)).toHaveLength(2);
    expect(statuses.slice(-4)).toEqual([200, 200, 200, 200]);
  });
});

describe('mirrors', () => {
  it('sends a copy elsewhere, and does not wait for it', async () => {
    const copy = serviceEntry(
      'shadow.example.com',
      80,
      'HTTP',
      `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${shadow.port}}}]`,
    );
    const spec = `http:\n- mirror: {host: shadow.example.com, port: {number: 80}}\n  route: [{destination: {host: api.example.com}}]`;
    install(mesh(...admitted(copy, virtualService('api.example.com', spec))));
    expect((await send(http, call('/m', { method: 'POST', headers: { 'x-a': '1' } }), 'payload')).body).toBe('ok');
    while (shadow.seen.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(shadow.seen[0]).toMatchObject({ method: 'POST', url: '/m', body: 'payload', headers: { 'x-a': '1' } });
    expect(web.seen[0]).toMatchObject({ body: 'payload' });
  });
});

describe('errors', () => {
  it('are recognised across copies of the package, and through causes', async () => {
    install(mesh(REGISTRY_ONLY));
    const { error } = await send(http, call('/', { lookup: lookupTo() }));
    const copy = Object.assign(new Error(error?.message), { code: error?.code });
    Object.defineProperty(copy, Symbol.for('sidecarless.EgressDeniedError'), { value: true });
    expect(copy).toBeInstanceOf(EgressDeniedError);
    expect(new Error('other')).not.toBeInstanceOf(EgressError);
    expect(findEgressError(new AggregateError([new Error('x', { cause: error })]))).toBe(error);
    expect(JSON.stringify(error)).not.toContain('decision');
  });
});
