import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Mirror } from '../../src/upstream/mirror.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Seen {
  readonly request: IncomingMessage;
  readonly body: string;
}

/** A server that tells of each request it got. */
async function shadow(): Promise<{ connect: () => Socket; next: () => Promise<Seen> }> {
  const waiting: ((seen: Seen) => void)[] = [];
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end('ignored');
      const one = { request, body: Buffer.concat(chunks).toString() };
      const resolve = waiting.shift();
      if (resolve === undefined) seen.push(one);
      else resolve(one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const next = (): Promise<Seen> =>
    new Promise((resolve) => {
      const one = seen.shift();
      if (one === undefined) waiting.push(resolve);
      else resolve(one);
    });
  return { connect: () => connect(port, '127.0.0.1'), next };
}

describe('a mirror', () => {
  it('gets the request, its headers and its body', async () => {
    const server = await shadow();
    const headers: [string, string][] = [
      ['Host', 'api.example.com:8080'],
      ['X-A', '1'],
      ['X-A', '2'],
      ['Connection', 'keep-alive'],
    ];
    const mirror = new Mirror({ method: 'POST', path: '/p?q=1', headers }, server.connect);
    mirror.write('hello ');
    mirror.write(Buffer.from('wörld'));
    mirror.end();
    const { request, body } = await server.next();
    expect(`${request.method} ${request.url}`).toBe('POST /p?q=1');
    expect(request.headers).toMatchObject({ host: 'api.example.com:8080', 'x-a': '1, 2', connection: 'close' });
    expect(body).toBe('hello wörld');
  });

  it('keeps a declared length', async () => {
    const server = await shadow();
    const mirror = new Mirror(
      {
        method: 'PUT',
        path: '/',
        headers: [
          ['host', 'a'],
          ['content-length', '3'],
        ],
      },
      server.connect,
    );
    mirror.write('abc');
    mirror.end();
    const { request, body } = await server.next();
    expect([request.headers['content-length'], request.headers['transfer-encoding'], body]).toEqual([
      '3',
      undefined,
      'abc',
    ]);
  });

  it('has the same host, or the one that Envoy gives it when asked to', async () => {
    const server = await shadow();
    const request = { method: 'GET', path: '/', headers: [['host', 'api.example.com:8080']] as [string, string][] };
    new Mirror(request, server.connect).end();
    expect((await server.next()).request.headers.host).toBe('api.example.com:8080');
    new Mirror(request, server.connect, { shadowHostSuffix: true }).end();
    expect((await server.next()).request.headers.host).toBe('api.example.com-shadow:8080');
  });

  it('that cannot be connected, or throws while connecting, is nothing', async () => {
    const gone = createTcpServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const request = { method: 'GET', path: '/', headers: [] };
    let socket: Socket | undefined;
    new Mirror(request, () => (socket = connect(port, '127.0.0.1'))).end();
    await new Promise((resolve) => socket?.once('close', resolve));
    const thrown = new Mirror(request, () => {
      throw new Error('no socket');
    });
    thrown.write('x');
    thrown.end();
  });

  it('that does not keep up is given up', () => {
    const stuck = new Duplex({ read: () => undefined, write: () => undefined });
    const mirror = new Mirror({ method: 'POST', path: '/', headers: [] }, () => stuck);
    for (let index = 0; index < 20; index += 1) mirror.write(Buffer.alloc(100_000));
    expect(stuck.destroyed).toBe(true);
  });
});
