import * as channels from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { hiddenField } from './hidden-field.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { carriesRequests } from './socket-exchange.ts';
import { recordsOf } from './socket-records.ts';

/**
 * Connections that undici pools, of all its copies: when the policy changes, idle ones to what is now denied are closed.
 * Those in use are left: their next request is decided anew.
 */
export function closeDeniedUndiciSockets(guard: Guard, patches: PatchRegistry): void {
  const sockets = new Set<WeakRef<Socket>>();
  const remember = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    carriesRequests(socket);
    const ref = new WeakRef(socket);
    sockets.add(ref);
    socket.once('close', () => sockets.delete(ref));
  };
  channels.subscribe('undici:client:connected', remember);
  patches.onRestore(() => void channels.unsubscribe('undici:client:connected', remember));
  guard.onUpdate(() => {
    for (const ref of sockets) {
      const socket = ref.deref();
      if (socket === undefined) sockets.delete(ref);
      else if (isIdle(socket) && isDenied(guard, socket)) socket.destroy();
    }
  });
}

function isDenied(guard: Guard, socket: Socket): boolean {
  const record = recordsOf(guard).get(socket);
  return record !== undefined && record.path === undefined && !guard.admits(record.connection);
}

/** An HTTP/1 connection whose client has nothing on the wire. */
function isIdle(socket: Socket): boolean {
  const parser = hiddenField(socket, 'parser') as { readonly client?: object } | undefined;
  const { client } = parser ?? {};
  if (client === undefined) return false;
  const running = Object.getOwnPropertySymbols(Object.getPrototypeOf(client) as object).find(
    ({ description }) => description === 'running',
  );
  return running !== undefined && (client as Record<symbol, unknown>)[running] === 0;
}
