/** HTTP/1 and HTTP/2 servers, with and without TLS: each answers with what it saw, in the form that the client expects. */
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createHttp2, createSecureServer as createHttp2s } from 'node:http2';
import { grpcServer, grpcTlsServer } from './grpc.mjs';
import { forwardProxy } from './proxy.mjs';
import { engineIo, greetSocketIo } from './socket-io.mjs';
import { acceptWebSocket, textFrame } from './web-socket.mjs';

export function webServers({ key, cert }) {
  return {
    http: web(createHttp),
    https: web((listener) => createHttps({ key, cert }, listener)),
    h2: web(createHttp2),
    h2s: web((listener) => createHttp2s({ key, cert, allowHTTP1: true }, listener)),
    grpc: grpcServer(),
    grpcs: grpcTlsServer({ key, cert }),
    proxy: forwardProxy(),
  };
}

/** `/slow` never answers; what a path asks for may stand behind whatever prefix a scenario needs. */
function web(create) {
  const server = create((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const { method, url, headers } = request;
      const body = Buffer.concat(chunks).toString();
      server.record.requests.push({ method, url, headers, body });
      if (url.startsWith('/slow')) return;
      const [contentType, text] = answerTo({ method, url, headers, body });
      response.setHeader('content-type', contentType);
      if (url.includes('/events')) response.write(text);
      else if (text !== undefined) response.end(text);
    });
  });
  server.on('upgrade', (request, socket) => {
    const { method, url, headers } = request;
    server.record.requests.push({ method, url, headers });
    socket.on('error', () => undefined);
    if (url.startsWith('/slow')) return;
    acceptWebSocket(socket, headers['sec-websocket-key']);
    if (url.includes('EIO=')) greetSocketIo(socket);
    else socket.write(textFrame('hello'));
  });
  server.on('sessionError', () => undefined);
  return server;
}

function answerTo({ method, url, headers, body }) {
  if (url.includes('EIO=')) return ['text/plain', engineIo(method, url)];
  if (url.includes('/events')) return ['text/event-stream', 'data: hello\n\n'];
  if (url.includes('list-type=2'))
    return [
      'application/xml',
      '<?xml version="1.0"?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>',
    ];
  if (url.includes('/chat/completions') && body.includes('"stream":true'))
    return ['text/event-stream', `data: ${JSON.stringify(chatChunk('hello'))}\n\ndata: [DONE]\n\n`];
  const host = headers.host ?? headers[':authority'];
  return ['application/json', JSON.stringify({ id: 'it', object: 'thing', method, url, host })];
}

function chatChunk(content) {
  return { id: 'it', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] };
}
