/** Servers on loopback that write down every byte they are sent. */
import type http from 'node:http';
import type http2 from 'node:http2';
import type https from 'node:https';
import type net from 'node:net';
import tls from 'node:tls';

/** What came over one connection, inside TLS where there is TLS. */
export interface Heard {
  bytes: string;
  /** `end`, `close`, `error CODE` of the server's side, in order. */
  readonly events: string[];
  readonly socket: net.Socket;
}

export interface Server {
  readonly port: number;
  readonly host: string;
  readonly heard: Heard[];
  readonly server: net.Server;
  close(): Promise<void>;
}

type Listenable = net.Server | http.Server | https.Server | http2.Http2Server;

/** Listens on `port`, or on the path of a unix socket, and writes down what arrives. Rejects when the port is taken. */
export async function listen(server: Listenable, where: number | string, host: string): Promise<Server> {
  const heard: Heard[] = [];
  const open = new Set<net.Socket>();
  const secure = server instanceof tls.Server;
  server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.on('error', () => undefined).once('close', () => open.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  if (!isHttp2(server))
    server.on(secure ? 'secureConnection' : 'connection', (socket: net.Socket) => heard.push(listenTo(socket)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof where === 'string') server.listen(where, resolve);
    else server.listen(where, host, resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return { port: typeof where === 'number' ? where : 0, host, heard, server: server, close };
}

/** An HTTP/2 session reads from the handle itself: its streams are written down by the behaviours. */
function isHttp2(server: Listenable): boolean {
  return 'updateSettings' in server;
}

function listenTo(socket: net.Socket): Heard {
  const heard: Heard = { bytes: '', events: [], socket };
  socket.on('data', (chunk: Buffer | string) => (heard.bytes += Buffer.from(chunk as string).toString('latin1')));
  socket.on('end', () => heard.events.push('end'));
  socket.on('error', (error: NodeJS.ErrnoException) => heard.events.push(`error ${error.code}`));
  socket.on('close', () => heard.events.push('close'));
  return heard;
}

/** One HTTP/1 message as a raw server parses it: enough to know where it ends. */
export interface RawRequest {
  readonly head: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** Calls back for each complete request on a raw connection. */
export function onRequests(socket: net.Socket, callback: (request: RawRequest, index: number) => void): void {
  let pending = '';
  let index = 0;
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1');
    for (let size = requestSize(pending); size > 0; size = requestSize(pending)) {
      const text = pending.slice(0, size);
      pending = pending.slice(size);
      const [head = '', ...body] = text.split('\r\n\r\n');
      const [method = '', path = ''] = head.split(' ');
      callback({ head, method, path, body: body.join('\r\n\r\n') }, index++);
    }
  });
}

function requestSize(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const head = text.slice(0, end);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const last = text.indexOf('0\r\n', end);
    const done = last < 0 ? -1 : text.indexOf('\r\n\r\n', last);
    return done < 0 ? 0 : done + 4;
  }
  return text.length >= end + 4 + length ? end + 4 + length : 0;
}
