import type { Agent, ClientRequest } from 'node:http';
import { OutgoingMessage } from 'node:http';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { serverNameOf, toPort } from './connection-snapshot.ts';

type HeaderValue = string | readonly string[] | undefined;

/** The parts of ClientRequest and Agent that Node keeps without documenting them; stable from Node 20 to 26. */
export interface NodeRequest extends ClientRequest {
  /** The rendered header block, once there is one. */
  _header: string | null;
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

/** The symbol under which Node keeps headers that are not rendered yet: lower-case name -> [name, value]. */
const HEADERS = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === 'kOutHeaders',
);

/** Headers as they stand now, names lower-case; those of an already rendered block are read from it. */
export function headersOf(request: NodeRequest): Record<string, HeaderValue> {
  const headers = Object.create(null) as Record<string, HeaderValue>;
  if (request._header) {
    for (const [name, value] of renderedHeaders(request._header)) {
      const lower = name.toLowerCase();
      const present = headers[lower];
      headers[lower] = present === undefined ? value : [...(typeof present === 'string' ? [present] : present), value];
    }
    return headers;
  }
  const kept = keptHeaders(request);
  if (kept) for (const name in kept) headers[name] = text(kept[name]?.[1]);
  else for (const [name, value] of Object.entries(request.getHeaders())) headers[name] = text(value);
  return headers;
}

function keptHeaders(request: NodeRequest): Record<string, [string, unknown]> | null | undefined {
  return (
    HEADERS && ((request as unknown as Record<symbol, unknown>)[HEADERS] as Record<string, [string, unknown]> | null)
  );
}

/** Whether headers are still what they were when they were read: on the path of every request, so nothing is copied. */
export function sameHeaders(request: NodeRequest, before: HttpRequest['headers']): boolean {
  const kept = request._header ? undefined : keptHeaders(request);
  const now = kept ?? headersOf(request);
  let names = 0;
  for (const name in now) {
    const entry = now[name];
    const value = kept ? text(kept[name]?.[1]) : (entry as HeaderValue);
    const former = before[name];
    if (
      value !== former &&
      (typeof value !== 'object' || value.join('\n') !== String((former as string[])?.join?.('\n')))
    )
      return false;
    names += 1;
  }
  return names === Object.keys(before).length;
}

/** Headers that are not rendered yet, with names as the application wrote them. */
export function unrenderedHeaders(request: NodeRequest): HeaderList {
  return request.getRawHeaderNames().map((name) => [name, request.getHeader(name) as string]);
}

export function renderedHeaders(block: string): HeaderList {
  return block
    .split('\r\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}

function text(value: unknown): HeaderValue {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(String) : String(value);
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
  const own = agent.options ?? {};
  const pick = (key: string): unknown => (Object.hasOwn(own, key) ? own[key] : options[key]);
  return {
    host: pick('host'),
    port: pick('port') || agent.defaultPort,
    socketPath: pick('socketPath'),
    servername: pick('servername'),
  };
}

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
