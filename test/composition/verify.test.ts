import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ALLOW_ANY, closeAll, install, mesh, REGISTRY_ONLY } from '../adapters/lab.ts';

/** Seams that are really broken: Node's own functions, from before anybody installed anything. */
const NODE = {
  connect: Reflect.get(net.Socket.prototype, 'connect') as unknown,
  addRequest: (http.Agent.prototype as unknown as Record<string, unknown>)['addRequest'],
};
const handle = (): Record<string, unknown> => {
  const probe = new net.Socket();
  probe.on('error', () => undefined);
  probe.connect({ host: 'probe.invalid', port: 1, lookup: () => undefined });
  const prototype = Object.getPrototypeOf((probe as unknown as { _handle: object })._handle) as Record<string, unknown>;
  probe.destroy();
  return prototype;
};
const NODE_HANDLE = handle()['connect'];

const broken: (() => void)[] = [];
function overwrite(owner: object, key: string, value: unknown): void {
  const ours = Object.getOwnPropertyDescriptor(owner, key) as PropertyDescriptor;
  Object.defineProperty(owner, key, { ...ours, value });
  broken.push(() => Object.defineProperty(owner, key, ours));
}
afterEach(() => {
  for (const restore of broken.splice(0).reverse()) restore();
  closeAll();
});

describe('verify', () => {
  it('proves every layer, whatever the policy and the mode are', async () => {
    for (const mode of ['enforce', 'report'] as const) {
      const egress = install(mesh(ALLOW_ANY), { mode });
      const { ok, layers, replaced } = await egress.verify();
      expect(layers.map(({ layer, denied }) => [layer, denied])).toEqual([
        ['net.connect', true],
        ['net.Socket', true],
        ['tls.connect', true],
        ['http.request', true],
        ['http.Agent', true],
        ['https.request', true],
        ['http2.connect', true],
        ['fetch', true],
      ]);
      expect([ok, replaced]).toEqual([true, []]);
      closeAll();
    }
  });

  it('proves nothing before it is installed, and after it was closed', async () => {
    const egress = install(mesh(REGISTRY_ONLY));
    closeAll();
    expect((await egress.verify()).ok).toBe(false);
  });

  it('finds sockets that no longer obey, although HTTP does, and names what was replaced', async () => {
    const egress = install(mesh(REGISTRY_ONLY));
    overwrite(net.Socket.prototype, 'connect', NODE.connect);
    const { ok, layers, replaced } = await egress.verify();
    const open = layers.filter(({ denied }) => !denied);
    expect(ok).toBe(false);
    expect(replaced).toEqual(['Socket.prototype.connect']);
    // The handle underneath still keeps the connection from being made.
    expect(open.map(({ layer }) => layer)).toEqual(['net.connect', 'net.Socket', 'tls.connect', 'http2.connect']);
    for (const { error } of open) expect(error).toContain('EACCES');
  });

  it('finds a connection that is really made', async () => {
    const egress = install(mesh(REGISTRY_ONLY));
    overwrite(net.Socket.prototype, 'connect', NODE.connect);
    overwrite(handle(), 'connect', NODE_HANDLE);
    const { layers } = await egress.verify();
    expect(layers.find(({ layer }) => layer === 'net.connect')).toEqual({
      layer: 'net.connect',
      denied: false,
      error: 'connected',
    });
  });

  it('finds requests that only their socket denies', async () => {
    const egress = install(mesh(REGISTRY_ONLY));
    overwrite(http.Agent.prototype, 'addRequest', NODE.addRequest);
    const { ok, replaced } = await egress.verify();
    expect(replaced).toEqual(['Agent.prototype.addRequest']);
    expect(ok).toBe(true);
  });
});
