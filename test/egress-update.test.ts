import http from 'node:http';
import http2 from 'node:http2';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadMeshConfig } from '../src/config/load.ts';
import { createEgress } from '../src/egress.ts';
import { EgressConfigError, EgressDeniedError, findEgressError } from '../src/errors.ts';
import { closeAll, httpServer, install, REGISTRY_ONLY, send, serviceEntry, type Lab } from './adapters/lab.ts';

let web: Lab;
let folder: string;
const file = (name: string): string => join(folder, name);
const write = (name: string, ...documents: string[]): string => {
  writeFileSync(file(name), documents.join('\n---\n'));
  return file(name);
};

beforeAll(async () => {
  web = await httpServer();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-update-'));
});
afterEach(() => {
  closeAll();
  rmSync(folder, { recursive: true });
});
afterAll(() => web.close());

const admitted = (): string => write('admits.yaml', REGISTRY_ONLY, serviceEntry('localhost', web.port));
const denied = (): string => write('denies.yaml', REGISTRY_ONLY, serviceEntry('other.example.com', web.port));
const get = (agent?: http.Agent): ReturnType<typeof send> =>
  send(http, { host: 'localhost', port: web.port, lookup: undefined, ...(agent && { agent }) });

describe('update with paths', () => {
  it('takes a file, a folder or several', async () => {
    const egress = install(loadMeshConfig(denied()));
    expect((await get()).error).toBeInstanceOf(EgressDeniedError);
    egress.update(admitted());
    expect((await get()).status).toBe(200);
    egress.update([write('mesh.yaml', REGISTRY_ONLY), write('other.yaml', serviceEntry('other.example.com', 80))]);
    expect((await get()).error).toBeInstanceOf(EgressDeniedError);
    rmSync(file('denies.yaml'));
    rmSync(file('mesh.yaml'));
    egress.update(folder);
    expect((await get()).status).toBe(200);
  });

  it('reads with the options with which the first was read', () => {
    const workload = { namespace: 'shop' };
    const egress = createEgress({ meshConfig: loadMeshConfig(denied(), { workload, loopback: 'bypass' }) });
    for (let i = 0; i < 2; i += 1) egress.update(admitted());
    expect(egress.meshConfig).toMatchObject({ workload, loopback: 'bypass' });
  });

  it('keeps the former policy when files do not load, and names file, line and field', async () => {
    const told: string[] = [];
    const egress = install(loadMeshConfig(admitted()), { onWarning: (message) => told.push(message), metrics: true });
    const broken = write('broken.yaml', serviceEntry('localhost', web.port).replace('HTTP}', 'HTTP, number: 99999}'));
    const wrong = write('wrong.yaml', serviceEntry('localhost', 99_999));
    for (const path of [broken, wrong, file('missing.yaml')]) {
      const error = ((): unknown => {
        try {
          return egress.update(path);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toBeInstanceOf(EgressConfigError);
      expect((error as Error).message).toContain(path);
      if (path === wrong) expect((error as Error).message).toMatch(/wrong\.yaml:7:\d+: .*spec\.ports\[0\]/);
    }
    expect((await get()).status).toBe(200);
    expect(told).toHaveLength(3);
    expect(told[0]).toContain('the former stays');
    expect(egress.metrics?.values('sidecarless_events_total')).toContainEqual({
      labels: { event: 'policy_update_failures' },
      value: 3,
    });
  });

  it('refuses paths for a policy that this package did not read', () => {
    const egress = createEgress({ meshConfig: { ...loadMeshConfig(admitted()) } });
    expect(() => egress.update(admitted())).toThrow(/give update\(\) a MeshConfig/);
  });
});

describe('connections that are idle when the policy changes', () => {
  const closed = (socket: net.Socket | undefined): Promise<unknown> =>
    new Promise((resolve) => (!socket || socket.destroyed ? resolve(undefined) : socket.once('close', resolve)));

  it('are closed in the pools of http, when they are denied now', async () => {
    const egress = install(loadMeshConfig(admitted()));
    const agent = new http.Agent({ keepAlive: true });
    await get(agent);
    const [idle] = Object.values(agent.freeSockets).flat();
    egress.update(admitted());
    expect(idle?.destroyed).toBe(false);
    egress.update(denied());
    await closed(idle);
    expect((await get(agent)).error).toBeInstanceOf(EgressDeniedError);
    agent.destroy();
  });

  it('are closed in the pools of fetch', async () => {
    const egress = install(loadMeshConfig(admitted()));
    const sockets: net.Socket[] = [];
    web.server.on('connection', (socket: net.Socket) => sockets.push(socket));
    const url = `http://localhost:${web.port}/`;
    expect((await (await fetch(url)).text()).slice(0, 2)).toBe('ok');
    egress.update(denied());
    for (const socket of sockets) await closed(socket);
    const error: unknown = await fetch(url).catch((thrown: unknown) => thrown);
    expect(findEgressError(error)).toBeInstanceOf(EgressDeniedError);
  });

  it('are closed as sessions of http2; one in use goes on, and its next stream is decided anew', async () => {
    const server = http2.createServer();
    let answer: (() => void) | undefined;
    server.on('stream', (stream: http2.ServerHttp2Stream) => {
      const end = (): void => {
        stream.respond({ ':status': 200 });
        stream.end('ok');
      };
      if (answer) end();
      else answer = end;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const admits = write('h2.yaml', REGISTRY_ONLY, serviceEntry('localhost', port, 'HTTP2'));
    const egress = install(loadMeshConfig(admits));
    const session = http2.connect(`http://localhost:${port}`);
    session.on('error', () => undefined);
    const ask = (): Promise<unknown> =>
      new Promise((resolve) => {
        const stream = session.request({ ':path': '/' });
        let outcome: unknown;
        stream.on('error', (error) => (outcome = error)).on('response', ({ ':status': status }) => (outcome = status));
        stream.on('close', () => resolve(outcome));
        stream.resume().end();
      });
    const first = ask();
    while (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    egress.update(denied());
    expect(findEgressError(await ask())).toBeInstanceOf(EgressDeniedError);
    answer();
    expect(await first).toBe(200);
    egress.update(denied());
    await new Promise((resolve) => (session.destroyed ? resolve(undefined) : session.once('close', resolve)));
    server.close();
  });
});
