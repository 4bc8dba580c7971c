import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findEgressError } from '../../src/errors.ts';
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
  type Outcome,
} from '../adapters/lab.ts';
import { EVIL, expectDenied, expectNothing, HOST, pair, type Pair } from './lab.ts';

/** Requests whose head says something else than the connection, and requests that lead on. */
let lab: Pair;

beforeAll(async () => void (lab = await pair()));
afterAll(() => lab.close());
afterEach(() => {
  closeAll();
  lab.web.seen.length = lab.forbidden.seen.length = 0;
});

const call = (more: http.RequestOptions = {}): http.RequestOptions => ({ host: HOST, port: lab.web.port, ...more });
const reached = async (options: http.RequestOptions): Promise<Outcome> => {
  const outcome = await send(http, options);
  expect(outcome.error).toBeUndefined();
  return outcome;
};
/** All Host lines that the server got. */
const hostsSeen = (): string[] =>
  lab.web.seen.flatMap(({ rawHeaders }) => rawHeaders.filter((_, at) => rawHeaders[at - 1]?.toLowerCase() === 'host'));

describe('the Host header', () => {
  it('does not make another destination of the one that is dialled', async () => {
    install(lab.policy);
    const { port } = lab.forbidden;
    for (const host of ['127.0.0.1', 'localhost', EVIL]) {
      await expectDenied(lab, () => send(http, { host, port, headers: { Host: HOST } }), host);
      await expectDenied(
        lab,
        () => send(http, { host, port: lab.web.port, headers: { Host: `${HOST}:${port}` } }),
        host,
      );
      await expectDenied(lab, () => fetch(`http://${host}:${port}/`, { headers: { host: HOST } }), `fetch ${host}`);
    }
  });

  it('does not reach a denied host behind an admitted one', async () => {
    install(lab.policy);
    for (const host of [EVIL, '127.0.0.1', `${EVIL}:${lab.web.port}`, 'other.example.com', `${HOST}.${EVIL}`])
      await expectDenied(lab, () => send(http, call({ headers: { Host: host } })), host);
  });

  it('of fetch is decided as it leaves', async () => {
    install(mesh(REGISTRY_ONLY, serviceEntry('localhost', lab.web.port)));
    // Some versions of fetch send it, others keep to the URL.
    const answer = await fetch(`http://localhost:${lab.web.port}/`, { headers: { host: EVIL } }).catch(
      (error: unknown) => findEgressError(error)?.code,
    );
    if (answer instanceof Response) expect(hostsSeen()).toEqual([`localhost:${lab.web.port}`]);
    else expect([answer, lab.web.seen]).toEqual(['ERR_EGRESS_DENIED', []]);
  });

  it.each([
    ['two lines', ['Host', HOST, 'Host', EVIL]],
    ['two lines, the other first', ['Host', EVIL, 'Host', HOST]],
    ['two lines of the same', ['Host', HOST, 'hOST', HOST]],
  ])('is one: %s', async (_what, headers) => {
    install(lab.policy);
    await expectDenied(lab, () => send(http, call({ headers: headers as unknown as http.OutgoingHttpHeaders })));
  });

  it('is one when it is set as a list, joined or not, before or after the request was made', async () => {
    install(lab.policy);
    const list = { Host: [HOST, EVIL] } as unknown as http.OutgoingHttpHeaders;
    await expectDenied(lab, () => send(http, call({ headers: list })));
    await expectDenied(lab, () => send(http, call({ headers: list, uniqueHeaders: ['host'] })));
    await expectNothing(lab, () =>
      fetch(`http://${HOST}:${lab.web.port}/`, {
        headers: [
          ['host', HOST],
          ['host', EVIL],
        ],
      }),
    );
    closeAll();
    // When a header is set later the connection is there already, and nothing is sent over it.
    const late = await httpServer();
    install(mesh(REGISTRY_ONLY, serviceEntry(HOST, late.port)));
    const set = (change: (request: http.ClientRequest) => void): Promise<{ error: Error }> =>
      new Promise((resolve) => {
        const request = http.request(call({ port: late.port, lookup: lookupTo(), agent: new http.Agent() }));
        request
          .on('error', (error) => resolve({ error }))
          .on('response', () => resolve({ error: new Error('answered') }));
        change(request);
        request.end();
      });
    for (const change of [
      (request: http.ClientRequest) => request.setHeader('Host', [HOST, EVIL]),
      (request: http.ClientRequest) => request.setHeader('hOST', EVIL),
      (request: http.ClientRequest) => request.appendHeader('host', EVIL),
    ])
      expect(findEgressError((await set(change)).error)?.code).toBe('ERR_EGRESS_DENIED');
    expect(late.seen).toEqual([]);
    await late.close();
  });

  it('is the one that Node sends, in whatever case it is written', async () => {
    install(lab.policy);
    await expectDenied(lab, () => send(http, call({ headers: { Host: HOST, hOST: EVIL } })));
    // Node sends the last.
    await reached(call({ headers: { Host: EVIL, hOST: HOST } }));
    await reached(call({ headers: { HOST: HOST.toUpperCase() } }));
    expect(hostsSeen()).toEqual([HOST, HOST.toUpperCase()]);
  });

  it('may be missing, empty, or name a port: what is dialled still has to be admitted', async () => {
    install(lab.policy);
    const { port } = lab.web;
    await reached(call({ headers: { Host: '' } }));
    await reached(call({ headers: { Host: `${HOST}:${port}` } }));
    await reached(call({ headers: { Host: `${HOST}.` } }));
    expect(hostsSeen()).toEqual([`${HOST}:${port}`, `${HOST}:${port}`, `${HOST}.`]);
    const none = await reached(call({ setHost: false, headers: { Connection: 'close' } }));
    // The server's own answer: HTTP/1.1 wants a Host.
    expect(none.status).toBe(400);
    for (const headers of [{ Host: '' }, {}])
      await expectDenied(lab, () => send(http, { host: EVIL, port, headers, setHost: false }));
  });

  it.each(['a b', 'a,b', `${HOST}/`, `${HOST}#`, `${HOST}@${EVIL}`, `${EVIL}\\.${HOST}`, '[', `${HOST}\t${EVIL}`])(
    'that is no host is no request: %j',
    async (host) => {
      install(lab.policy);
      await expectDenied(lab, () => send(http, call({ headers: { Host: host } })));
    },
  );

  it('with a line break in it, or a path or method with one, is refused', async () => {
    install(lab.policy);
    const smuggled = `${HOST}\r\nHost: ${EVIL}`;
    await expectNothing(lab, () => send(http, call({ headers: { Host: smuggled } })));
    await expectNothing(lab, () => send(http, call({ host: smuggled })));
    await expectNothing(lab, () => send(http, call({ path: `/ HTTP/1.1\r\nHost: ${EVIL}\r\n\r\n` })));
    await expectNothing(lab, () => send(http, call({ method: `GET / HTTP/1.1\r\nHost: ${EVIL}\r\n\r\nGET` })));
    await expectNothing(lab, () => fetch(`http://${HOST}:${lab.web.port}/`, { headers: { host: smuggled } }));
  });
});

describe('a request target', () => {
  it('in absolute form is where the request is meant to go, also on the port of a forward proxy', async () => {
    const proxy = 'proxy.example.com';
    for (const protocol of ['HTTP', 'TCP']) {
      install(mesh(REGISTRY_ONLY, serviceEntry(proxy, lab.web.port, protocol), serviceEntry(HOST, 80)));
      const through = (path: string): http.RequestOptions => ({ host: proxy, port: lab.web.port, path });
      for (const target of [
        `http://${EVIL}/x`,
        `HTTP://${EVIL}/x`,
        `https://${EVIL}/x`,
        `http://${HOST}@${EVIL}/x`,
        `http://${EVIL}\\@${HOST}/x`,
        `http://${EVIL}:80#@${HOST}/x`,
        `http://${HOST}:81/x`,
        `http:${EVIL}/x`,
        `ftp://${EVIL}/x`,
        `ws://${EVIL}/x`,
        `gopher://${EVIL}:70/x`,
        'http://127.0.0.1/x',
        'http://0x7f.1/x',
        'http://[::1]/x',
        'file:///etc/passwd',
      ])
        await expectDenied(lab, () => send(http, through(target)), `${protocol} ${target}`);
      if (protocol === 'TCP') await reached(through(`http://${HOST}/x`));
      closeAll();
    }
    expect(lab.web.seen.map(({ url }) => url)).toEqual([`http://${HOST}/x`]);
  });

  it.each([
    ['/public/../admin', undefined],
    ['/public/%2e%2e/admin', undefined],
    ['/%70ublic/a', '/public/a'],
    ['/./public/a', '/public/a'],
    ['//public/a', undefined],
    ['/admin;/public', undefined],
    ['/public%00', undefined],
    ['?/public', undefined],
    ['/public/a?/../../admin', '/public/a?/../../admin'],
  ])('is matched in the form in which it leaves: %s', async (path, leaves) => {
    const routes = `http:\n- match: [{uri: {prefix: /public}}]\n  route: [{destination: {host: ${HOST}}}]`;
    install(mesh(REGISTRY_ONLY, serviceEntry(HOST, lab.web.port), virtualService(HOST, routes)));
    if (leaves === undefined) await expectDenied(lab, () => send(http, call({ path })));
    else {
      await reached(call({ path }));
      expect(lab.web.seen.map(({ url }) => url)).toEqual([leaves]);
    }
  });
});

describe('a tunnel', () => {
  const proxy = 'proxy.example.com';
  const connects: string[] = [];
  let server: Lab;
  let session: http2.Http2Server;
  const opened: http2.ClientHttp2Session[] = [];

  beforeAll(async () => {
    server = await httpServer();
    server.server.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      connects.push(request.url ?? '');
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
    session = http2.createServer({ settings: { enableConnectProtocol: true } });
    session.on('stream', (stream, headers) => {
      connects.push(`${headers[':method']} ${headers[':authority']}`);
      stream.on('error', () => undefined).respond({ ':status': 200 }, { endStream: true });
    });
    await new Promise<void>((resolve) => session.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    connects.length = 0;
    for (const one of opened.splice(0)) one.destroy();
  });
  afterAll(async () => {
    await server.close();
    session.close();
  });

  it.each([`${EVIL}:443`, '127.0.0.1:22', `${HOST}:22`, EVIL, `http://${EVIL}:443`, `${HOST}:443@${EVIL}:443`])(
    'leads only to what is admitted: CONNECT %s',
    async (target) => {
      install(mesh(REGISTRY_ONLY, serviceEntry(proxy, server.port, 'TCP'), serviceEntry(HOST, 443, 'TLS')));
      const dig = (path: string): Promise<{ error?: Error }> =>
        new Promise((resolve) => {
          http
            .request({ host: proxy, port: server.port, method: 'CONNECT', path, lookup: lookupTo() })
            .on('connect', (_response, socket) => {
              socket.destroy();
              resolve({});
            })
            .on('error', (error) => resolve({ error }))
            .end();
        });
      expect(findEgressError((await dig(target)).error)?.code).toBe('ERR_EGRESS_DENIED');
      expect(connects).toEqual([]);
      expect((await dig(`${HOST}:443`)).error).toBeUndefined();
      expect(connects).toEqual([`${HOST}:443`]);
    },
  );

  it("leads only to what is admitted through undici's dispatchers as well", async () => {
    install(mesh(REGISTRY_ONLY, serviceEntry('localhost', server.port, 'TCP'), serviceEntry(HOST, 443, 'TLS')));
    await fetch('data:,loaded');
    const dispatcher = (globalThis as unknown as Record<symbol, Dispatcher>)[Symbol.for('undici.globalDispatcher.1')];
    const dig = (path: string): Promise<unknown> =>
      new Promise((resolve) => {
        dispatcher?.dispatch(
          { origin: `http://localhost:${server.port}`, method: 'CONNECT', path },
          {
            onConnect: () => undefined,
            onUpgrade: (_status: number, _headers: unknown, socket: net.Socket) => {
              socket.destroy();
              resolve('dug');
            },
            onHeaders: () => true,
            onData: () => true,
            onComplete: () => resolve('answered'),
            onError: resolve,
          },
        );
      });
    expect(findEgressError(await dig(`${EVIL}:443`))?.code).toBe('ERR_EGRESS_DENIED');
    expect(findEgressError(await dig('127.0.0.1:22'))?.code).toBe('ERR_EGRESS_DENIED');
    expect(connects).toEqual([]);
    expect(await dig(`${HOST}:443`)).toBe('dug');
    expect(connects).toEqual([`${HOST}:443`]);
  });

  it.each(['TCP', 'HTTP2'])('is decided stream by stream in a session of HTTP/2: %s', async (protocol) => {
    const { port } = session.address() as net.AddressInfo;
    install(mesh(REGISTRY_ONLY, serviceEntry('localhost', port, protocol), serviceEntry(HOST, 443, 'TLS')));
    const client = http2.connect(`http://localhost:${port}`);
    opened.push(client.on('error', () => undefined));
    await new Promise((resolve) => client.once('remoteSettings', resolve));
    const ask = (headers: http2.OutgoingHttpHeaders): Promise<unknown> =>
      new Promise((resolve) => {
        client
          .request(headers)
          .on('response', ({ ':status': status }) => resolve(status))
          .on('error', resolve);
      });
    for (const authority of [`${EVIL}:443`, '127.0.0.1:22', `${HOST}:22`]) {
      const refused = await ask({ ':method': 'CONNECT', ':authority': authority });
      expect(findEgressError(refused)?.code, authority).toBe('ERR_EGRESS_DENIED');
      const extended = {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':scheme': 'http',
        ':path': '/',
        ':authority': authority,
      };
      expect(findEgressError(await ask(extended))?.code, `extended ${authority}`).toBe('ERR_EGRESS_DENIED');
    }
    expect(connects).toEqual([]);
    if (protocol === 'TCP') {
      expect(await ask({ ':method': 'CONNECT', ':authority': `${HOST}:443` })).toBe(200);
      expect(connects).toEqual([`CONNECT ${HOST}:443`]);
    }
  });
});

interface Dispatcher {
  dispatch(options: object, handler: object): boolean;
}

describe('an upgrade', () => {
  it('is decided as a request, and a timeout of its route does not cut what came of it', async () => {
    const server = await httpServer();
    server.server.on('upgrade', (_request: http.IncomingMessage, socket: net.Socket) => {
      socket.on('error', () => undefined).on('data', (bytes) => socket.write(`pong ${String(bytes)}`));
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    });
    const routes = `http:\n- match: [{uri: {prefix: /socket}}]\n  timeout: 0.1s\n  route: [{destination: {host: ${HOST}}}]`;
    install(mesh(REGISTRY_ONLY, serviceEntry(HOST, server.port), virtualService(HOST, routes)));
    const upgrade = (path: string, protocol = 'websocket'): Promise<net.Socket | Error> =>
      new Promise((resolve) => {
        http
          .request({
            ...call({ port: server.port, path, lookup: lookupTo() }),
            headers: { connection: 'upgrade', upgrade: protocol },
          })
          .on('upgrade', (_response, socket) => resolve(socket))
          .on('error', resolve)
          .end();
      });
    expect(findEgressError(await upgrade('/admin'))?.code).toBe('ERR_EGRESS_DENIED');
    expect(findEgressError(await upgrade('/socket', 'other'))?.code).toBe('ERR_EGRESS_DENIED');
    const socket = (await upgrade('/socket')) as net.Socket;
    expect(socket).toBeInstanceOf(net.Socket);
    await new Promise((resolve) => setTimeout(resolve, 250));
    const answer = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
    socket.write('PING');
    expect(await answer).toBe('pong PING');
    socket.destroy();
    await server.close();
  });
});

describe('a redirect', () => {
  it('is a new decision at each hop: host, port and scheme', async () => {
    const server = await httpServer((request, response) => {
      response.writeHead(302, { location: decodeURIComponent((request.url ?? '').slice(1)) }).end();
    });
    install(
      mesh(
        REGISTRY_ONLY,
        serviceEntry('localhost', server.port),
        serviceEntry('localhost.example.com', lab.forbidden.port),
      ),
    );
    const follow = (location: string): Promise<Response> =>
      fetch(`http://localhost:${server.port}/${encodeURIComponent(location)}`);
    const { port } = lab.forbidden;
    for (const location of [`http://[::1]:${port}/`, `http://127.0.0.1:${port}/`, `http://localhost:${port}/`]) {
      const error = await follow(location).catch((failure: unknown) => failure);
      expect(findEgressError(error)?.code, location).toBe('ERR_EGRESS_DENIED');
    }
    for (const location of ['file:///etc/passwd', 'ftp://localhost/', 'unix:/var/run/docker.sock', 'data:,x'])
      await expect(follow(location), location).rejects.toThrow();
    expect(lab.forbidden.seen).toEqual([]);
    await server.close();
  });
});
