/** A forward proxy: CONNECT, and requests whose target is a whole URL. The names of the test are on loopback. */
import { createServer, request as send } from 'node:http';
import { connect } from 'node:net';

export function forwardProxy() {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    server.record.requests.push({ method, url, headers });
    if (!URL.canParse(url)) return void response.writeHead(400).end();
    const { port, pathname, search } = new URL(url);
    const onward = send({ host: '127.0.0.1', port: port || 80, method, path: `${pathname}${search}`, headers });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, client) => {
    const { method, url, headers } = request;
    server.record.requests.push({ method, url, headers });
    const onward = connect({ host: '127.0.0.1', port: Number(url.split(':').at(-1)) }, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(client).pipe(onward);
    });
    client.on('error', () => onward.destroy());
    onward.on('error', () => client.destroy());
  });
  return server;
}
