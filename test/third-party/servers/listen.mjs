/** Puts a server on a free port of loopback; tells how many connections it got, and what it was asked. */
export async function listen(server) {
  const record = { server, port: 0, connections: 0, requests: [] };
  server.on('connection', () => (record.connections += 1));
  server.record = record;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  record.port = server.address().port;
  server.unref();
  return record;
}
