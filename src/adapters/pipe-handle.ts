import * as net from 'node:net';
import { hiddenField } from './hidden-field.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { neverAnswer } from './socket-failure.ts';
import { recordsOf } from './socket-records.ts';

type HandleConnect = (this: object, request: unknown, path: unknown, ...more: unknown[]) => number;

/** libuv's EACCES: Node makes its ordinary connect error of it. */
const UV_EACCES = -13;

/**
 * The last instruction before a unix socket or named pipe is opened: it opens only what the socket above it had admitted; a
 * handle without a socket that we know (`process.binding`) is decided here, by its path.
 */
export function installPipeHandle(guard: Guard, patches: PatchRegistry): void {
  const prototype = handlePrototype();
  if (!prototype) return;
  patches.wrap<HandleConnect>(prototype, 'connect', (original) => {
    return function (this: object, request, path, ...more): number {
      if (guard.active && !admits(guard, hiddenField(this, 'owner_symbol'), path)) return UV_EACCES;
      return original.call(this, request, path, ...more);
    };
  });
}

function admits(guard: Guard, socket: unknown, path: unknown): boolean {
  try {
    const record = recordsOf(guard).get(socket);
    // What is no text is Node's to refuse.
    if (typeof path !== 'string' || record?.path === path || record?.target?.path === path) return true;
    const verdict = guard.unixSocket(path, 'handle');
    if (verdict.kind === 'fail' && verdict.exchange) {
      verdict.exchange.endedAt = performance.now();
      guard.ended(verdict.exchange);
    }
    return verdict.kind === 'proceed';
  } catch (error) {
    return !guard.seamFailed('handle', error);
  }
}

/** The prototype of the handles of pipes, reached through a socket to a folder, where nobody can listen. */
function handlePrototype(): object | undefined {
  const probe = new net.Socket();
  probe.on('error', neverAnswer);
  try {
    probe.connect({ path: '/' });
    const handle = (probe as unknown as { _handle: object | null })._handle;
    return handle ? (Object.getPrototypeOf(handle) as object) : undefined;
  } catch {
    // Node's permission model may forbid it, and with it all other ways to such a handle.
    return undefined;
  } finally {
    probe.destroy();
  }
}
