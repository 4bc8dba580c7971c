/** Loopback servers that tell what they saw, and clients that tell what happened to them. */
import http from 'node:http';
import type https from 'node:https';
import net, { type AddressInfo, type LookupFunction } from 'node:net';
import { parseMeshConfig } from '../../src/config/load.ts';
import type { MeshConfig } from '../../src/core/model/mesh-config.ts';
import { createEgress, type Egress, type EgressOptions } from '../../src/egress.ts';

/** One request as a server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** Number of the connection it came over, from 1. */
  readonly connection: number;
}

export interface Lab {
  readonly port: number;
  readonly seen: Seen[];
  readonly server: http.Server | https.Server | net.Server;
  connections: number;
  close(): Promise<void>;
}

type Answer = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

/** An HTTP server on a free port of 127.0.0.1. `answer` defaults to 200 with the path. */
export async function httpServer(
  answer: Answer = (request, response) => response.end(`ok ${request.url}`),
  make: (listener: http.RequestListener) => http.Server | https.Server = (listener) => http.createServer(listener),
): Promise<Lab> {
  const seen: Seen[] = [];
  const numbers = new WeakMap<object, number>();
  const server = make((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      seen.push({ method, url, headers, rawHeaders, body, connection: numbers.get(request.socket) ?? 0 });
      answer(request, response, body);
    });
  });
  const lab = await listening(server, seen);
  server.on('secureConnection', (socket: object) => numbers.set(socket, lab.connections));
  server.on('connection', (socket: object) => numbers.set(socket, lab.connections));
  return lab;
}

/** A TCP server that answers each chunk with `pong <chunk>`. */
export function tcpServer(): Promise<Lab> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined).on('data', (chunk) => socket.write(`pong ${String(chunk)}`));
  });
  return listening(server, []);
}

/** A port of loopback at which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = await tcpServer();
  await server.close();
  return server.port;
}

async function listening(server: net.Server | http.Server | https.Server, seen: Seen[]): Promise<Lab> {
  const open = new Set<net.Socket>();
  const lab: Lab = {
    port: 0,
    seen,
    server,
    connections: 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
  server.on('connection', (socket: net.Socket) => {
    lab.connections += 1;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(lab, { port: (server.address() as AddressInfo).port });
}

/** Every name is 127.0.0.1, or what `addresses` says. */
export function lookupTo(...addresses: string[]): LookupFunction {
  const list = addresses.length > 0 ? addresses : ['127.0.0.1'];
  const entries = list.map((address) => ({ address, family: net.isIP(address) }));
  return (_host, options, callback) => {
    process.nextTick(() => {
      if (options.all) callback(null, entries);
      else callback(null, entries[0]?.address ?? '', entries[0]?.family ?? 4);
    });
  };
}

/** What a client got, and in which order things happened to it. */
export interface Outcome {
  readonly status?: number;
  readonly headers?: http.IncomingHttpHeaders;
  readonly rawHeaders?: readonly string[];
  readonly body?: string;
  readonly error?: NodeJS.ErrnoException;
  readonly events: readonly string[];
  readonly request: http.ClientRequest;
}

/** Sends one request and waits until it is over. */
export function send(
  module: Pick<typeof http, 'request'>,
  options: http.RequestOptions | https.RequestOptions,
  body?: string,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const events: string[] = [];
    let outcome: Partial<Outcome> = {};
    const request = module.request({ lookup: lookupTo(), ...options }, (response) => {
      let text = '';
      events.push('response');
      const { statusCode = 0, headers, rawHeaders } = response;
      outcome = { status: statusCode, headers, rawHeaders };
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        events.push('end');
        outcome = { ...outcome, body: text };
      });
      response.on('error', (error) => (outcome = { ...outcome, error }));
    });
    for (const name of ['socket', 'finish', 'timeout', 'abort'] as const) request.on(name, () => events.push(name));
    request.on('error', (error) => {
      events.push('error');
      outcome = { ...outcome, error };
    });
    request.on('close', () => {
      events.push('close');
      resolve({ ...outcome, events, request });
    });
    request.end(body);
  });
}

/** A server, and an agent that keeps its connections to it. */
export interface PooledClient {
  readonly web: Lab;
  readonly agent: http.Agent;
  /** Options of a request to it, as `api.example.com`. */
  readonly call: (path: string, more?: http.RequestOptions) => http.RequestOptions;
  close(): Promise<void>;
}

export async function pooledClient(answer?: Answer): Promise<PooledClient> {
  const web = await httpServer(answer);
  const agent = new http.Agent({ keepAlive: true });
  return {
    web,
    agent,
    call: (path, more) => ({ host: 'api.example.com', port: web.port, path, agent, lookup: lookupTo(), ...more }),
    close: () => {
      agent.destroy();
      return web.close();
    },
  };
}

export function mesh(...documents: string[]): MeshConfig {
  return parseMeshConfig(documents.join('\n---\n'));
}

export const REGISTRY_ONLY = 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}';
export const ALLOW_ANY = 'outboundTrafficPolicy: {mode: ALLOW_ANY}';

/** A ServiceEntry with one port; `more` are further lines of its spec. */
export function serviceEntry(host: string, port: number, protocol = 'HTTP', more = 'resolution: DNS'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: '${host.replaceAll('*', 'any').replaceAll('.', '-')}-${port}'}
spec:
  hosts: ['${host}']
  ports: [{number: ${port}, name: p${port}, protocol: ${protocol}}]
  ${more.replaceAll('\n', '\n  ')}`;
}

/** One at port 80 with several endpoints on loopback, tried in this order. */
export function withEndpoints(host: string, protocol: string, ...ports: number[]): string {
  const endpoints = ports.map((port) => `- {address: 127.0.0.1, ports: {p80: ${port}}}`);
  return serviceEntry(host, 80, protocol, `resolution: STATIC\nendpoints:\n${endpoints.join('\n')}`);
}

/** A VirtualService for `host` whose spec continues with `rest`. */
export function virtualService(host: string, rest: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: '${host.replaceAll('.', '-')}'}
spec:
  hosts: ['${host}']
  ${rest.replaceAll('\n', '\n  ')}`;
}

/** A DestinationRule for `host` whose trafficPolicy is `policy`. */
export function destinationRule(host: string, policy: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: '${host.replaceAll('.', '-')}'}
spec:
  host: '${host}'
  trafficPolicy:
    ${policy.replaceAll('\n', '\n    ')}`;
}

const installed: Egress[] = [];

/** An egress that governs this process until {@link closeAll}. */
export function install(meshConfig: MeshConfig, options: Partial<EgressOptions> = {}): Egress {
  const egress = createEgress({ accessLog: false, meshConfig, ...options });
  installed.push(egress);
  egress.install();
  return egress;
}

export function closeAll(): void {
  for (const egress of installed.splice(0)) void egress.close();
}
