/** The server of the benchmarks, in a process of its own: its processor time is not that of the client. */
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';

/** What the server tells its parent once it listens. */
export interface ServerReady {
  readonly http: number;
  readonly https: number;
  readonly http2: number;
  /** PEM of the authority that signed the certificate for `localhost`. */
  readonly authority: string;
}

const BODY = JSON.stringify({ items: Array.from({ length: 8 }, (_, id) => ({ id, name: `item ${id}`, price: 12.5 })) });

/** A path that ends in `close` closes its connection, for clients that cannot ask for that themselves. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', Buffer.byteLength(BODY));
  if (request.url?.endsWith('close')) response.setHeader('connection', 'close');
  response.end(BODY);
}

/** Both families where the machine has them: whatever `localhost` resolves to first answers. */
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', () => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    server.listen(0, '::', resolve);
  });
  return (server.address() as AddressInfo).port;
}

if (process.send) {
  const authority = await createAuthority();
  const pair = await issueCertificate(authority, ['localhost', '127.0.0.1']);
  const keepAlive = { keepAliveTimeout: 60_000 };
  const streams = http2.createSecureServer(pair).on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(BODY);
  });
  const ready: ServerReady = {
    http: await listen(http.createServer(keepAlive, answer)),
    https: await listen(https.createServer({ ...keepAlive, ...pair }, answer)),
    http2: await listen(streams),
    authority: authority.cert,
  };
  process.send(ready);
  process.once('disconnect', () => process.exit());
}
