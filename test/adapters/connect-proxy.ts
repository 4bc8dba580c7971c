/** A forward proxy that lets through CONNECT, or POST as a tunnel, and tells what it was asked for. */
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import type { KeyPair } from '../tls/certificates.ts';

export interface ConnectProxy {
  readonly port: number;
  /** `CONNECT host:port`, or `POST / host:port`. */
  readonly asked: string[];
  /** Answer this instead of letting through. */
  refusal: string | undefined;
  close(): Promise<void>;
}

/** Whatever host is asked for, the way leads to the same port of localhost, which the policy has to admit. */
export async function connectProxy(identity?: KeyPair): Promise<ConnectProxy> {
  const asked: string[] = [];
  const open = new Set<net.Socket>();
  const reach = (authority = ''): net.Socket => {
    const port = Number(authority.slice(authority.lastIndexOf(':') + 1));
    // By name: it runs in the process that is governed.
    const target = net.connect({ port, host: 'localhost', family: 4 });
    return target.on('error', () => undefined);
  };
  const plain = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    if (proxy.refusal) {
      response.writeHead(403).end();
      return;
    }
    const target = reach(request.headers.host);
    response.writeHead(200).flushHeaders();
    request.pipe(target).pipe(response);
    response.on('close', () => target.destroy());
  });
  plain.on('connect', (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    asked.push(`CONNECT ${request.url} ${request.headers.host}`);
    socket.on('error', () => undefined);
    if (proxy.refusal) {
      socket.end(`HTTP/1.1 ${proxy.refusal}\r\ncontent-length: 2\r\n\r\nno`);
      return;
    }
    const target = reach(request.url);
    target.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      socket.pipe(target).pipe(socket);
    });
    target.on('close', () => socket.destroy());
    socket.on('close', () => target.destroy());
  });
  const server = identity
    ? tls.createServer(
        identity,
        (socket) =>
          void plain.emit(
            'connection',
            socket.on('error', () => undefined),
          ),
      )
    : plain;
  server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: ConnectProxy = {
    port: (server.address() as AddressInfo).port,
    asked,
    refusal: undefined,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return proxy;
}
