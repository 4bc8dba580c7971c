/** Proxies of their own for the benchmarks, on free loopback ports, with a configuration in a temporary folder. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processSeconds } from './machine.ts';
import type { ServerReady } from './server-process.ts';

export interface Proxy {
  /** Where plaintext HTTP is taken: as a forward proxy, or as if it were the server. */
  readonly http: number;
  /** Where TLS is taken and passed through: by CONNECT, or as if it were the server. */
  readonly https: number;
  readonly pid: number;
  /** Seconds of processor time so far. */
  cpuSeconds(): number;
  close(): void;
}

/** Squid as forward proxy. Undefined: it is not installed. */
export async function startSquid(): Promise<Proxy | undefined> {
  const binary = ['/usr/sbin/squid', '/usr/local/sbin/squid'].find((path) => existsSync(path));
  if (binary === undefined) return undefined;
  const port = await freePort();
  return start(binary, port, port, (folder) => {
    const file = join(folder, 'squid.conf');
    const lines = [
      `http_port 127.0.0.1:${port}`,
      'http_access allow all',
      'cache deny all',
      `access_log stdio:${join(folder, 'access.log')}`,
      `cache_log ${join(folder, 'cache.log')}`,
      `pid_filename ${join(folder, 'squid.pid')}`,
      `coredump_dir ${folder}`,
      'shutdown_lifetime 0 seconds',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return ['-N', '-f', file];
  });
}

/** Envoy as a sidecar: HTTP by routes, TLS passed through, both logged. Undefined: ENVOY_BIN names no program that runs. */
export async function startEnvoy(server: ServerReady): Promise<Proxy | undefined> {
  const binary = process.env['ENVOY_BIN'];
  if (binary === undefined || spawnSync(binary, ['--version']).status !== 0) return undefined;
  const [http, https] = [await freePort(), await freePort()];
  return start(binary, http, https, (folder) => {
    const file = join(folder, 'envoy.json');
    writeFileSync(file, JSON.stringify(envoyConfig(server, http, https, join(folder, 'access.log'))));
    // Two workers, as Istio's sidecars have.
    return ['-c', file, '--concurrency', '2', '--use-dynamic-base-id', '--log-level', 'error'];
  });
}

async function start(
  binary: string,
  http: number,
  https: number,
  configure: (folder: string) => readonly string[],
): Promise<Proxy | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-proxy-'));
  // Squid gives up being root.
  chmodSync(folder, 0o777);
  const child = spawn(binary, configure(folder), { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  const close = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', close);
  if (!(await listens(http))) return void close();
  return { http, https, pid, cpuSeconds: () => processSeconds(pid), close };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listens(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (connected) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

const NETWORK = 'type.googleapis.com/envoy.extensions.filters.network';

function envoyConfig(server: ServerReady, http: number, https: number, log: string): object {
  const accessLog = [
    {
      name: 'envoy.access_loggers.file',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog', path: log },
    },
  ];
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
  };
  const route = { match: { prefix: '/' }, route: { cluster: 'http', timeout: '0s' } };
  const manager = {
    '@type': `${NETWORK}.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'http',
    access_log: accessLog,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [router],
  };
  const tcp = {
    '@type': `${NETWORK}.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 'https',
    cluster: 'https',
    access_log: accessLog,
  };
  return {
    static_resources: {
      listeners: [
        listener('http', http, 'envoy.filters.network.http_connection_manager', manager),
        listener('https', https, 'envoy.filters.network.tcp_proxy', tcp),
      ],
      clusters: [cluster('http', server.http), cluster('https', server.https)],
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function listener(name: string, port: number, filter: string, typed: object): object {
  return { name, address: address(port), filter_chains: [{ filters: [{ name: filter, typed_config: typed }] }] };
}

function cluster(name: string, port: number): object {
  const endpoint = { endpoint: { address: address(port) } };
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
  };
}
