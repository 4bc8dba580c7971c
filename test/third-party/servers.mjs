/** Loopback servers that the clients talk to. Each tells how many connections and requests it got. */
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createHttp2 } from 'node:http2';
import { createServer as createTcp } from 'node:net';
import { createHash } from 'node:crypto';

export async function startServers({ key, cert }) {
  const http = web(createHttp);
  const https = web((listener) => createHttps({ key, cert }, listener));
  const servers = {
    http: await listen(http),
    https: await listen(https),
    h2c: await listen(grpcServer()),
    redis: await listen(createTcp(redis)),
    postgres: await listen(createTcp(postgres)),
    mysql: await listen(createTcp(mysql)),
    smtp: await listen(createTcp(smtp)),
    mqtt: await listen(createTcp(mqtt)),
    // Accepts and says nothing: enough to see whether a client that speaks something else got through.
    silent: await listen(createTcp((socket) => socket.on('error', () => undefined))),
  };
  return {
    servers,
    close: () => {
      for (const { server } of Object.values(servers)) {
        server.closeAllConnections?.();
        server.close();
      }
    },
  };
}

async function listen(server) {
  const record = { server, port: 0, connections: 0, requests: [] };
  server.on('connection', () => (record.connections += 1));
  server.record = record;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  record.port = server.address().port;
  server.unref();
  return record;
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

/** The few commands with which clients introduce themselves, and PING. */
function redis(socket) {
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (data) => {
    text += data;
    for (;;) {
      const found = /^\*(\d+)\r\n/.exec(text);
      if (!found) return;
      const parts = text.slice(found[0].length).split('\r\n');
      const count = Number(found[1]);
      if (parts.length < count * 2 + 1) return;
      const words = parts.slice(0, count * 2).filter((_, at) => at % 2 === 1);
      text = parts.slice(count * 2).join('\r\n');
      const command = words[0].toUpperCase();
      if (command === 'PING') socket.write('+PONG\r\n');
      else if (command === 'INFO') socket.write('$19\r\nredis_version:7.0.0\r\n');
      else if (command === 'HELLO') socket.write('-ERR unknown command\r\n');
      else socket.write('+OK\r\n');
    }
  });
}

function postgres(socket) {
  socket.on('error', () => undefined);
  const message = (type, body) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const ready = message('Z', Buffer.from('I'));
  let greeted = false;
  socket.on('data', (data) => {
    if (!greeted) {
      greeted = true;
      socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]));
    } else if (data[0] === 0x51) {
      const field = Buffer.concat([Buffer.from([0, 1]), Buffer.from('n\0'), Buffer.alloc(18)]);
      const row = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1]), Buffer.from('1')]);
      socket.write(
        Buffer.concat([message('T', field), message('D', row), message('C', Buffer.from('SELECT 1\0')), ready]),
      );
    } else if (data[0] === 0x58) socket.end();
  });
}

function mysql(socket) {
  socket.on('error', () => undefined);
  const packet = (sequence, body) => Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body]);
  const greeting = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.0.0\0'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('12345678\0'),
    Buffer.from([0xff, 0xf7, 33, 2, 0, 0x08, 0x80, 21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0'),
    Buffer.from('mysql_native_password\0'),
  ]);
  const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
  socket.write(packet(0, greeting));
  let authenticated = false;
  socket.on('data', (data) => {
    if (!authenticated) {
      authenticated = true;
      socket.write(packet(2, ok));
    } else if (data[4] === 0x0e) socket.write(packet(1, ok));
    else if (data[4] === 1) socket.end();
  });
}

function smtp(socket) {
  socket.on('error', () => undefined);
  socket.write('220 loopback ESMTP\r\n');
  let inData = false;
  socket.on('data', (data) => {
    for (const line of data.toString().split('\r\n').slice(0, -1)) {
      if (inData) {
        if (line !== '.') continue;
        inData = false;
        socket.write('250 accepted\r\n');
      } else if (/^DATA/i.test(line)) {
        inData = true;
        socket.write('354 go on\r\n');
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    }
  });
}

function mqtt(socket) {
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    if (data[0] >> 4 === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
  });
}
