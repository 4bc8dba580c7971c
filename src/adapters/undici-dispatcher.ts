import { hiddenField } from './hidden-field.ts';

/**
 * The parts of undici that governing needs, alike in its versions 6, 7 and 8, bundled with Node or installed. There is
 * no import: each copy in the process is met as it is.
 */
export interface Dispatcher {
  dispatch(options: DispatchOptions, handler: Handler): boolean;
  close?(): Promise<void>;
  destroy?(error?: Error): Promise<void>;
}

export type DispatchOptions = Record<PropertyKey, unknown> & {
  origin?: unknown;
  path?: unknown;
  method?: unknown;
  headers?: unknown;
  body?: unknown;
  query?: unknown;
  upgrade?: unknown;
  servername?: unknown;
};

/** Old (`onConnect`, versions 6 and 7) or new (`onRequestStart`, 7 and 8). */
export type Handler = Record<PropertyKey, unknown>;

export type AgentClass = new (options: Record<PropertyKey, unknown>) => Dispatcher;

const leafByPrototype = new WeakMap<object, boolean>();

/** A Client: it sends what it is given itself, all other dispatchers hand it on. */
export function isLeaf(dispatcher: object): boolean {
  const prototype = Object.getPrototypeOf(dispatcher) as object;
  let leaf = leafByPrototype.get(prototype);
  if (leaf === undefined) {
    leaf = hiddenField(dispatcher, 'pending index') !== undefined;
    leafByPrototype.set(prototype, leaf);
  }
  return leaf;
}

/** An Agent: it has a pool for each origin, and options from which another of its kind can be made. */
export function agentOptions(dispatcher: object): Record<PropertyKey, unknown> | undefined {
  const options = hiddenField(dispatcher, 'options');
  const isAgent = hiddenField(dispatcher, 'clients') instanceof Map && typeof options === 'object' && options !== null;
  return isAgent ? (options as Record<PropertyKey, unknown>) : undefined;
}

/** Where a request goes, read once. */
export interface Origin {
  readonly protocol: 'http:' | 'https:';
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** As the Host header has it: with the port unless it is the scheme's own. */
  readonly authority: string;
  /** What to hand on as `origin`. */
  readonly text: string;
}

const MAX_ORIGINS = 1000;
const origins = new Map<string, Origin | undefined>();

/** Undefined: not an origin that undici would take. */
export function parseOrigin(value: unknown): Origin | undefined {
  const text = typeof value === 'string' ? value : originText(value);
  if (text === undefined) return undefined;
  if (origins.has(text)) return origins.get(text);
  const origin = readOrigin(text);
  if (origins.size >= MAX_ORIGINS) origins.clear();
  origins.set(text, origin);
  return origin;
}

/** undici takes a URL, or an object with its parts. */
function originText(value: unknown): string | undefined {
  if (value instanceof URL) return String(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const { origin, protocol, host, hostname, port } = value as Record<string, unknown>;
  if (typeof origin === 'string') return origin;
  if (typeof protocol !== 'string') return undefined;
  if (typeof host === 'string') return `${protocol}//${host}`;
  return typeof hostname === 'string'
    ? `${protocol}//${hostname}${typeof port === 'string' || typeof port === 'number' ? `:${port}` : ''}`
    : undefined;
}

function readOrigin(text: string): Origin | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { protocol: url.protocol, host, port, authority: url.host, text };
}
