import http from 'node:http';
import type net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/core/model/connection.ts';
import { EgressDeniedError } from '../../src/errors.ts';
import { proxiedTargets } from '../../src/upstream/proxied-target.ts';
import { closeAll, httpServer, install, mesh, REGISTRY_ONLY, send, serviceEntry, type Lab } from '../adapters/lab.ts';

const asked = (path: string, method = 'GET'): Connection => ({
  host: 'proxy.example.com',
  port: 3128,
  transport: 'tcp',
  protocol: 'http1',
  request: { method, path, headers: {}, scheme: 'http' },
});

describe('where a request to a forward proxy is meant to go', () => {
  it.each([
    [
      'http://a.example.com/x?y',
      { host: 'a.example.com', port: 80, transport: 'tcp', authority: 'a.example.com' },
      '/x?y',
    ],
    ['http://a.example.com:8080', { host: 'a.example.com', port: 8080, authority: 'a.example.com:8080' }, '/'],
    ['https://a.example.com?q', { host: 'a.example.com', port: 443, transport: 'tls', sni: 'a.example.com' }, '/?q'],
    ['http://user:pass@a.example.com/', { host: 'a.example.com', port: 80, authority: 'a.example.com' }, '/'],
    ['http://[::1]:81/', { host: '::1', port: 81, authority: '[::1]:81' }, '/'],
  ])('reads %s', (path, fields, rest) => {
    const [target, ...more] = proxiedTargets(asked(path));
    expect(more).toEqual([]);
    expect(target).toMatchObject({ ...fields, request: { path: rest } });
  });

  it.each(['/x', '*', 'http://proxy.example.com:3128/x', 'http://PROXY.example.com:3128/x', 'x'])(
    'is where it is dialled: %s',
    (path) => expect(proxiedTargets(asked(path))).toEqual([]),
  );

  it.each([
    ['ftp://a.example.com/x', { host: 'a.example.com', port: 21, transport: 'tcp' }],
    ['gopher://a.example.com', { host: 'a.example.com', port: 3128, transport: 'tcp' }],
    ['gopher://a.example.com:70/1', { host: 'a.example.com', port: 70, transport: 'tcp' }],
    ['HTTPS://a.example.com/', { host: 'a.example.com', port: 443, transport: 'tls' }],
  ])('reads %s, whatever the scheme', (path, fields) => {
    expect(proxiedTargets(asked(path))).toMatchObject([fields]);
  });

  it.each([
    ['GET', 'http:a.example.com'],
    ['GET', 'http:/a.example.com/'],
    ['GET', 'http://evil.example\\@a.example.com/'],
    ['GET', 'urn:a'],
    ['CONNECT', 'a.example.com'],
    ['CONNECT', 'a.example.com:443/x'],
    ['CONNECT', 'http://a.example.com:443'],
    ['CONNECT', 'a.example.com:000443'],
  ])('is nowhere when it cannot be read: %s %s', (method, path) => {
    expect(proxiedTargets(asked(path, method))).toMatchObject([{ port: 0 }]);
  });

  it('of a CONNECT is its authority, with TLS inside or without', () => {
    expect(proxiedTargets(asked('a.example.com:443', 'CONNECT'))).toEqual([
      { host: 'a.example.com', port: 443, transport: 'tls', sni: 'a.example.com' },
      { host: 'a.example.com', port: 443, transport: 'tcp' },
    ]);
    expect(proxiedTargets(asked('[::1]:443', 'CONNECT'))[1]).toEqual({ host: '::1', port: 443, transport: 'tcp' });
  });

  it('of a CONNECT stream is its authority; an extended one is for the host itself', () => {
    const stream = (authority: string, method = 'CONNECT'): Connection => {
      const { request, ...rest } = asked('/', method);
      return { ...rest, protocol: 'http2', authority, ...(request && { request }) };
    };
    const [, inside] = proxiedTargets(stream('a.example.com:22'));
    expect(inside).toEqual({ host: 'a.example.com', port: 22, transport: 'tcp' });
    expect(proxiedTargets(stream('evil.example'))[1]).toEqual({ host: 'evil.example', port: 3128, transport: 'tcp' });
    for (const own of ['proxy.example.com', 'proxy.example.com:3128']) expect(proxiedTargets(stream(own))).toEqual([]);
    expect(proxiedTargets(stream('evil.example', 'GET'))).toEqual([]);
  });
});

describe('a program that uses a forward proxy', () => {
  let proxy: Lab;
  const connects: string[] = [];
  beforeAll(async () => {
    proxy = await httpServer();
    proxy.server.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      connects.push(request.url ?? '');
      socket.end('HTTP/1.1 200 Connection established\r\n\r\n');
    });
  });
  afterEach(() => {
    closeAll();
    proxy.seen.length = connects.length = 0;
  });
  afterAll(() => proxy.close());

  const through = (path: string, more: http.RequestOptions = {}): http.RequestOptions => ({
    host: 'proxy.example.com',
    port: proxy.port,
    path,
    headers: { host: new URL(path).host },
    ...more,
  });
  const governed = (): void =>
    void install(
      mesh(REGISTRY_ONLY, serviceEntry('proxy.example.com', proxy.port, 'TCP'), serviceEntry('api.example.com', 80)),
    );

  it('reaches what is admitted, with the target as the program wrote it', async () => {
    governed();
    expect((await send(http, through('http://api.example.com/a'))).status).toBe(200);
    expect(proxy.seen[0]?.url).toBe('http://api.example.com/a');
  });

  it('is denied what lies behind the proxy and is admitted nowhere', async () => {
    governed();
    const { error } = await send(http, through('http://evil.example/a'));
    expect(error).toBeInstanceOf(EgressDeniedError);
    expect(error).toMatchObject({ host: 'evil.example', port: 80 });
    expect(proxy.seen).toEqual([]);
  });

  it('digs tunnels only to what is admitted', async () => {
    governed();
    const dig = (path: string): Promise<unknown> =>
      new Promise((resolve) => {
        const options = { ...through('http://x/'), path, method: 'CONNECT', headers: { host: path } };
        const request = http.request({
          ...options,
          lookup: (_h, _o, cb) => cb(null, [{ address: '127.0.0.1', family: 4 }]),
        });
        request.on('connect', (response, socket) => {
          socket.destroy();
          resolve(response.statusCode);
        });
        request.on('error', resolve).end();
      });
    expect(await dig('api.example.com:80')).toBe(200);
    expect(await dig('evil.example:443')).toBeInstanceOf(EgressDeniedError);
    expect(connects).toEqual(['api.example.com:80']);
  });
});
