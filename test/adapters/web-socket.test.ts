/**
 * WebSocket and EventSource of Node itself, under routes and denials. They are globals behind flags on Node 20: a child process
 * of this Node has them, and tells what happened; the servers here tell what they saw.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALLOW_ANY, REGISTRY_ONLY, serviceEntry, virtualService } from './lab.ts';

const entry = join(new URL('../..', import.meta.url).pathname, 'dist/index.cjs');
let server: http.Server;
let port: number;
let closedPort: number;
interface Seen {
  readonly url: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
}
const seen: Seen[] = [];
/** What clients wrote into WebSockets. */
const heard: string[] = [];
let connections = 0;
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = http.createServer((request, response) => {
    seen.push({ url: request.url, headers: request.headers });
    if (request.url?.startsWith('/silent')) return;
    response.setHeader('content-type', 'text/event-stream');
    response.end(`retry: 20\nid: ${seen.length}\ndata: event ${seen.length}\n\n`);
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket.once('close', () => sockets.delete(socket)));
  });
  server.on('upgrade', upgraded);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.address() as AddressInfo).port;
  const gone = http.createServer();
  await once(gone.listen(0, '127.0.0.1'), 'listening');
  closedPort = (gone.address() as AddressInfo).port;
  await new Promise((resolve) => gone.close(resolve));
});
beforeEach(() => {
  seen.length = heard.length = connections = 0;
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** Answers each message in upper case; `bye` with close code 4001, and `drop` by cutting the connection. */
function upgraded({ url, headers }: http.IncomingMessage, socket: Socket): void {
  seen.push({ url, headers });
  socket.on('error', () => undefined);
  if (url?.startsWith('/silent')) return;
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('data', (data: Buffer) => {
    const [opcode = 0, second = 0] = data;
    const mask = data.subarray(2, 6);
    const text = String(data.subarray(6, 6 + (second & 127)).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
    if ((opcode & 15) === 8) return void socket.end();
    heard.push(text);
    if (text === 'drop') return void socket.destroy();
    if (text === 'bye')
      return void socket.write(Buffer.concat([Buffer.from([0x88, 5, 4001 >> 8, 4001 & 255]), Buffer.from('bye')]));
    socket.write(Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text.toUpperCase())]));
  });
}

/** A service whose one endpoint is the server. */
const service = (): string =>
  serviceEntry(
    'api.example.com',
    80,
    'HTTP',
    `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${port}}}]`,
  );
const route = (more: string): string =>
  virtualService('api.example.com', `http:\n- route: [{destination: {host: api.example.com}}]\n  ${more}`);

interface Program {
  readonly policy: readonly string[];
  readonly options?: object;
  /** Uses `egress`, `policy(...documents)`, `note` and `watch`; ends with `done()`. */
  readonly body: string;
}

/** What the program noted. */
async function run({ policy, options = {}, body }: Program): Promise<unknown[]> {
  const program = `
    const { createEgress, parseMeshConfig } = require(${JSON.stringify(entry)});
    const notes = [];
    const note = (...what) => notes.push(what.length > 1 ? what : what[0]);
    const denials = [];
    const policy = (...documents) => parseMeshConfig(documents.join('\\n---\\n'));
    const observers = [{ onDecision: ({ decision }) => decision.action === 'deny' && denials.push(1), onEnd: () => undefined }];
    const egress = createEgress({ meshConfig: policy(...${JSON.stringify(policy)}), accessLog: false, observers, ...${JSON.stringify(options)} });
    egress.install();
    // The clock of an EventSource holds no process.
    setInterval(() => undefined, 1000);
    const done = () => { if (!process.connected) return; process.send(notes); process.disconnect(); setTimeout(() => process.exit(), 100); };
    const watch = (socket) => {
      for (const name of ['open', 'message', 'error', 'close'])
        socket.addEventListener(name, (event) => note(name, ...(
          name === 'message' ? [event.data] : name === 'close' ? [event.code, event.reason, event.wasClean] : [])));
      return socket;
    };
    process.on('uncaughtException', (error) => { note(String(error.stack)); done(); });
    ${body}`;
  const args = ['--no-warnings', '--experimental-websocket', '--experimental-eventsource', '--eval', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [notes] = (await once(child, 'message')) as [unknown[]];
  await once(child, 'close');
  return notes;
}

const OPEN = (url: string, then = ''): string =>
  `const socket = watch(new WebSocket('${url}')); ${then} socket.addEventListener('close', done);
   socket.addEventListener('error', () => setTimeout(done, 100));`;

describe('a WebSocket', () => {
  /** Up to Node 22 one that was never open tells an error alone, afterwards also that it is closed. */
  const FAILED = Number(process.versions.node.split('.')[0]) < 24 ? ['error'] : ['error', ['close', 1006, '', false]];

  it.each(['error', 'response', 'reset'])('is denied as %s like one that nobody answers', async (denyAs) => {
    const refused = await run({ policy: [ALLOW_ANY], body: OPEN(`ws://127.0.0.1:${closedPort}/`) });
    const body = OPEN(`ws://127.0.0.1:${port}/`);
    const denied = await run({ policy: [REGISTRY_ONLY, service()], options: { denyAs }, body });
    expect(denied).toEqual(refused);
    expect(denied).toEqual(FAILED);
    expect(connections).toBe(0);
  });

  it('is led to the destination of its route, with its path and headers, and talks both ways', async () => {
    const rewrite = 'rewrite: {uri: /led/, authority: other.example.com}';
    const headers = 'headers: {request: {set: {x-team: payments}}}';
    const body = OPEN(
      'ws://api.example.com/chat?x=1',
      `socket.addEventListener('open', () => socket.send('hello'));
       socket.addEventListener('message', () => socket.send('bye'));`,
    );
    const notes = await run({ policy: [REGISTRY_ONLY, service(), route(`${rewrite}\n  ${headers}`)], body });
    expect(notes).toEqual(['open', ['message', 'HELLO'], ['close', 4001, 'bye', true]]);
    expect(heard).toEqual(['hello', 'bye']);
    expect(seen.map(({ url }) => url)).toEqual(['/led/chat?x=1']);
    expect(seen[0]?.headers).toMatchObject({ host: 'other.example.com', 'x-team': 'payments', upgrade: 'websocket' });
  });

  it('is told of a connection that was cut, with 1006', async () => {
    const body = OPEN('ws://api.example.com/', `socket.addEventListener('open', () => socket.send('drop'));`);
    const notes = await run({ policy: [REGISTRY_ONLY, service(), route('timeout: 5s')], body });
    expect(notes.at(0)).toBe('open');
    expect(notes.at(-1)).toEqual(['close', 1006, '', false]);
    expect(heard).toEqual(['drop']);
  });

  it('has the timeout of its route until it is open, and not after', async () => {
    const policy = [REGISTRY_ONLY, service(), route('timeout: 0.2s')];
    const late = await run({ policy, body: OPEN('ws://api.example.com/silent') });
    expect(late).toEqual(FAILED);
    const body = OPEN(
      'ws://api.example.com/',
      `socket.addEventListener('open', () => setTimeout(() => socket.send('later'), 500));
       socket.addEventListener('message', () => socket.close(1000));`,
    );
    const notes = await run({ policy, body });
    expect(notes.slice(0, 2)).toEqual(['open', ['message', 'LATER']]);
    expect(heard).toEqual(['later']);
  });

  it('is refused where the route answers in the place of the server', async () => {
    const local = virtualService('api.example.com', 'http:\n- directResponse: {status: 418}');
    const notes = await run({ policy: [REGISTRY_ONLY, service(), local], body: OPEN('ws://api.example.com/') });
    expect(notes).toEqual(FAILED);
    expect(connections).toBe(0);
  });

  it('goes on when it is denied later; a further one is not opened', async () => {
    const body = `
      const first = watch(new WebSocket('ws://api.example.com/first'));
      first.addEventListener('open', () => {
        egress.update(policy(${JSON.stringify(REGISTRY_ONLY)}));
        const second = watch(new WebSocket('ws://api.example.com/second'));
        second.addEventListener('error', () => setTimeout(() => first.send('still'), 100));
      });
      first.addEventListener('message', () => first.send('bye'));
      first.addEventListener('close', done);`;
    const notes = await run({ policy: [REGISTRY_ONLY, service()], body });
    expect(notes).toEqual(['open', ...FAILED, ['message', 'STILL'], ['close', 4001, 'bye', true]]);
    expect(seen.map(({ url }) => url)).toEqual(['/first']);
  });
});

describe('an EventSource', () => {
  it('is led by its route, each time it connects', async () => {
    const more = 'rewrite: {uri: /led/}\n  headers: {request: {set: {x-team: payments}}}';
    const body = `
      const source = new EventSource('http://api.example.com/events');
      source.addEventListener('message', ({ data }) => {
        note(data);
        if (notes.length === 2) { source.close(); done(); }
      });`;
    const notes = await run({ policy: [REGISTRY_ONLY, service(), route(more)], body });
    expect(notes).toEqual(['event 1', 'event 2']);
    expect(seen.map(({ url, headers }) => [url, headers['x-team'], headers['last-event-id']])).toEqual([
      ['/led/events', 'payments', undefined],
      ['/led/events', 'payments', '1'],
    ]);
  });

  it('is denied like one that nobody answers, reaches nobody, and goes on when it is admitted again', async () => {
    const told = (url: string): string => `
      const source = new EventSource('${url}');
      source.addEventListener('error', () => { note('error', source.readyState); source.close(); done(); });`;
    const refused = await run({ policy: [ALLOW_ANY], body: told(`http://127.0.0.1:${closedPort}/`) });
    expect(await run({ policy: [REGISTRY_ONLY], body: told(`http://127.0.0.1:${port}/`) })).toEqual(refused);
    expect(connections).toBe(0);
    // Which Node gives up at once, and has to be told again, and which tries on by itself, is Node's.
    const body = `
      let source;
      const open = () => {
        source = new EventSource('http://api.example.com/events');
        source.addEventListener('message', ({ data }) => {
          note(data);
          if (data === 'event 2') { source.close(); return done(); }
          egress.update(policy(${JSON.stringify(REGISTRY_ONLY)}));
        });
      };
      open();
      setInterval(() => {
        if (source.readyState === EventSource.CLOSED && !notes.includes('event 2')) open();
        if (denials.length < 3 || notes.includes('denied')) return;
        note('denied');
        egress.update(policy(...${JSON.stringify([REGISTRY_ONLY, service()])}));
      }, 5);`;
    const notes = await run({ policy: [REGISTRY_ONLY, service()], body });
    expect(notes).toEqual(['event 1', 'denied', 'event 2']);
    expect(seen).toHaveLength(2);
  });

  it('is told an error when its route has no more time', async () => {
    const body = `
      const source = new EventSource('http://api.example.com/silent');
      source.addEventListener('error', () => { note('error', source.readyState); source.close(); done(); });`;
    const notes = await run({ policy: [REGISTRY_ONLY, service(), route('timeout: 0.2s')], body });
    // A 504 is an answer that is no stream of events: it is not asked for again.
    expect(notes).toEqual([['error', 2]]);
    expect(seen.map(({ url }) => url)).toEqual(['/silent']);
  });
});
