/** What one client at a time is run against: servers of its own, a policy, a log. Lanes run beside each other. */
import { createServer } from 'node:net';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { policy } from './policy.mjs';
import { startServers } from './servers.mjs';

export async function openLane({ authority, certificate, real }) {
  const folder = mkdtempSync(join(tmpdir(), 'sidecarless-matrix-'));
  const mesh = join(folder, 'mesh');
  mkdirSync(mesh);
  const { servers, close } = await startServers(certificate, { real });
  // Of these nothing is admitted: some are by an update.
  const others = await startServers(certificate, { kafkaName: 'later.mesh.test' });
  servers.forbidden = others.servers.proxy;
  const ports = { ...portsOf(servers), later: portsOf(others.servers) };
  // Admitted, and nobody listens there.
  ports.refused = await freePort();
  const authorityFile = join(folder, 'ca.pem');
  writeFileSync(authorityFile, authority.cert);
  const laterPolicy = join(mesh, 'later.yaml');
  const log = join(folder, 'access.log');
  const writePolicy = (changed) => writeFileSync(join(mesh, 'policy.yaml'), policy(ports, changed));
  return {
    servers,
    /** Names of those that are installed programs. */
    real: new Set(Object.keys(real)),
    ports,
    mesh,
    log,
    authorityFile,
    laterPolicy,
    writePolicy,
    /** For the next client: as if nothing had happened yet. */
    reset() {
      for (const file of [log, laterPolicy]) rmSync(file, { force: true });
      writePolicy({});
      saw(servers);
    },
    lines: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []),
    saw: () => saw(servers),
    close() {
      close();
      others.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** What servers got since they were last asked. */
function saw(servers) {
  return Object.fromEntries(
    Object.entries(servers).map(([name, record]) => {
      const connections = record.connections - (record.told ?? 0);
      record.told = record.connections;
      const [requests, operations] = [record.requests.splice(0), record.operations.splice(0)];
      return [name, { connections, requests, operations }];
    }),
  );
}

function portsOf(servers) {
  return Object.fromEntries(Object.entries(servers).map(([name, { port }]) => [name, port]));
}

function freePort() {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
