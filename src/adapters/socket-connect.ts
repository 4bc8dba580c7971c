import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import { canonicalHost } from '../core/index.ts';
import {
  CALL_OPTIONS,
  type AddressGround,
  type CallOptions,
  type ConnectionVerdict,
  type Guard,
  type SeamName,
  type UpstreamTarget,
} from './seam.ts';
import {
  isImplicitHost,
  snapshotConnectArguments,
  toPort,
  type ConnectArguments,
  type OptionsSnapshot,
} from './connection-snapshot.ts';
import { readDecided, type DecidedSocket } from './decided-socket.ts';
import { isHttp2Connecting } from './http2-caller.ts';
import type { PatchRegistry } from './patch-registry.ts';
import { observeSocket } from './socket-exchange.ts';
import { failLater, neverAnswer, neverConnecting, NEVER_CONNECT } from './socket-failure.ts';
import { guardLookup } from './socket-lookup.ts';
import { connectOver, targetBelow } from './socket-over.ts';
import { recordsOf, type Redial } from './socket-records.ts';

type Connect = (this: net.Socket, ...args: unknown[]) => net.Socket;

/** What to call Node's own `connect` with. */
type Dial =
  | { readonly kind: 'dial'; readonly options: OptionsSnapshot }
  /** The attempt is begun, so that everything looks as usual, and fails. */
  | { readonly kind: 'refuse'; readonly error: Error; readonly host: string; readonly port: number };

/**
 * Every TCP, TLS and unix socket that JavaScript opens passes here, whoever opens it. The name is decided before it is
 * resolved, then each address; what is dialled is what was decided, from a snapshot of the arguments.
 */
export function installSocketConnect(guard: Guard, patches: PatchRegistry): void {
  patches.wrap<Connect>(net.Socket.prototype, 'connect', (original) => governConnect(guard, original));
}

function governConnect(guard: Guard, original: Connect): Connect {
  return function connect(this: net.Socket, ...args: unknown[]): net.Socket {
    if (!guard.active) return Reflect.apply(original, this, args);
    let call: ConnectArguments | undefined;
    let dial: Dial;
    try {
      call = snapshotConnectArguments(args);
      dial = decide(guard, this, call.options);
    } catch (error) {
      if (!guard.seamFailed('net', error)) return Reflect.apply(original, this, args);
      dial = { kind: 'refuse', error: guard.internalError(error), host: 'localhost', port: 1 };
    }
    // Node's own complaints about its arguments are thrown from here, as always.
    const callback = call?.callback;
    const options =
      dial.kind === 'dial' ? dial.options : bare({ ...call?.options, ...neverConnecting(dial), path: undefined });
    const socket = callback ? original.call(this, options, callback) : original.call(this, options);
    if (dial.kind === 'refuse') failLater(this, dial.error);
    return socket;
  };
}

function decide(guard: Guard, socket: net.Socket, options: OptionsSnapshot): Dial {
  if (options[NEVER_CONNECT]) return { kind: 'dial', options: bare({ ...options, lookup: neverAnswer }) };
  const seam: SeamName = socket instanceof tls.TLSSocket ? 'tls' : 'net';
  if (options['path']) return decidePath(guard, socket, options);
  const port = toPort(options['port']);
  // Node refuses such a port by itself; should it not, nothing is dialled.
  if (port === undefined)
    return { kind: 'dial', options: bare({ ...options, host: 'localhost', lookup: neverAnswer }) };
  const named = isImplicitHost(options['host']) ? 'localhost' : options['host'];
  const host = typeof named === 'string' ? named : '';
  const decided = readDecided(options, guard, host, port);
  if (decided) return dialDecided(guard, socket, options, decided);
  return decideConnection(guard, socket, options, {
    host: named as string,
    port,
    transport: seam === 'tls' ? 'tls' : 'tcp',
    ...tlsFacts(seam, options),
  });
}

function tlsFacts(seam: SeamName, options: OptionsSnapshot): Pick<Connection, 'sni' | 'alpn'> {
  if (seam !== 'tls') return {};
  const { servername, ALPNProtocols } = options as { servername?: unknown; ALPNProtocols?: unknown };
  const alpn = Array.isArray(ALPNProtocols) ? ALPNProtocols.filter((name) => typeof name === 'string') : [];
  return {
    ...(typeof servername === 'string' && servername !== '' && { sni: servername }),
    ...(alpn.length > 0 && { alpn }),
  };
}

function decidePath(guard: Guard, socket: net.Socket, options: OptionsSnapshot): Dial {
  const { path } = options;
  // Node refuses what is no text by itself.
  if (typeof path !== 'string') return { kind: 'dial', options: bare(options) };
  const verdict = guard.unixSocket(path, 'unix');
  if (verdict.kind === 'fail') return { kind: 'refuse', error: verdict.error, host: 'localhost', port: 1 };
  recordsOf(guard).set(socket, {
    connection: { host: path, port: 0 },
    transport: 'tcp',
    admitted: new Set([path]),
    path,
  });
  return { kind: 'dial', options: bare({ ...options, path }) };
}

/** A request seam decided already: only the addresses are left. */
function dialDecided(guard: Guard, socket: net.Socket, options: OptionsSnapshot, decided: DecidedSocket): Dial {
  const { target, connection } = decided;
  const over = decided.below ? undefined : targetBelow(target, socket);
  if (over) return dialOver(guard, socket, options, { ...decided, target: over });
  const named = connection as Connection & { host: string };
  if (target?.path !== undefined) {
    const transport = named.transport ?? 'tcp';
    recordsOf(guard).set(socket, { connection: named, transport, admitted: new Set(), target });
    return { kind: 'dial', options: bare({ ...options, path: target.path }) };
  }
  return dialTo(guard, socket, options, {
    connection: named,
    host: target?.host ?? decided.address ?? decided.host,
    port: target?.port ?? decided.port,
    ground: target ? 'target' : 'request',
    target,
    timeoutMs: decided.connectTimeoutMs ?? target?.cluster.connectTimeoutMs,
    secure: socket instanceof tls.TLSSocket && (decided.below === true || target?.tls !== undefined),
    redial: decided.connectRetry && { retry: decided.connectRetry, mark: decided, options },
  });
}

function decideConnection(
  guard: Guard,
  socket: net.Socket,
  options: OptionsSnapshot,
  connection: Connection & { readonly host: string },
): Dial {
  const seam = connection.transport === 'tls' ? 'tls' : 'net';
  const verdict = guard.connection(connection, seam, options[CALL_OPTIONS] as CallOptions | undefined);
  const { host, port } = connection;
  if (verdict.kind === 'fail') {
    if (verdict.exchange) observeSocket(guard, socket, verdict.exchange);
    return { kind: 'refuse', error: verdict.error, host: typeof host === 'string' ? host : 'localhost', port };
  }
  if (verdict.kind === 'resolve') return dialTo(guard, socket, options, { connection, host, port, ground: 'address' });
  const { exchange } = verdict;
  // The requests of a pool are routed one by one, and this connection is for those that stay where they were going.
  const expected = recordsOf(guard).takeExpected(host, port);
  const target = expected && verdict.decision.seenAs === 'http' ? undefined : targetOf(verdict);
  if (exchange && !expected) observeSocket(guard, socket, exchange);
  if (verdict.idleTimeoutMs !== undefined) closeWhenIdle(socket, verdict.idleTimeoutMs);
  const over = targetBelow(target, socket);
  if (over) {
    const alpn = isHttp2Connecting() ? { alpn: ['h2'] } : {};
    return dialOver(guard, socket, options, {
      guard,
      generation: guard.generation,
      connection,
      host,
      port,
      target: over,
      ...alpn,
      ...(verdict.connectTimeoutMs !== undefined && { connectTimeoutMs: verdict.connectTimeoutMs }),
    });
  }
  if (target?.path !== undefined) return { kind: 'dial', options: bare({ ...options, path: target.path }) };
  return dialTo(guard, socket, options, {
    connection,
    host: target?.host ?? host,
    port: target?.port ?? port,
    ground: target ? 'target' : 'name',
    target,
    timeoutMs: verdict.connectTimeoutMs,
  });
}

function targetOf({
  target,
  sessionTarget,
}: Extract<ConnectionVerdict, { kind: 'proceed' }>): UpstreamTarget | undefined {
  if (sessionTarget === undefined) return target;
  return isHttp2Connecting() ? sessionTarget() : undefined;
}

/** TLS or a tunnel below a socket. Where this Node cannot do it, the bytes must not leave without. */
function dialOver(
  guard: Guard,
  socket: net.Socket,
  options: OptionsSnapshot,
  mark: DecidedSocket & { readonly target: UpstreamTarget },
): Dial {
  if (recordsOf(guard).exchangesHandles) return { kind: 'dial', options: connectOver(guard, socket, options, mark) };
  const { connection, host, port } = mark;
  const error = guard.unroutable(connection, 'this version of Node cannot lead a socket over TLS or through a tunnel');
  if (error) return { kind: 'refuse', error, host, port };
  return dialTo(guard, socket, options, { connection: { ...connection, host }, host, port, ground: 'name' });
}

interface Destination {
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
}

/** The canonical form is what was decided, and so it is what is dialled. */
function dialTo(guard: Guard, socket: net.Socket, options: OptionsSnapshot, destination: Destination): Dial {
  const { connection, host, port, ground, target, timeoutMs, secure = false, redial } = destination;
  const admitted = new Set<string>();
  const transport = connection.transport ?? 'tcp';
  const attempt = timeoutMs === undefined && !redial ? undefined : { timeoutMs, secure, redial, addresses: 0 };
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

/** Without a prototype: what someone put on `Object.prototype` is no option. */
function bare(options: OptionsSnapshot): OptionsSnapshot {
  return Object.assign(Object.create(null) as OptionsSnapshot, options);
}

/** Envoy's TCP idle timeout: no byte in either direction for that long. */
function closeWhenIdle(socket: net.Socket, idleTimeoutMs: number): void {
  if (idleTimeoutMs <= 0) return;
  let before = -1;
  const timer = setInterval(() => {
    const now = socket.bytesRead + socket.bytesWritten;
    if (now === before) socket.destroy();
    before = now;
  }, idleTimeoutMs).unref();
  socket.once('close', () => clearInterval(timer));
}
