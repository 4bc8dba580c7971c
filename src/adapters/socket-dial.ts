import * as net from 'node:net';
import { canonicalHost } from '../core/index.ts';
import type { Connection } from '../core/model/connection.ts';
import type { OptionsSnapshot } from './connection-snapshot.ts';
import type { DecidedSocket } from './decided-socket.ts';
import type { AddressGround, ConnectionVerdict, Guard, UpstreamTarget } from './seam.ts';
import { guardLookup } from './socket-lookup.ts';
import { connectOver } from './socket-over.ts';
import { recordsOf, type ConnectAttempt, type Redial } from './socket-records.ts';

/** What to call Node's own `connect` with. */
export type Dial =
  | { readonly kind: 'dial'; readonly options: OptionsSnapshot }
  /** The attempt is begun, so that everything looks as usual, and fails. */
  | { readonly kind: 'refuse'; readonly error: Error; readonly host: string; readonly port: number };

/** Where a socket is to be connected to, and on what ground. */
export interface Destination {
  readonly connection: Connection & { readonly host: string };
  readonly host: string;
  readonly port: number;
  readonly ground: AddressGround;
  readonly target?: UpstreamTarget | undefined;
  /** For each address, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** TLS is originated on this socket. */
  readonly secure?: boolean;
  readonly redial?: Redial | undefined;
  /** Where what holds for it is known later only. */
  readonly attempt?: ConnectAttempt;
}

/** The canonical form is what was decided, and so it is what is dialled. */
export function dialTo(guard: Guard, socket: net.Socket, options: OptionsSnapshot, destination: Destination): Dial {
  const { connection, host, port, ground, target, timeoutMs, secure = false, redial } = destination;
  const admitted = new Set<string>();
  const transport = connection.transport ?? 'tcp';
  const attempt =
    destination.attempt ??
    (timeoutMs === undefined && !redial ? undefined : { timeoutMs, secure, redial, addresses: 0 });
  recordsOf(guard).set(socket, { connection, transport, admitted, target, attempt });
  const admit = (address: string): void => {
    admitted.add(`${address} ${port}`);
    if (attempt) attempt.addresses = admitted.size;
  };
  const dialled = dialledHost(host);
  const dial = bare({ ...options, path: undefined, host: dialled, port });
  if (net.isIP(dialled)) {
    admit(dialled);
    return { kind: 'dial', options: dial };
  }
  const lookup = options['lookup'] ?? undefined;
  // What is no function Node refuses by itself, with its own error.
  if (lookup !== undefined && typeof lookup !== 'function') return { kind: 'dial', options: dial };
  return { kind: 'dial', options: bare({ ...dial, lookup: guardLookup(guard, connection, ground, lookup, admit) }) };
}

/** An IP literal in its canonical spelling; of a name, the trailing dot stays, for it keeps search domains away. */
function dialledHost(host: string): string {
  const canonical = canonicalHost(host);
  if (canonical.type === 'ipv4' || canonical.type === 'ipv6') return withZone(canonical.value, host);
  if (canonical.type !== 'dns') return host;
  const dialled = host.endsWith('.') ? `${canonical.value}.` : canonical.value;
  // A lookup of the caller's own is asked with the caller's own letters.
  return host.toLowerCase() === dialled ? host : dialled;
}

/** A link-local address cannot be dialled without its zone. */
function withZone(address: string, host: string): string {
  const zone = host.indexOf('%');
  return zone < 0 || !address.startsWith('fe80:') ? address : address + host.slice(zone);
}

export const NOT_BELOW = 'this version of Node cannot lead a socket over TLS or through a tunnel';

/** TLS or a tunnel below a socket. Where this Node cannot do it, the bytes must not leave without. */
export function dialOver(
  guard: Guard,
  socket: net.Socket,
  options: OptionsSnapshot,
  mark: DecidedSocket & { readonly target: UpstreamTarget },
): Dial {
  if (recordsOf(guard).exchangesHandles) return { kind: 'dial', options: connectOver(guard, socket, options, mark) };
  const { connection, host, port } = mark;
  const error = guard.unroutable(connection, NOT_BELOW);
  if (error) return { kind: 'refuse', error, host, port };
  return dialTo(guard, socket, options, { connection: { ...connection, host }, host, port, ground: 'name' });
}

/** Where a connection is led; of one for many requests that is asked only for sessions of HTTP/2. */
export function targetOf(
  { target, sessionTarget }: Extract<ConnectionVerdict, { kind: 'proceed' }>,
  isHttp2: () => boolean,
): UpstreamTarget | undefined {
  if (sessionTarget === undefined) return target;
  return isHttp2() ? sessionTarget() : undefined;
}

/** Without a prototype: what someone put on `Object.prototype` is no option. */
export function bare(options: OptionsSnapshot): OptionsSnapshot {
  return Object.assign(Object.create(null) as OptionsSnapshot, options);
}

/** Envoy's TCP idle timeout: no byte in either direction for that long. */
export function closeWhenIdle(socket: net.Socket, idleTimeoutMs: number): void {
  if (idleTimeoutMs <= 0) return;
  let before = -1;
  const timer = setInterval(() => {
    const now = socket.bytesRead + socket.bytesWritten;
    if (now === before) socket.destroy();
    before = now;
  }, idleTimeoutMs).unref();
  socket.once('close', () => clearInterval(timer));
}
