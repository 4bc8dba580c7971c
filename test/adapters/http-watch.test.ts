import { EventEmitter } from 'node:events';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { closeAll, install, mesh, pooledClient, REGISTRY_ONLY, send, serviceEntry } from './lab.ts';
import type { PooledClient } from './lab.ts';

let client: PooledClient;
let agent: PooledClient['agent'];
let call: PooledClient['call'];
let goOn: () => void;
beforeEach(async () => {
  client = await pooledClient((request, response) => {
    if (request.url !== '/slow') return void response.end(`ok ${request.url}`);
    response.write('slow');
    goOn = () => response.end(' end');
  });
  ({ agent, call } = client);
});
afterEach(async () => {
  closeAll();
  await client.close();
});

const policy = () => mesh(REGISTRY_ONLY, serviceEntry('api.example.com', client.web.port));
const isHooked = (): boolean =>
  Object.hasOwn(http.ClientRequest.prototype, 'emit') || Object.hasOwn(http.IncomingMessage.prototype, 'push');

it('hooks nothing while nobody is told of requests', async () => {
  install(policy(), { accessLog: false });
  await send(http, call('/1'));
  expect(isHooked()).toBe(false);
});

it('leaves requests and responses without fields and listeners of its own', async () => {
  const keys: PropertyKey[][] = [];
  const look = (): Promise<void> =>
    new Promise((resolve) => {
      const request = http.request(call('/1'), (response) => {
        keys.push(
          Reflect.ownKeys(request).filter((key) => typeof key === 'string'),
          Reflect.ownKeys(response).filter((key) => typeof key === 'string'),
          request.eventNames(),
          response.eventNames(),
        );
        response.resume().once('end', resolve);
      });
      request.end();
    });
  await look();
  const plain = keys.splice(0);
  agent.destroy();
  install(policy(), { accessLog: () => undefined });
  await look();
  expect(keys).toEqual(plain);
});

it('tells of a request that was under way when the egress was closed, and leaves nothing behind', async () => {
  const lines: string[] = [];
  const egress = install(policy(), { accessLog: (line) => lines.push(line) });
  await send(http, call('/1'));
  const body = new Promise<string>((resolve) => {
    http.get(call('/slow'), (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk))).once('end', () => resolve(text));
      closed = egress.close();
      goOn();
    });
  });
  let closed: Promise<void> | undefined;
  expect(await body).toBe('slow end');
  await closed;
  expect(lines.at(-1)).toMatch(/"GET \/slow HTTP\/1.1" 200 - via_upstream .* 0 8 /);
  expect(isHooked()).toBe(false);
});

it('tells which requests have their destination and connection in common', async () => {
  const shared: (object | undefined)[] = [];
  install(policy(), { accessLog: false, observers: [{ onEnd: (exchange) => shared.push(exchange.shared) }] });
  for (const path of ['/1', '/2', '/3', '/4']) await send(http, call(path));
  await send(http, call('/5', { agent: false }));
  const [first, second, third, fourth, elsewhere] = shared;
  expect(first).toBeUndefined();
  expect(third).toBeDefined();
  expect(fourth).toBe(third);
  expect(second).not.toBe(elsewhere);
  expect(elsewhere).not.toBe(third);
});

it('hears requests of a class that was put in the place of their own', async () => {
  const lines: string[] = [];
  install(policy(), { accessLog: (line) => lines.push(line) });
  const original = http.ClientRequest;
  const replace = (by: typeof http.ClientRequest): void => {
    (http as { ClientRequest: typeof http.ClientRequest }).ClientRequest = by;
    syncBuiltinESMExports();
  };
  replace(class extends original {});
  try {
    const request = new http.ClientRequest(call('/1'));
    await new Promise((resolve) =>
      request
        .once('response', (response) => response.resume())
        .once('close', resolve)
        .end(),
    );
    expect((await send(http, call('/2'))).status).toBe(200);
  } finally {
    replace(original);
  }
  expect(lines).toHaveLength(2);
});

it('calls what others put on all emitters afterwards', async () => {
  const lines: string[] = [];
  install(policy(), { accessLog: (line) => lines.push(line) });
  await send(http, call('/1'));
  const original = Object.getOwnPropertyDescriptor(EventEmitter.prototype, 'emit')!;
  const heard: unknown[] = [];
  EventEmitter.prototype.emit = function (event, ...args) {
    if (this instanceof http.ClientRequest) heard.push(event);
    return (original.value as typeof EventEmitter.prototype.emit).call(this, event, ...args);
  };
  try {
    await send(http, call('/2'));
  } finally {
    Object.defineProperty(EventEmitter.prototype, 'emit', original);
  }
  expect(heard).toContain('response');
  expect(lines).toHaveLength(2);
});

it('tells two egresses, one on an agent and one in the process, each once', async () => {
  const lines: string[] = [];
  const logged = { accessLog: (line: string) => lines.push(line) };
  const process = install(policy(), logged);
  const { createEgress } = await import('../../src/egress.ts');
  const alone = createEgress({ meshConfig: policy(), ...logged });
  alone.wrapAgent(agent);
  expect((await send(http, call('/1'))).body).toBe('ok /1');
  expect(lines).toHaveLength(2);
  await process.close();
  await send(http, call('/2'));
  expect(lines).toHaveLength(3);
  await alone.close();
  expect(isHooked()).toBe(false);
});
