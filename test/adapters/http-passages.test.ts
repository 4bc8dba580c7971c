import http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressDeniedError } from '../../src/errors.ts';
import { closeAll, install, mesh, pooledClient, REGISTRY_ONLY, send, serviceEntry, virtualService } from './lab.ts';
import type { Lab, PooledClient } from './lab.ts';

let client: PooledClient;
let web: Lab;
let call: PooledClient['call'];
beforeEach(async () => {
  client = await pooledClient();
  ({ web, call } = client);
});
afterEach(async () => {
  closeAll();
  await client.close();
});

const admitted = (): string[] => [REGISTRY_ONLY, serviceEntry('api.example.com', web.port)];

/** Two requests, so that those after them go by what was decided for them. */
async function askedBefore(): Promise<void> {
  for (const path of ['/1', '/2']) expect((await send(http, call(path))).status).toBe(200);
}

describe('a destination that was asked for before', () => {
  it.each(['log on', 'log off'])('lets requests go over its pooled connection (%s)', async (log) => {
    const lines: string[] = [];
    install(mesh(...admitted()), { accessLog: log === 'log on' ? (line) => lines.push(line) : false });
    await askedBefore();
    expect((await send(http, call('/3', { headers: { 'user-agent': 'third' } }))).body).toBe('ok /3');
    expect(web.connections).toBe(1);
    if (log === 'log on') expect(lines.at(-1)).toMatch(/"GET \/3 HTTP\/1.1" 200 - via_upstream .* 0 5 .*"third"/);
  });

  it("gives no client command over a sidecar: Envoy's controls are taken out of every request", async () => {
    const lines: string[] = [];
    install(mesh(...admitted()), { accessLog: (line) => lines.push(line) });
    const headers = { 'X-Envoy-Max-Retries': '9', 'x-team': 'a' };
    for (const path of ['/1', '/2', '/3', '/4']) expect((await send(http, call(path, { headers }))).status).toBe(200);
    const request = http.request(call('/5'));
    request.setHeader('x-envoy-retry-on', '5xx');
    await new Promise(
      (resolve) => void request.once('response', (answer) => answer.resume().once('end', resolve)).end(),
    );
    for (const one of web.seen)
      expect(Object.keys(one.headers).filter((name) => name.startsWith('x-envoy'))).toEqual([]);
    expect(web.seen.map((one) => one.headers['x-team'])).toEqual(['a', 'a', 'a', 'a', undefined]);
    expect(lines.map((line) => line.split(' ')[2])).toEqual(['/1', '/2', '/3', '/4', '/5']);
  });

  it('is asked for anew by a request whose Host header is set afterwards', async () => {
    install(mesh(...admitted()));
    await askedBefore();
    const request = http.request(call('/3'));
    request.setHeader('host', 'evil.example');
    const error = await new Promise<Error>((resolve) => void request.once('error', resolve).end());
    expect(error).toBeInstanceOf(EgressDeniedError);
    expect(web.seen).toHaveLength(2);
  });

  it.each([
    ['a Host header of another', { headers: { host: 'evil.example' } }],
    ['a target of another', { path: 'http://evil.example/' }],
    ['another port', { port: 9 }],
    ['another name', { host: 'other.example.com' }],
  ])('admits nothing by %s', async (_what, more) => {
    install(mesh(...admitted()));
    await askedBefore();
    expect((await send(http, call('/3', more))).error).toBeInstanceOf(EgressDeniedError);
    expect(web.seen).toHaveLength(2);
  });

  it('is asked for anew after an update, and when a route looks at headers', async () => {
    const egress = install(mesh(...admitted()));
    await askedBefore();
    const onlySome = `http:
- match: [{headers: {x-team: {exact: payments}}}]
  route: [{destination: {host: api.example.com}}]`;
    egress.update(mesh(...admitted(), virtualService('api.example.com', onlySome)));
    expect((await send(http, call('/3'))).error).toBeInstanceOf(EgressDeniedError);
    expect((await send(http, call('/4', { headers: { 'x-team': 'payments' } }))).status).toBe(200);
    expect((await send(http, call('/5'))).error).toBeInstanceOf(EgressDeniedError);
    egress.update(mesh(REGISTRY_ONLY));
    expect((await send(http, call('/6'))).error).toBeInstanceOf(EgressDeniedError);
  });
});
