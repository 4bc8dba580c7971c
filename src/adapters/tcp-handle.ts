import type { Socket } from 'node:net';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { handlePrototypeOf, nameOwners, ownerOf, UV_EACCES } from './socket-handle.ts';
import { recordsOf, type SocketRecord } from './socket-records.ts';
import { canAdopt } from './tcp-adopt.ts';
import { deliver, watchAttempt, type ConnectRequest } from './tcp-attempt.ts';

type HandleConnect = (this: object, request: unknown, address: unknown, port?: unknown) => number;

/** An address: of a name, Node 20 would look whether it is IPv6, by a regular expression that takes as long to compile as all other seams to put in. */
const NOWHERE = { host: '127.0.0.1', port: 1 };

/**
 * The last instruction before connect(2), where the address is a number. It dials only what the socket above it had
 * admitted; a handle without a socket that we know (`process.binding`) is decided here, by its address.
 */
export function installTcpHandle(guard: Guard, patches: PatchRegistry): void {
  const prototype = handlePrototypeOf(NOWHERE);
  if (!prototype) return;
  nameOwners(patches);
  recordsOf(guard).exchangesHandles = canAdopt;
  patches.onRestore(() => (recordsOf(guard).exchangesHandles = false));
  for (const method of ['connect', 'connect6'] as const)
    patches.wrap<HandleConnect>(prototype, method, (original) => {
      return function (this: object, request, address, port): number {
        if (!guard.active) return original.call(this, request, address, port);
        const owner = ownerOf(this);
        const record = recordsOf(guard).get(owner);
        const attempt = record?.attempt;
        const socket = owner as Socket;
        try {
          if (attempt?.delivered)
            return deliver(guard, socket, attempt, this, request as ConnectRequest) ? 0 : UV_EACCES;
          if (!admits(guard, record, address, port)) return UV_EACCES;
          if (attempt) watchAttempt(guard, socket, attempt, this, request as ConnectRequest);
        } catch (error) {
          if (guard.seamFailed('handle', error)) return UV_EACCES;
        }
        return original.call(this, request, address, port);
      };
    });
}

function admits(guard: Guard, record: SocketRecord | undefined, address: unknown, port: unknown): boolean {
  try {
    if (record?.admitted.has(`${String(address)} ${String(port)}`)) return true;
    if (typeof address !== 'string' || typeof port !== 'number') return false;
    const verdict = guard.connection({ host: address, port, transport: 'tcp' }, 'handle');
    return verdict.kind === 'proceed' && verdict.target === undefined;
  } catch (error) {
    return !guard.seamFailed('handle', error);
  }
}
