/** Requests over a connection that the application brought about itself. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectProxy, type ConnectProxy } from './connect-proxy.ts';
import {
  closeAll,
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

const HOST = 'api.example.com';
const PROXY = 'proxy.example.com';
let web: Lab;
let proxy: ConnectProxy;

beforeAll(async () => {
  web = await httpServer((request, response) => response.end(`web ${request.url}`));
  proxy = await connectProxy();
});
afterAll(async () => {
  await web.close();
  await proxy.close();
});
afterEach(() => {
  closeAll();
  web.seen.length = 0;
});

/** The connection that a proxy gives for CONNECT. */
async function dig(): Promise<net.Socket> {
  const path = `${HOST}:${web.port}`;
  const options = { host: PROXY, port: proxy.port, method: 'CONNECT', path, agent: false, lookup: lookupTo() } as const;
  const request = http.request(options).end();
  const [, socket] = (await once(request, 'connect')) as [http.IncomingMessage, net.Socket];
  return socket;
}

describe('a request inside a tunnel that the application dug with CONNECT', () => {
  it('obeys the routes of the host at its other end', async () => {
    const spec = `http:
- match: [{uri: {prefix: /old}}]
  rewrite: {uri: /new}
  route: [{destination: {host: ${HOST}}}]
- match: [{uri: {prefix: /open}}]
  route: [{destination: {host: ${HOST}}}]`;
    install(
      mesh(
        REGISTRY_ONLY,
        serviceEntry(HOST, web.port),
        serviceEntry(PROXY, proxy.port, 'TCP'),
        // The proxy runs in this process, too.
        serviceEntry('localhost', web.port, 'TCP'),
        virtualService(HOST, spec),
      ),
    );
    const ask = async (path: string): ReturnType<typeof send> => {
      const socket = await dig();
      const outcome = await send(http, { createConnection: () => socket, headers: { host: HOST }, path });
      socket.destroy();
      return outcome;
    };
    expect((await ask('/open')).body).toBe('web /open');
    expect((await ask('/old')).body).toBe('web /new');
    expect((await ask('/unrouted')).error).toMatchObject({ code: 'ERR_EGRESS_DENIED' });
    expect(web.seen.map(({ url }) => url)).toEqual(['/open', '/new']);
  });
});
