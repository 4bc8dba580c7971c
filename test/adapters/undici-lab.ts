import dns from 'node:dns';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { hiddenField } from '../../src/adapters/hidden-field.ts';
import type { AgentClass, Dispatcher } from '../../src/adapters/undici-dispatcher.ts';
import { parseMeshConfig } from '../../src/config/load.ts';
import { createEgress } from '../../src/egress.ts';
import type { Egress, EgressOptions } from '../../src/egress.ts';
import type { Exchange } from '../../src/telemetry/exchange.ts';

/** What a server saw of one request. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface LabServer {
  readonly server: NetServer;
  readonly port: number;
  readonly seen: Seen[];
  /** Connections that were accepted. */
  connections: number;
}

/** Servers, name answers and egresses of one test; `close` takes all of it away. */
export class Lab {
  /** Requests that are over. Connections of their own are not told here: pools open them when they like. */
  readonly ended: Exchange[] = [];
  /** Their lines in the access log. */
  readonly lines: string[] = [];
  readonly #servers: NetServer[] = [];
  readonly #egresses: Egress[] = [];
  readonly #lookup = dns.lookup;

  constructor() {
    const real = this.#lookup as unknown as (host: string, options: object, callback: unknown) => void;
    // Every name of example.com is on loopback; the library is not told.
    Object.defineProperty(dns, 'lookup', {
      configurable: true,
      writable: true,
      value: (host: string, options: { all?: boolean }, callback: (...args: unknown[]) => void) => {
        if (!host.endsWith('.example.com')) return real(host, options, callback);
        const one = { address: '127.0.0.1', family: 4 };
        process.nextTick(() => (options.all ? callback(null, [one]) : callback(null, one.address, one.family)));
      },
    });
  }

  async serve(listener: RequestListener = answer): Promise<LabServer> {
    const seen: Seen[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        listener(request, response);
      });
    });
    return this.listen(server, seen);
  }

  async listen(server: NetServer, seen: Seen[] = []): Promise<LabServer> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#servers.push(server);
    const lab: LabServer = { server, port: (server.address() as AddressInfo).port, seen, connections: 0 };
    server.on('connection', () => (lab.connections += 1));
    return lab;
  }

  /** A server that the test has listen when it likes. */
  closeLater(server: NetServer): void {
    this.#servers.push(server);
  }

  /** An egress over the documents, under REGISTRY_ONLY and a further field of MeshConfig; not installed yet. */
  egress(documents: string, options: Partial<EgressOptions> = {}, meshFields = ''): Egress {
    const egress = createEgress({
      meshConfig: this.config(documents, meshFields),
      accessLog: (line: string, { layer }: Exchange) => layer === 'http' && this.lines.push(line),
      observers: [{ onEnd: (exchange) => exchange.layer === 'http' && this.ended.push(exchange) }],
      ...options,
    });
    this.#egresses.push(egress);
    return egress;
  }

  config(documents: string, meshFields = ''): EgressOptions['meshConfig'] {
    return parseMeshConfig(`${documents}\n---\n${REGISTRY_ONLY}    ${meshFields}\n`);
  }

  closeConnections(): void {
    for (const server of this.#servers) (server as Partial<Server>).closeAllConnections?.();
  }

  async close(): Promise<void> {
    for (const egress of this.#egresses) void egress.close();
    Object.defineProperty(dns, 'lookup', { value: this.#lookup, configurable: true, writable: true });
    this.closeConnections();
    for (const server of this.#servers) await new Promise((resolve) => server.close(resolve));
  }
}

function answer(request: IncomingMessage, response: Parameters<RequestListener>[1]): void {
  if (request.url?.startsWith('/slow')) return;
  response.setHeader('x-upstream', '1');
  response.end(`answer to ${request.url}`);
}

const REGISTRY_ONLY = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    outboundTrafficPolicy: { mode: REGISTRY_ONLY }
`;

/** The Agent of the copy of undici inside Node. */
export function builtInAgent(): AgentClass {
  void globalThis.Response;
  const slots = globalThis as Record<symbol, { constructor: unknown } | undefined>;
  const dispatcher = slots[Symbol.for('undici.globalDispatcher.2')] ?? slots[Symbol.for('undici.globalDispatcher.1')];
  return dispatcher?.constructor as AgentClass;
}

/** A Pool of that copy; with `connections: 1` a Client, whose requests queue for its one connection. */
export function builtInPool(url: string, options: Record<string, unknown>): Dispatcher {
  const makePool = hiddenField(new (builtInAgent())({}), 'factory') as (origin: URL, options: object) => Dispatcher;
  return makePool(new URL(url), options);
}

/** A ServiceEntry for one host and port. */
export function entry(host: string, port: number, more = '', protocol = 'HTTP'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.replace(/[^a-z]/g, '-')}, namespace: default }
spec:
  hosts: [${host}]
  ports: [{ number: ${port}, name: p, protocol: ${protocol}${more.startsWith('targetPort') ? `, ${more}` : ''} }]
${more !== '' && !more.startsWith('targetPort') ? more : '  resolution: DNS'}
---`;
}

/** A VirtualService with these http routes, as YAML list items. */
export function routes(host: string, ...items: string[]): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host.replace(/[^a-z]/g, '-')}, namespace: default }
spec:
  hosts: [${host}]
  http:
${items.map((item) => `  - ${item.trim()}`).join('\n')}
---`;
}
