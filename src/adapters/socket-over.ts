import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import type { OptionsSnapshot } from './connection-snapshot.ts';
import type { DecidedSocket } from './decided-socket.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { nameInPlaceOf } from './socket-failure.ts';
import { openBelow } from './socket-below.ts';
import { recordsOf, type ConnectAttempt } from './socket-records.ts';

type LookupCallback = (error: Error | null, address?: string, family?: number) => void;

/** The target, if what the policy wants below this socket is more than a connection of its own can be. */
export function targetBelow(target: UpstreamTarget | undefined, socket: net.Socket): UpstreamTarget | undefined {
  if (target?.tunnel) return target;
  return target?.tls && !(socket instanceof tls.TLSSocket) ? target : undefined;
}

/** Makes the connection below a socket that is looking a name up; then Node's lookup is answered. */
export function connectBelow(
  socket: net.Socket,
  options: OptionsSnapshot,
  mark: DecidedSocket & { readonly target: UpstreamTarget },
  attempt: ConnectAttempt,
  callback: LookupCallback,
): void {
  const originate = !(socket instanceof tls.TLSSocket);
  const breakOff = openBelow({ mark, target: mark.target, originate, options }, (outcome) => {
    if (outcome.kind === 'refused') return callback(outcome.error);
    attempt.delivered = outcome;
    // A further try dials what was found, and asks nobody again.
    if (outcome.kind === 'failed')
      for (const found of outcome.failure.admitted ?? []) recordsOf(mark.guard).get(socket)?.admitted.add(found);
    const address =
      outcome.kind === 'failed'
        ? outcome.failure.address
        : (outcome.stream as { readonly remoteAddress?: string }).remoteAddress;
    // What stands at a unix socket has no address; Node asks for one.
    const known = address !== undefined && net.isIP(address) ? address : '127.0.0.1';
    callback(null, known, net.isIP(known));
  });
  socket.once('close', breakOff);
}

/**
 * Has a socket connect over a connection that is made below it: TLS that the policy originates, a proxy's tunnel. Where
 * Node would look the name up, that connection is made; when Node comes to dial, it is told that it is connected (or
 * what a refused connection is told), and the connection's handle is put below the socket. Gives the options for Node.
 */
export function connectOver(
  guard: Guard,
  socket: net.Socket,
  options: OptionsSnapshot,
  mark: DecidedSocket & { readonly target: UpstreamTarget },
): OptionsSnapshot {
  const { target, connectRetry } = mark;
  const attempt: ConnectAttempt = {
    timeoutMs: undefined,
    secure: false,
    redial: connectRetry && { retry: connectRetry, mark, options },
    addresses: 0,
  };
  recordsOf(guard).set(socket, {
    connection: mark.connection as Connection & { readonly host: string },
    transport: mark.connection.transport ?? 'tcp',
    admitted: new Set(),
    target,
    attempt,
  });
  const lookup = (_name: string, _options: object, callback: LookupCallback): void =>
    connectBelow(socket, options, mark, attempt, callback);
  const over = {
    ...options,
    path: undefined,
    localAddress: undefined,
    localPort: undefined,
    host: nameInPlaceOf(mark.host),
    port: target.port || mark.port,
    autoSelectFamily: false,
    lookup,
  };
  return Object.assign(Object.create(null) as OptionsSnapshot, over);
}
