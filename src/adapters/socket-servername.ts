import { TLSSocket } from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { failLater } from './socket-failure.ts';
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
    const below = recordsOf(guard).get((socket as unknown as { _parent?: unknown })._parent);
    const record = own ?? below;
    if (!record || record.path !== undefined || record.connection.sni === name || isTunnelled(guard, record, name))
      return;
    const connection: Connection = { ...record.connection, transport: 'tls', sni: name };
    // The request seam decided this connection with its own view of the server name.
    if (own && own.connection.request === undefined && own.connection.protocol === 'http1') return;
    const verdict = guard.connection(connection, 'tls');
    if (verdict.kind === 'fail') failLater(socket, verdict.error);
  } catch (error) {
    if (guard.seamFailed('tls', error)) failLater(socket, guard.internalError(error));
  }
}

/**
 * Inside a CONNECT tunnel, or after STARTTLS, the destination is what the name says and not what the socket is connected
 * to: it is admitted when the name is, at that port or at HTTPS's.
 */
function isTunnelled(guard: Guard, record: SocketRecord, name: string): boolean {
  if (record.transport === 'tls' || record.connection.host === name) return false;
  return [record.connection.port, 443].some((port) => guard.admits({ host: name, port, transport: 'tls', sni: name }));
}
