import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import { noteConnectTry } from './connect-tries.ts';
import { CALL_OPTIONS, type CallOptions, type ConnectionVerdict, type Guard, type SeamName } from './seam.ts';
import {
  isImplicitHost,
  snapshotConnectArguments,
  toPort,
  type ConnectArguments,
  type OptionsSnapshot,
} from './connection-snapshot.ts';
import {
  decidedSocket,
  readDecided,
  readDecidedPath,
  type ConnectionRetry,
  type DecidedSocket,
} from './decided-socket.ts';
import { isHttp2Connecting } from './http2-caller.ts';
import type { PatchRegistry } from './patch-registry.ts';
import { dialByAddress } from './socket-by-address.ts';
import { bare, closeWhenIdle, dialOver, dialTo, targetOf, type Dial } from './socket-dial.ts';
import { observeSocket } from './socket-exchange.ts';
import { failLater, neverAnswer, neverConnecting, NEVER_CONNECT } from './socket-failure.ts';
import { targetBelow } from './socket-over.ts';
import { recordsOf } from './socket-records.ts';

type Connect = (this: net.Socket, ...args: unknown[]) => net.Socket;

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

/** Of a pool, only where its requests are not tried again one by one. */
function connectRetryOf(
  { sessionRetry }: Extract<ConnectionVerdict, { kind: 'proceed' }>,
  expected: boolean,
  isSession: boolean,
): ConnectionRetry | undefined {
  if (isSession) return sessionRetry?.();
  const retry = expected ? sessionRetry?.() : undefined;
  return retry && !retry.byRequest ? { ...retry, onTry: noteConnectTry } : undefined;
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
  const decided = readDecidedPath(options, guard, path);
  if (decided) return dialDecided(guard, socket, options, decided);
  const verdict = guard.unixSocket(path, 'unix');
  if (verdict.kind === 'fail') {
    if (verdict.exchange) observeSocket(guard, socket, verdict.exchange);
    return { kind: 'refuse', error: verdict.error, host: 'localhost', port: 1 };
  }
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
  const { host, port } = connection;
  const expected = recordsOf(guard).takeExpected(host, port);
  // The requests that it is for have lines of their own, and their places among the limits.
  const seam = expected ? 'handle' : connection.transport === 'tls' ? 'tls' : 'net';
  const verdict = guard.connection(connection, seam, options[CALL_OPTIONS] as CallOptions | undefined);
  if (verdict.kind === 'fail') {
    if (verdict.exchange) observeSocket(guard, socket, verdict.exchange);
    return { kind: 'refuse', error: verdict.error, host: typeof host === 'string' ? host : 'localhost', port };
  }
  if (verdict.kind === 'resolve') return dialByAddress(guard, socket, options, connection, seam);
  const { exchange } = verdict;
  // The requests of a pool are routed one by one, and this connection is for those that stay where they were going.
  const target = expected && verdict.decision.seenAs === 'http' ? undefined : targetOf(verdict, isHttp2Connecting);
  if (exchange) observeSocket(guard, socket, exchange);
  if (verdict.idleTimeoutMs !== undefined) closeWhenIdle(socket, verdict.idleTimeoutMs);
  const { connectTimeoutMs } = verdict;
  const { generation } = guard;
  const over = targetBelow(target, socket);
  const isSession = !expected && (over ?? verdict.sessionRetry) !== undefined && isHttp2Connecting();
  const connectRetry = recordsOf(guard).exchangesHandles ? connectRetryOf(verdict, expected, isSession) : undefined;
  if (over) {
    return dialOver(guard, socket, options, {
      guard,
      generation,
      connection,
      host,
      port,
      target: over,
      ...(isSession && { alpn: ['h2'] }),
      ...(connectRetry && { connectRetry }),
      ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    });
  }
  if (target?.path !== undefined) {
    recordsOf(guard).set(socket, { connection, transport: 'tcp', admitted: new Set(), target });
    return { kind: 'dial', options: bare({ ...options, path: target.path }) };
  }
  const mark = connectRetry && decidedSocket({ guard, generation, connection, host, port, ...(target && { target }) });
  return dialTo(guard, socket, options, {
    connection,
    host: target?.host ?? host,
    port: target?.port ?? port,
    ground: target ? 'target' : 'name',
    target,
    timeoutMs: connectTimeoutMs,
    redial: mark && connectRetry && { retry: connectRetry, mark, options },
  });
}
