import * as http2 from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';
import { entry, Lab, routes } from './undici-lab.ts';
import type { LabServer } from './undici-lab.ts';

interface Answer {
  readonly head: IncomingHttpHeaders & { ':status'?: number | undefined };
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
}

interface Seen {
  readonly server: string;
  readonly headers: IncomingHttpHeaders;
  body: string;
}

let lab: Lab;
let seen: Seen[];
const sessions: ClientHttp2Session[] = [];
const accepted: Socket[] = [];

beforeEach(() => {
  lab = new Lab();
  seen = [];
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  // A server that said GOAWAY waits for its client to go.
  for (const socket of accepted.splice(0)) socket.destroy();
  await lab.close();
});

type Answering = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, nth: number) => void;

const plain: Answering = (stream, headers) => {
  stream.respond({ ':status': 200, 'x-upstream': '1' });
  stream.end(`answer to ${headers[':path']}`);
};

/** Takes the whole request, then answers. */
async function serve(name: string, answer: Answering = plain, server = http2.createServer()): Promise<LabServer> {
  let nth = 0;
  server.on('stream', (stream, headers) => {
    const one: Seen = { server: name, headers, body: '' };
    seen.push(one);
    nth += 1;
    const turn = nth;
    stream.on('error', () => undefined);
    stream.setEncoding('utf8').on('data', (chunk: string) => (one.body += chunk));
    stream.on('end', () => answer(stream, headers, turn));
  });
  server.on('sessionError', () => undefined);
  server.on('connection', (socket: Socket) => accepted.push(socket));
  return lab.listen(server);
}

function connect(authority: string, options: http2.SecureClientSessionOptions = {}): ClientHttp2Session {
  const session = http2.connect(authority, options);
  session.on('error', () => undefined);
  sessions.push(session);
  return session;
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers);
    let head: Answer['head'] = {};
    let trailers: IncomingHttpHeaders = {};
    let text = '';
    stream.setEncoding('utf8');
    stream.on('response', (got) => (head = got));
    stream.on('trailers', (got) => (trailers = got));
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('error', reject);
    stream.on('close', () => resolve({ head, trailers, body: text }));
    stream.end(body);
  });
}

const fixed = (name: string, host: string, port: number, protocol = 'HTTP2'): string =>
  entry(
    host,
    80,
    `  resolution: STATIC\n  endpoints: [{ address: 127.0.0.1, ports: { p: ${port} } }]`,
    protocol,
  ).replace('kind: ServiceEntry\nmetadata: { name: ', `kind: ServiceEntry\nmetadata: { name: ${name}-`);
const api = '{ destination: { host: api.nowhere.test } }';
const other = '{ destination: { host: b.nowhere.test, port: { number: 80 } } }';

describe('a session', () => {
  it('leads to the endpoints of the service that it names', async () => {
    const server = await serve('a');
    lab.egress(fixed('a', 'api.nowhere.test', server.port)).install();
    const session = connect('http://api.nowhere.test');
    const { head, body } = await ask(session, { ':path': '/1' });
    await ask(session, { ':path': '/2' });
    expect([head[':status'], body, server.connections]).toEqual([200, 'answer to /1', 1]);
    expect(seen.map(({ headers }) => headers[':authority'])).toEqual(Array(2).fill('api.nowhere.test:80'));
    expect(lab.lines[0]).toContain(`"127.0.0.1:${server.port}" outbound|80||api.nowhere.test `);
  });

  it('leads to the target port of the service, also where routes are written for it', async () => {
    const server = await serve('a');
    const service = entry('api.example.com', 80, `targetPort: ${server.port}`, 'HTTP2');
    lab
      .egress(
        service + routes('api.example.com', '{ timeout: 5s, route: [{ destination: { host: api.example.com } }] }'),
      )
      .install();
    expect((await ask(connect('http://api.example.com'), { ':path': '/' })).body).toBe('answer to /');
    expect(server.connections).toBe(1);
  });

  it('speaks the TLS of the application to the endpoint, with its own options', async () => {
    const authority = await createAuthority();
    const { key, cert } = await issueCertificate(authority, ['api.nowhere.test']);
    const server = await serve('a', plain, http2.createSecureServer({ key, cert }));
    lab.egress(fixed('a', 'api.nowhere.test', server.port, 'HTTPS').replaceAll('number: 80', 'number: 443')).install();
    const { body } = await ask(connect('https://api.nowhere.test', { ca: authority.cert }), { ':path': '/' });
    expect(body).toBe('answer to /');
  });

  it('is closed when it is idle and denied after an update, and left alone when it is admitted', async () => {
    const server = await serve('a');
    const egress = lab.egress(fixed('a', 'api.nowhere.test', server.port));
    egress.install();
    const session = connect('http://api.nowhere.test');
    await ask(session, { ':path': '/' });
    await new Promise((done) => setTimeout(done, 20));
    egress.update(lab.config(fixed('a', 'api.nowhere.test', server.port)));
    expect(session.closed).toBe(false);
    egress.update(lab.config(fixed('a', 'else.nowhere.test', server.port)));
    expect(session.closed).toBe(true);
  });

  it('ends with GOAWAY as Node has it: what is open ends well, another session takes the next', async () => {
    const server = await serve('a', (stream, headers, nth) => {
      if (nth === 1) stream.session?.goaway();
      plain(stream, headers, nth);
    });
    const quick = routes('api.nowhere.test', `{ timeout: 5s, route: [${api}] }`);
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + quick).install();
    const session = connect('http://api.nowhere.test');
    expect((await ask(session, { ':path': '/1' })).body).toBe('answer to /1');
    await expect.poll(() => session.closed).toBe(true);
    // Node 24 tells it by the stream, former versions throw.
    const refusal = await new Promise((told) => {
      try {
        session.request({ ':path': '/2' }).on('error', told);
      } catch (error) {
        told(error);
      }
    });
    expect(refusal).toBeInstanceOf(Error);
  });

  it('that runs over something that is no socket is not led elsewhere', async () => {
    const server = await serve('a');
    lab.egress(fixed('a', 'api.nowhere.test', server.port)).install();
    const nowhere = new PassThrough();
    const session = connect('http://api.nowhere.test', { createConnection: () => nowhere });
    await expect(ask(session, { ':path': '/' })).rejects.toMatchObject({
      code: 'ERR_EGRESS_DENIED',
      message: expect.stringContaining('by other means than sockets'),
    });
  });
});

describe('a stream', () => {
  it('is carried to the target of its own route, on one further session for each', async () => {
    const [a, b] = [await serve('a'), await serve('b')];
    const split = routes(
      'api.nowhere.test',
      `{ match: [{ uri: { prefix: /b } }], retries: { attempts: 0 }, route: [${other}] }`,
      `{ retries: { attempts: 0 }, route: [${api}] }`,
    );
    lab.egress(fixed('a', 'api.nowhere.test', a.port) + fixed('b', 'b.nowhere.test', b.port) + split).install();
    const session = connect('http://api.nowhere.test');
    for (const path of ['/1', '/b/1', '/2', '/b/2']) await ask(session, { ':path': path });
    expect(seen.map(({ server, headers }) => server + headers[':path'])).toEqual(['a/1', 'b/b/1', 'a/2', 'b/b/2']);
    const open = (): Promise<number> => new Promise((done) => b.server.getConnections((_, count) => done(count)));
    expect([a.connections, b.connections, await open()]).toEqual([1, 1, 1]);
    expect(lab.lines[1]).toContain(`"127.0.0.1:${b.port}" outbound|80||b.nowhere.test `);
    session.close();
    await expect.poll(open).toBe(0);
  });

  it('goes to one of several destinations by their weights', async () => {
    const [a, b] = [await serve('a'), await serve('b')];
    const split = routes(
      'api.nowhere.test',
      `{ route: [{ destination: { host: api.nowhere.test }, weight: 50 }, { destination: { host: b.nowhere.test, port: { number: 80 } }, weight: 50 }] }`,
    );
    let turn = 0;
    const random = (): number => (turn++ % 2 === 0 ? 0.1 : 0.9);
    const services = fixed('a', 'api.nowhere.test', a.port) + fixed('b', 'b.nowhere.test', b.port);
    lab
      .egress(
        services.replaceAll('api.nowhere.test', 'api.example.com') +
          split.replaceAll('api.nowhere.test', 'api.example.com'),
        { random },
      )
      .install();
    const session = connect(`http://api.example.com`);
    turn = 0;
    for (let index = 0; index < 4; index += 1) await ask(session, { ':path': '/' });
    expect(new Set(seen.map(({ server }) => server))).toEqual(new Set(['a', 'b']));
  });

  it('is tried again as its retry policy says, and the application sees the last answer only', async () => {
    const server = await serve('a', (stream, headers, nth) => {
      if (nth === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else if (nth === 2) {
        stream.respond({ ':status': 503 });
        stream.end('busy');
      } else plain(stream, headers, nth);
    });
    const retry = `{ retries: { attempts: 3, retryOn: 'refused-stream,5xx', backoff: 1ms }, route: [${api}] }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', retry)).install();
    const { head, body } = await ask(connect('http://api.nowhere.test'), { ':path': '/x', ':method': 'POST' }, 'again');
    expect([head[':status'], body, seen.map((one) => one.body)]).toEqual([
      200,
      'answer to /x',
      ['again', 'again', 'again'],
    ]);
    await expect.poll(() => lab.ended[0]).toMatchObject({ attempts: 3, responseCode: 200, responseFlags: '' });
  });

  it('is tried again on a session of its own when the connection of the first is gone', async () => {
    const server = await serve('a', (stream, headers, nth) => {
      if (nth === 1) stream.session?.destroy();
      else plain(stream, headers, nth);
    });
    const retry = `{ retries: { attempts: 2, retryOn: reset, backoff: 1ms }, route: [${api}] }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', retry)).install();
    const { head, body } = await ask(connect('http://api.nowhere.test'), { ':path': '/x' });
    expect([head[':status'], body, seen.length]).toEqual([200, 'answer to /x', 2]);
  });

  it('is given the last answer when the tries are used up', async () => {
    const server = await serve('a', (stream) => {
      stream.respond({ ':status': 503 });
      stream.end('busy');
    });
    const retry = `{ retries: { attempts: 1, retryOn: gateway-error, backoff: 1ms }, route: [${api}] }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', retry)).install();
    const { head, body } = await ask(connect('http://api.nowhere.test'), { ':path': '/' });
    expect([head[':status'], body, seen.length]).toEqual([503, 'busy', 2]);
    await expect.poll(() => lab.ended[0]).toMatchObject({ attempts: 2, responseFlags: 'URX' });
  });

  it('is tried again by its gRPC status, as Istio does without being asked', async () => {
    const server = await serve('a', (stream, _headers, nth) => {
      const head = { ':status': 200, 'content-type': 'application/grpc' };
      if (nth === 1) stream.respond({ ...head, 'grpc-status': '14' }, { endStream: true });
      else {
        stream.respond(head, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end('message');
      }
    });
    lab.egress(fixed('a', 'api.nowhere.test', server.port, 'GRPC')).install();
    const call = { ':path': '/s/m', ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
    const { body, trailers } = await ask(connect('http://api.nowhere.test'), call, 'request');
    expect([body, trailers['grpc-status'], seen.map((one) => one.body)]).toEqual([
      'message',
      '0',
      ['request', 'request'],
    ]);
  });

  it('is not sent again when more was written than is kept', async () => {
    const server = await serve('a', (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM));
    lab.egress(fixed('a', 'api.nowhere.test', server.port)).install();
    const long = Buffer.alloc(300 * 1024, 'x');
    const answer = ask(connect('http://api.nowhere.test'), { ':path': '/', ':method': 'POST' }, long);
    await expect(answer).rejects.toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' });
    expect(seen).toHaveLength(1);
  });

  it('is given up and tried again when one try takes too long, and answered 504 when all do', async () => {
    const server = await serve('a', (stream, headers, nth) => nth === 2 && plain(stream, headers, nth));
    const retry = `{ retries: { attempts: 1, perTryTimeout: 0.1s, retryOn: 5xx, backoff: 1ms }, route: [${api}] }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', retry)).install();
    const session = connect('http://api.nowhere.test');
    expect((await ask(session, { ':path': '/1' })).head[':status']).toBe(200);
    const late = await ask(session, { ':path': '/2' });
    expect([late.head[':status'], late.body]).toEqual([504, 'upstream request timeout']);
    await expect.poll(() => lab.ended[1]).toMatchObject({ attempts: 2, responseFlags: expect.stringContaining('UT') });
  });

  it('tries another endpoint when its connection does not come about', async () => {
    const server = await serve('a');
    const gone = await serve('gone');
    await new Promise((done) => gone.server.close(done));
    const endpoints = `  resolution: STATIC\n  endpoints: [{ address: 127.0.0.1, ports: { p: ${gone.port} } }, { address: 127.0.0.1, ports: { p: ${server.port} } }]`;
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: rr, namespace: default }
spec: { host: b.nowhere.test, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }
---`;
    const a = await serve('first');
    const all = routes(
      'api.nowhere.test',
      `{ match: [{ uri: { prefix: /b } }], route: [${other}] }`,
      `{ route: [${api}] }`,
    );
    lab
      .egress(fixed('a', 'api.nowhere.test', a.port) + entry('b.nowhere.test', 80, endpoints, 'HTTP2') + rule + all)
      .install();
    const session = connect('http://api.nowhere.test');
    for (let index = 0; index < 2; index += 1)
      expect((await ask(session, { ':path': '/b' })).body).toBe('answer to /b');
    expect(lab.ended.map(({ attempts }) => attempts).sort()).toEqual([1, 2]);
    gone.server.listen(0);
  });

  it('is carried over TLS that the policy originates', async () => {
    const authority = await createAuthority();
    const { key, cert } = await issueCertificate(authority, ['b.nowhere.test']);
    const a = await serve('a');
    const b = await serve('b', plain, http2.createSecureServer({ key, cert }));
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: tls, namespace: default }
spec: { host: b.nowhere.test, trafficPolicy: { tls: { mode: SIMPLE, insecureSkipVerify: true, sni: b.nowhere.test } } }
---`;
    const split = routes(
      'api.nowhere.test',
      `{ match: [{ uri: { prefix: /b } }], route: [${other}] }`,
      `{ route: [${api}] }`,
    );
    lab
      .egress(fixed('a', 'api.nowhere.test', a.port) + fixed('b', 'b.nowhere.test', b.port) + rule + split, {
        onWarning: () => undefined,
      })
      .install();
    expect((await ask(connect('http://api.nowhere.test'), { ':path': '/b' })).body).toBe('answer to /b');
    expect((await ask(connect('http://b.nowhere.test'), { ':path': '/own' })).body).toBe('answer to /own');
    expect(seen.map((one) => one.server)).toEqual(['b', 'b']);
  });

  it('waits out an injected delay', async () => {
    const server = await serve('a');
    const fault = `{ fault: { delay: { fixedDelay: 0.1s, percentage: { value: 100 } } }, route: [${api}] }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', fault)).install();
    const answer = ask(connect('http://api.nowhere.test'), { ':path': '/', ':method': 'POST' }, 'late');
    await new Promise((done) => setTimeout(done, 30));
    expect(seen).toHaveLength(0);
    expect((await answer).body).toBe('answer to /');
    expect(seen[0]?.body).toBe('late');
    expect(lab.ended[0]?.responseFlags).toBe('DI');
  });

  it('sends a copy to a mirror in the protocol of its cluster', async () => {
    const [a, b] = [await serve('a'), await serve('b')];
    const h1 = await lab.serve();
    const mirrors = `{ mirrors: [${other}, { destination: { host: c.nowhere.test, port: { number: 80 } } }], route: [${api}] }`;
    const services =
      fixed('a', 'api.nowhere.test', a.port) +
      fixed('b', 'b.nowhere.test', b.port) +
      fixed('c', 'c.nowhere.test', h1.port, 'HTTP');
    lab.egress(services + routes('api.nowhere.test', mirrors)).install();
    const { body } = await ask(
      connect('http://api.nowhere.test'),
      { ':path': '/m', ':method': 'POST', 'x-a': 'b' },
      'copied',
    );
    expect(body).toBe('answer to /m');
    await expect.poll(() => [seen.length, h1.seen.length]).toEqual([2, 1]);
    await expect.poll(() => seen.map((one) => one.server + one.body).sort()).toEqual(['acopied', 'bcopied']);
    expect(h1.seen[0]).toMatchObject({
      method: 'POST',
      url: '/m',
      body: 'copied',
      headers: { host: 'api.nowhere.test:80', 'x-a': 'b' },
    });
  });

  it('is redirected here', async () => {
    const server = await serve('a');
    const redirect = `{ redirect: { uri: /there, redirectCode: 302 } }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', redirect)).install();
    const { head } = await ask(connect('http://api.nowhere.test'), { ':path': '/' });
    expect([head[':status'], head['location'], seen]).toEqual([302, 'http://api.nowhere.test:80/there', []]);
  });

  it('can be cancelled between tries and while it waits', async () => {
    const server = await serve('a');
    const fault = `{ fault: { delay: { fixedDelay: 0.2s, percentage: { value: 100 } } }, route: [${api}] }`;
    lab.egress(fixed('a', 'api.nowhere.test', server.port) + routes('api.nowhere.test', fault)).install();
    const session = connect('http://api.nowhere.test');
    const controller = new AbortController();
    const stream = session.request({ ':path': '/' }, { signal: controller.signal });
    const failed = new Promise((done) => stream.on('error', done));
    controller.abort();
    expect(await failed).toMatchObject({ name: 'AbortError' });
    const closed = session.request({ ':path': '/' });
    await new Promise<void>((done) => closed.close(http2.constants.NGHTTP2_CANCEL, done));
    expect(closed.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    await new Promise((done) => setTimeout(done, 250));
    expect(seen).toHaveLength(0);
  });

  it("is told Node's own complaints about its arguments", async () => {
    const server = await serve('a');
    lab.egress(fixed('a', 'api.nowhere.test', server.port)).install();
    const session = connect('http://api.nowhere.test');
    expect(() => session.request({ ':path': '/', ':nonsense': '1' })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP2_INVALID_PSEUDOHEADER' }),
    );
  });

  it('of a client that makes its own sockets is routed as well', async () => {
    const [a, b] = [await serve('a'), await serve('b')];
    const split = routes(
      'api.example.com',
      `{ match: [{ uri: { prefix: /b } }], route: [${other}] }`,
      `{ route: [{ destination: { host: api.example.com } }] }`,
    );
    lab.egress(entry('api.example.com', a.port, '', 'HTTP2') + fixed('b', 'b.nowhere.test', b.port) + split).install();
    const socket = connectTcp({ host: 'api.example.com', port: a.port });
    const session = connect(`http://api.example.com:${a.port}`, { createConnection: () => socket });
    await ask(session, { ':path': '/a' });
    await ask(session, { ':path': '/b' });
    expect(seen.map((one) => one.server)).toEqual(['a', 'b']);
  });
});
