import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { observeSocket } from './socket-exchange.ts';
import { failLater, neverAnswer } from './socket-failure.ts';
import { recordsOf, type SocketRecord } from './socket-records.ts';

type SetServername = (this: TLSSocket, name: string) => void;

/**
 * TLS on a socket that exists already, and a server name that is changed before the handshake: the name is decided
 * against the destination of the socket underneath.
 */
export function installServername(guard: Guard, patches: PatchRegistry): void {
  patches.wrap<SetServername>(TLSSocket.prototype, 'setServername', (original) => {
    return function setServername(this: TLSSocket, name: string): void {
      if (guard.active && typeof name === 'string' && name !== '') refuseForeign(guard, this, name);
      original.call(this, name);
    };
  });
}

function refuseForeign(guard: Guard, socket: TLSSocket, name: string): void {
  try {
    const own = recordsOf(guard).get(socket);
    const parent = (socket as unknown as { _parent?: Socket | null })._parent ?? undefined;
    const record = own ?? recordsOf(guard).get(parent);
    if (!record || record.path !== undefined || record.connection.sni === name) return;
    if (isTunnelled(guard, record, recordsOf(guard).tunnelEnd(parent)?.port, name)) return;
    // The request seam decided this connection with its own view of the server name.
    if (own && own.connection.request === undefined && own.connection.protocol !== undefined) return;
    const live = own ? socket : parent;
    const address = live?.remoteAddress;
    const connection: Connection = {
      ...record.connection,
      transport: 'tls',
      sni: name,
      ...(address !== undefined && { address }),
    };
    // The connection has its log line and its place among the limits already: only a refusal is told.
    if (guard.wouldAdmit(connection)) return;
    const verdict = guard.connection(connection, 'tls');
    if (verdict.kind === 'resolve') {
      // The name alone is not admitted: its address must be.
      if (live?.connecting === true) live.prependOnceListener('connect', () => refuseForeign(guard, socket, name));
      return;
    }
    if (verdict.exchange) observeSocket(guard, socket, verdict.exchange);
    if (verdict.kind === 'fail') refuse(socket, verdict.error);
  } catch (error) {
    if (guard.seamFailed('tls', error)) refuse(socket, guard.internalError(error));
  }
}

/** The handshake is not begun: its first message would tell the name to a server that must not hear it. */
function refuse(socket: TLSSocket, error: Error): void {
  const internals = socket as unknown as { _start?: () => void };
  const start = internals._start;
  // A socket that dials by itself waits with it for `connect`.
  if (start) socket.removeListener('connect', start);
  internals._start = neverAnswer;
  failLater(socket, error);
}

/**
 * Inside a CONNECT tunnel, or after STARTTLS, the destination is what the name says and not what the socket is connected
 * to. The name is admitted at the port to which the tunnel leads; where that is not known (who writes CONNECT himself tells
 * nobody), at the socket's, at HTTPS's, or at any that a service is declared with.
 */
function isTunnelled(guard: Guard, record: SocketRecord, tunnelPort: number | undefined, name: string): boolean {
  if (tunnelPort === undefined && (record.transport === 'tls' || record.connection.host === name)) return false;
  const admitted = (port: number): boolean => guard.wouldAdmit({ host: name, port, transport: 'tls', sni: name });
  if (tunnelPort !== undefined) return admitted(tunnelPort);
  return admitted(record.connection.port) || admitted(443) || guard.declaredPorts.some(admitted);
}
