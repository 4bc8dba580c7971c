/** gRPC without a schema: echoes the one message it gets, three times where a stream is asked for. */
import { createServer, createSecureServer } from 'node:http2';

export const grpcServer = () => echo(createServer());
export const grpcTlsServer = (certificate) => echo(createSecureServer(certificate));

function echo(server) {
  server.on('stream', (stream, headers) => {
    const path = headers[':path'];
    server.record.requests.push({ method: headers[':method'], url: path, headers });
    stream.on('error', () => undefined);
    if (path.includes('Slow') || path.includes('Silent')) return;
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      if (stream.destroyed) return;
      const message = Buffer.concat(chunks);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      for (let count = path.includes('Stream') ? 2 : 0; count > 0; count -= 1) stream.write(message);
      stream.end(message);
    });
  });
  server.on('sessionError', () => undefined);
  return server;
}
