import { once } from 'node:events';
import http from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALLOW_ANY, closeAll, install, mesh, REGISTRY_ONLY, send, serviceEntry } from './lab.ts';

let folder: string;
let path: string;
let server: http.Server;
let connections = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-pipe-'));
  path = join(folder, 'web.sock');
  server = http.createServer((_request, response) => response.end('ok')).on('connection', () => (connections += 1));
  await once(server.listen(path), 'listening');
});
afterEach(() => {
  closeAll();
  connections = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

interface PipeBinding {
  readonly Pipe: new (type: number) => { connect(request: object, path: string): number; close(): void };
  readonly PipeConnectWrap: new () => { oncomplete?: (status: number) => void };
  readonly constants: { readonly SOCKET: number };
}

/** Opens it by a handle of its own, below all sockets: what became of it, as libuv says. */
async function openRaw(): Promise<number> {
  const { binding } = process as unknown as { binding: (name: string) => PipeBinding };
  const { Pipe, PipeConnectWrap, constants } = binding('pipe_wrap');
  const handle = new Pipe(constants.SOCKET);
  try {
    return await new Promise((resolve) => {
      const request = Object.assign(new PipeConnectWrap(), { oncomplete: resolve });
      const refused = handle.connect(request, path);
      if (refused !== 0) resolve(refused);
    });
  } finally {
    handle.close();
  }
}

describe('a raw handle of a pipe', () => {
  it('is refused what unixSockets does not list, and told of', async () => {
    const ended: unknown[] = [];
    install(mesh(REGISTRY_ONLY), {
      observers: [{ onEnd: ({ seam, connection }) => ended.push([seam, connection.host]) }],
    });
    expect(await openRaw()).toBe(-13);
    expect(connections).toBe(0);
    expect(await new Promise((resolve) => net.connect(path).once('error', resolve))).toMatchObject({
      code: 'ERR_EGRESS_DENIED',
    });
    closeAll();
    expect(ended).toContainEqual(['handle', path]);
  });

  it('opens what it lists, what a policy without it allows, and anything after uninstalling', async () => {
    install(mesh(REGISTRY_ONLY), { unixSockets: [`${folder}/*`] });
    expect(await openRaw()).toBe(0);
    closeAll();
    install(mesh(ALLOW_ANY));
    expect(await openRaw()).toBe(0);
    closeAll();
    expect(await openRaw()).toBe(0);
    await expect.poll(() => connections).toBe(3);
  });
});

describe('a unix socket that a policy leads to', () => {
  const led = (protocol: string): string =>
    serviceEntry('api.example.com', 80, protocol, `resolution: STATIC\nendpoints: [{address: 'unix://${path}'}]`);

  it.each(['HTTP', 'TCP'])('is opened for %s without being listed', async (protocol) => {
    install(mesh(REGISTRY_ONLY, led(protocol)));
    if (protocol === 'HTTP')
      expect((await send(http, { host: 'api.example.com', port: 80, agent: false })).body).toBe('ok');
    const socket = net.connect(80, 'api.example.com');
    await once(socket, 'connect');
    socket.destroy();
    expect(await openRaw()).toBe(-13);
  });
});
