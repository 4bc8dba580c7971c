/** HTTP/1, WebSocket and gRPC servers: each tells what it saw. */
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createHttp2 } from 'node:http2';
import { createHash } from 'node:crypto';

export function webServers({ key, cert }) {
  return {
    http: web(createHttp),
    https: web((listener) => createHttps({ key, cert }, listener)),
    h2c: grpcServer(),
  };
}

/** Answers with what it saw, as JSON; upgrades to WebSocket; `/slow` never answers. */
function web(create) {
  const server = create((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      server.record.requests.push(seen);
      if (url.startsWith('/slow')) return;
      if (url.startsWith('/events')) {
        response.setHeader('content-type', 'text/event-stream');
        response.write('data: hello\n\n');
        return;
      }
      if (url.includes('list-type=2')) {
        response.setHeader('content-type', 'application/xml');
        response.end('<?xml version="1.0"?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>');
        return;
      }
      response.setHeader('content-type', 'application/json');
      response.setHeader('x-upstream', '1');
      response.end(
        JSON.stringify({ id: 'it', object: 'thing', method, url, host: headers.host, added: headers['x-added'] }),
      );
    });
  });
  server.on('upgrade', (request, socket) => {
    server.record.requests.push({ method: request.method, url: request.url, headers: request.headers });
    const accept = createHash('sha1').update(
      `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
    );
    socket.on('error', () => undefined);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
    );
    socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]));
  });
  return server;
}

/** gRPC without a schema: echoes the one message it gets. */
function grpcServer() {
  const server = createHttp2();
  server.on('stream', (stream, headers) => {
    server.record.requests.push({ method: headers[':method'], url: headers[':path'], headers });
    stream.on('error', () => undefined);
    if (headers[':path'].includes('Slow')) return;
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat(chunks));
    });
  });
  return server;
}
