/** Puts servers on free ports of loopback, and notes what came to them. */
import { connect, createServer as createTcp } from 'node:net';
import { createServer as createTls, TLSSocket } from 'node:tls';

/** `connections` counts what was accepted, `operations` names what was asked for in the words of the protocol. */
export async function listen(server) {
  const record = { server, port: 0, connections: 0, requests: [], operations: [] };
  const open = new Set();
  server.on('connection', (socket) => {
    record.connections += 1;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.record = record;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  record.port = server.address().port;
  record.close = () => {
    server.closeAllConnections?.();
    for (const socket of open) socket.destroy();
    server.close();
  };
  server.unref();
  return record;
}

/** A TCP server of one protocol: `speak(socket, told)` talks to one client and tells each operation. */
export function plain(speak) {
  const server = createTcp((socket) => speak(quiet(socket), (operation) => server.record.operations.push(operation)));
  return server;
}

/** The same inside TLS from the first byte. */
export function secure(speak, { key, cert }) {
  const server = createTls({ key, cert }, (socket) =>
    speak(quiet(socket), (operation) => server.record.operations.push(operation)),
  );
  server.on('tlsClientError', () => undefined);
  return server;
}

/** Stands before a server that runs elsewhere, and counts what comes to it. */
export function relay(port) {
  return createTcp((client) => {
    const server = connect({ host: '127.0.0.1', port });
    quiet(client)
      .pipe(quiet(server))
      .on('close', () => client.destroy());
    server.pipe(client).on('close', () => server.destroy());
  });
}

/**
 * TLS that begins in the middle of a connection, as STARTTLS and its kin do. A client that waits for no answer may have
 * sent the first of it together with its request: that is `early`.
 */
export function upgrade(socket, { key, cert }, early = Buffer.alloc(0)) {
  socket.removeAllListeners('data');
  // Flowing, it would hand them to nobody.
  if (early.length > 0) socket.pause().unshift(early);
  return quiet(new TLSSocket(socket, { isServer: true, key, cert }));
}

/** Clients come and go as they like. */
function quiet(socket) {
  return socket.on('error', () => undefined);
}

/** Gives `take` all bytes that are there, again and again; it gives back what it left. */
export function buffered(socket, take) {
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      const left = take(rest);
      if (left === undefined) return;
      rest = left;
    }
  });
}
