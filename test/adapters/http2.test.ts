import * as http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EgressDeniedError } from '../../src/errors.ts';
import { entry, Lab, routes } from './undici-lab.ts';
import type { LabServer } from './undici-lab.ts';

interface Answer {
  readonly head: IncomingHttpHeaders & { ':status'?: number | undefined };
  readonly body: string;
}

let lab: Lab;
let server: LabServer;
let streams: IncomingHttpHeaders[];
const sessions: ClientHttp2Session[] = [];

beforeEach(async () => {
  lab = new Lab();
  streams = [];
  const h2 = http2.createServer();
  h2.on('stream', (stream, headers) => {
    streams.push(headers);
    stream.on('error', () => undefined);
    if (headers[':path'] === '/slow') return;
    stream.respond({ ':status': 200, 'x-upstream': '1' });
    stream.end(`answer to ${headers[':path']}`);
  });
  server = await lab.listen(h2);
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await lab.close();
});

function connect(host = 'api.example.com'): ClientHttp2Session {
  const session = http2.connect(`http://${host}:${server.port}`);
  session.on('error', () => undefined);
  sessions.push(session);
  return session;
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream: ClientHttp2Stream = session.request(headers);
    let head: Answer['head'] = {};
    let text = '';
    stream.setEncoding('utf8');
    stream.on('response', (got) => (head = got));
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve({ head, body: text }));
    stream.end(body);
  });
}

const to = '{ destination: { host: api.example.com } }';

describe('a stream', () => {
  it('goes on when the policy admits it, and is logged', async () => {
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2')).install();
    const { head, body } = await ask(connect(), { ':path': '/a', ':method': 'POST' }, 'hello');
    expect([head[':status'], body]).toEqual([200, 'answer to /a']);
    await expect.poll(() => lab.lines).toHaveLength(1);
    expect(lab.lines[0]).toContain('"POST /a HTTP/2" 200 - via_upstream - "-" 5 12 ');
    expect(lab.lines[0]).toContain(`outbound|${server.port}||api.example.com 127.0.0.1:`);
  });

  it('fails with its session when the destination is denied', async () => {
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2')).install();
    await expect(ask(connect('evil.example.com'), { ':path': '/' })).rejects.toBeInstanceOf(EgressDeniedError);
    expect(server.connections).toBe(0);
  });

  it('is decided by its own authority, on a connection that others may use', async () => {
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2')).install();
    const session = connect();
    await ask(session, { ':path': '/1' });
    const foreign = ask(session, { ':path': '/2', ':authority': 'evil.example.com' });
    await expect(foreign).rejects.toMatchObject({ code: 'ERR_EGRESS_DENIED' });
    await ask(session, { ':path': '/3' });
    expect(streams.map((headers) => headers[':path'])).toEqual(['/1', '/3']);
  });

  it('is decided again after an update', async () => {
    const egress = lab.egress(entry('api.example.com', server.port, '', 'HTTP2'));
    egress.install();
    const session = connect();
    await ask(session, { ':path': '/' });
    egress.update(lab.config(entry('other.example.com', server.port, '', 'HTTP2')));
    await expect(ask(session, { ':path': '/' })).rejects.toBeInstanceOf(Error);
    expect(streams).toHaveLength(1);
  });

  it('has its headers, path and authority rewritten, and its answer too', async () => {
    const headers = '{ request: { set: { x-a: b } }, response: { add: { x-r: s }, remove: [x-upstream] } }';
    const route = `{ match: [{ uri: { prefix: /old } }], rewrite: { uri: /new, authority: other.example.com }, headers: ${headers}, route: [${to}] }`;
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2') + routes('api.example.com', route)).install();
    const { head } = await ask(connect(), { ':path': '/old' });
    expect(streams[0]).toMatchObject({ ':path': '/new', ':authority': 'other.example.com', 'x-a': 'b' });
    expect([head['x-r'], head['x-upstream']]).toEqual(['s', undefined]);
  });

  it('is answered with 504 when its time is up, and the server hears of it', async () => {
    const route = `{ timeout: 0.2s, route: [${to}] }`;
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2') + routes('api.example.com', route)).install();
    const session = connect();
    const { head, body } = await ask(session, { ':path': '/slow' });
    expect([head[':status'], body]).toEqual([504, 'upstream request timeout']);
    expect((await ask(session, { ':path': '/quick' })).head[':status']).toBe(200);
    await expect.poll(() => lab.lines[0]).toContain('"GET /slow HTTP/2" 504 UT response_timeout - "-" 0 24 ');
  });

  it('is told its timeout in the words of gRPC when it is gRPC', async () => {
    const route = `{ timeout: 0.1s, route: [${to}] }`;
    lab.egress(entry('api.example.com', server.port, '', 'GRPC') + routes('api.example.com', route)).install();
    const { head } = await ask(connect(), { ':path': '/slow', ':method': 'POST', 'content-type': 'application/grpc' });
    expect(head).toMatchObject({ ':status': 200, 'grpc-status': '14', 'grpc-message': 'upstream request timeout' });
  });

  it('is answered by the policy itself', async () => {
    const tea = '{ directResponse: { status: 418, body: { string: short } } }';
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2') + routes('api.example.com', tea)).install();
    const { head, body } = await ask(connect(), { ':path': '/' });
    expect([head[':status'], body, streams]).toEqual([418, 'short', []]);
  });

  it('is answered with 502 where denials are answers', async () => {
    lab.egress(entry('api.example.com', server.port, '', 'HTTP2'), { denyAs: 'response' }).install();
    const { head } = await ask(connect(), { ':path': '/', ':authority': 'evil.example.com' });
    expect([head[':status'], streams]).toEqual([502, []]);
  });

  it('is not looked at any more after uninstalling', async () => {
    const uninstall = lab.egress(entry('api.example.com', server.port, '', 'HTTP2')).install();
    uninstall();
    expect((await ask(connect('127.0.0.1'), { ':path': '/' })).head[':status']).toBe(200);
  });
});
