import { isIP } from 'node:net';
import { types } from 'node:util';

/** Options as read once: no getter is asked again, nothing comes from a polluted `Object.prototype`. */
export type OptionsSnapshot = Record<PropertyKey, unknown>;

/**
 * Reads every field of an options object once. Own fields and those of its prototypes count, since Node reads both,
 * but not those of `Object.prototype`: what stands there is pollution. May throw what the caller's getters throw.
 */
export function snapshotOptions(options: object): OptionsSnapshot {
  const snapshot = Object.create(null) as OptionsSnapshot;
  for (let at: object | null = options; at && !isRootPrototype(at); at = Object.getPrototypeOf(at) as object | null)
    for (const key of Reflect.ownKeys(at))
      if (!(key in snapshot)) snapshot[key] = (options as Record<PropertyKey, unknown>)[key];
  // A Proxy need not list what it answers.
  if (types.isProxy(options))
    for (const key of CONNECT_FIELDS)
      if (!(key in snapshot)) snapshot[key] = (options as Record<PropertyKey, unknown>)[key];
  return snapshot;
}

const CONNECT_FIELDS = ['host', 'port', 'path', 'lookup', 'family', 'hints', 'localAddress', 'localPort'];

/** `Object.prototype` of this realm or of another. */
function isRootPrototype(object: object): boolean {
  return (
    object === Object.prototype ||
    (Object.getPrototypeOf(object) === null && Object.prototype.hasOwnProperty.call(object, 'hasOwnProperty'))
  );
}

/** The three forms of `socket.connect`: `([options, cb])` as net.connect passes it on, `(options, cb)`, `(port, host, cb)`. */
export interface ConnectArguments {
  readonly options: OptionsSnapshot;
  readonly callback: ((...args: unknown[]) => void) | undefined;
}

/** Reads the arguments of `net.Socket.prototype.connect` once. May throw what the caller's getters throw. */
export function snapshotConnectArguments(args: readonly unknown[]): ConnectArguments {
  const [first] = args;
  // Node's own normalised form: an array that net.connect made and marked.
  if (Array.isArray(first)) return { options: snapshotArgument(first[0]), callback: asCallback(first[1]) };
  const last = args[args.length - 1];
  if (typeof first === 'object' && first !== null)
    return { options: snapshotOptions(first), callback: asCallback(last) };
  if (isPipeName(first)) return { options: plain({ path: first }), callback: asCallback(last) };
  const host = args.length > 1 && typeof args[1] === 'string' ? { host: args[1] } : {};
  return { options: plain({ port: first, ...host }), callback: asCallback(last) };
}

function snapshotArgument(value: unknown): OptionsSnapshot {
  return typeof value === 'object' && value !== null ? snapshotOptions(value) : plain({});
}

function plain(fields: Record<string, unknown>): OptionsSnapshot {
  return Object.assign(Object.create(null) as OptionsSnapshot, fields);
}

function asCallback(value: unknown): ConnectArguments['callback'] {
  return typeof value === 'function' ? (value as ConnectArguments['callback']) : undefined;
}

/** A string that is no number is a path: `net.connect('80abc')` opens a unix socket, `net.connect('80')` a port. */
function isPipeName(value: unknown): value is string {
  return typeof value === 'string' && toPort(value) === undefined;
}

/** A port as Node takes it: a number, or a string that `Number` reads; 0-65535, else undefined. */
export function toPort(value: unknown): number | undefined {
  if (typeof value === 'number') return isPortNumber(value) ? value : undefined;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const port = Number(value);
  return isPortNumber(port) ? port : undefined;
}

function isPortNumber(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65535;
}

/** What Node turns into `localhost`. */
export function isImplicitHost(host: unknown): boolean {
  return !host;
}

/**
 * The server name that `https.Agent` would send for a request: an explicit one (also an empty one: none), else that
 * of the Host header, else the host; none for IP addresses.
 */
export function serverNameOf(explicit: unknown, host: string, hostHeader: string | undefined): string | undefined {
  if (typeof explicit === 'string') return explicit === '' ? undefined : explicit;
  const name = hostHeader === undefined || hostHeader === '' ? host : nameOfAuthority(hostHeader);
  return isIP(name) || name === '' ? undefined : name;
}

/** The name part of `name:port` or `[v6]:port`. */
export function nameOfAuthority(authority: string): string {
  if (authority.startsWith('[')) {
    const end = authority.indexOf(']');
    return end < 0 ? authority : authority.slice(1, end);
  }
  const colon = authority.indexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}
