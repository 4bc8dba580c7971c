import type { Agent, ClientRequest } from 'node:http';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import { serverNameOf, toPort } from './connection-snapshot.ts';
import { headersOf } from './http-headers.ts';

/** The parts of ClientRequest and Agent that Node keeps without documenting them; stable from Node 20 to 26. */
export interface NodeRequest extends ClientRequest {
  /** The rendered header block, once there is one. */
  _header: string | null;
  /** What was written before there was a connection. */
  readonly outputData?: readonly { data: unknown }[];
  outputSize?: number;
  /** Null until the connection was handed over. */
  onSocket(socket: unknown, error?: Error | null): void;
  _implicitHeader(): void;
  _storeHeader(firstLine: string, headers: unknown): void;
  _contentLength?: number | null;
  timeoutCb?: unknown;
  upgradeOrConnect?: boolean;
  res?: unknown;
}

export interface NodeAgent extends Omit<Agent, 'options' | 'getName' | 'createConnection'> {
  options?: Record<PropertyKey, unknown>;
  protocol?: string;
  defaultPort?: number;
  addRequest(request: NodeRequest, options: unknown, ...legacy: unknown[]): void;
  createConnection(...args: unknown[]): unknown;
  getName(options?: object): string;
}

/** Where a request is about to be sent, from the options that the agent will dial with. */
export interface HttpDestination {
  readonly host: unknown;
  readonly port: unknown;
  readonly socketPath?: unknown;
  readonly servername?: unknown;
}

/** The options that count: an agent's own beat those of the request, as in Node's `addRequest`. */
export function destinationOf(agent: NodeAgent, options: Readonly<Record<PropertyKey, unknown>>): HttpDestination {
  const own = agent.options ?? NONE;
  // Each field by its own name: read by one function for all, each would be looked for from the beginning.
  return {
    host: Object.hasOwn(own, 'host') ? own['host'] : options['host'],
    port: (Object.hasOwn(own, 'port') ? own['port'] : options['port']) || agent.defaultPort,
    socketPath: Object.hasOwn(own, 'socketPath') ? own['socketPath'] : options['socketPath'],
    servername: Object.hasOwn(own, 'servername') ? own['servername'] : options['servername'],
  };
}

const NONE: Readonly<Record<PropertyKey, unknown>> = {};

/** What is known of a request when it is handed to an agent or a socket. Undefined: a port that Node itself refuses. */
export function httpConnection(
  request: NodeRequest,
  destination: HttpDestination,
  secure: boolean,
): (Connection & { readonly host: string }) | undefined {
  const port = toPort(destination.port);
  if (port === undefined) return undefined;
  const host = destination.host || 'localhost';
  const headers = headersOf(request);
  const authority = authorityOf(headers);
  const connection = {
    host: host as string,
    port,
    transport: secure ? ('tls' as const) : ('tcp' as const),
    protocol: 'http1' as const,
    ...(authority !== undefined && { authority }),
    request: { method: request.method, path: request.path, headers, scheme: secure ? 'https' : 'http' },
  };
  if (!secure) return connection;
  const sni = serverNameOf(destination.servername, typeof host === 'string' ? host : '', authority);
  return { ...connection, ...(sni !== undefined && { sni }) };
}

/** The Host header as it will be sent; a list when there are several, which the policy refuses. */
function authorityOf({ host: value }: HttpRequest['headers']): string | undefined {
  const first = typeof value === 'object' ? value[0] : value;
  return first === undefined || first === '' ? undefined : first;
}
