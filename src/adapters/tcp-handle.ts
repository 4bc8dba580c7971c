import * as net from 'node:net';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { neverAnswer } from './socket-failure.ts';
import { recordsOf, type SocketRecord } from './socket-records.ts';
import { canAdopt } from './tcp-adopt.ts';
import { deliver, watchAttempt, type ConnectRequest } from './tcp-attempt.ts';
import { nameOwners, ownerOf } from './tcp-owner.ts';

type HandleConnect = (this: object, request: unknown, address: unknown, port?: unknown) => number;

/** libuv's EACCES: Node makes its ordinary connect error of it. */
const UV_EACCES = -13;

/**
 * The last instruction before connect(2), where the address is a number. It dials only what the socket above it had
 * admitted; a handle without a socket that we know (`process.binding`) is decided here, by its address.
 */
export function installTcpHandle(guard: Guard, patches: PatchRegistry): void {
  const prototype = handlePrototype();
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
        const socket = owner as net.Socket;
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

/**
 * The prototype of the handles of TCP sockets, reached through a socket that goes nowhere: it is destroyed before the
 * next tick, in which Node would dial. Of a name, Node 20 would look whether it is an IPv6 address, by a regular
 * expression that takes as long to compile as all other seams to put in.
 */
function handlePrototype(): object | undefined {
  const probe = new net.Socket();
  probe.on('error', neverAnswer);
  try {
    probe.connect({ host: '127.0.0.1', port: 1 });
    const handle = (probe as unknown as { _handle: object | null })._handle;
    if (handle) ownerOf(handle);
    return handle ? (Object.getPrototypeOf(handle) as object) : undefined;
  } catch {
    // Node's permission model may forbid sockets altogether: nothing to guard then.
    return undefined;
  } finally {
    probe.destroy();
  }
}
