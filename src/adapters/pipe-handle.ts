import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { handlePrototypeOf, ownerOf, UV_EACCES } from './socket-handle.ts';
import { recordsOf } from './socket-records.ts';

type HandleConnect = (this: object, request: unknown, path: unknown, ...more: unknown[]) => number;

/** A folder: nobody can listen there. */
const NOWHERE = { path: '/' };

/**
 * The last instruction before a unix socket or named pipe is opened: it opens only what the socket above it had admitted; a
 * handle without a socket that we know (`process.binding`) is decided here, by its path.
 */
export function installPipeHandle(guard: Guard, patches: PatchRegistry): void {
  const prototype = handlePrototypeOf(NOWHERE);
  if (!prototype) return;
  patches.wrap<HandleConnect>(prototype, 'connect', (original) => {
    return function (this: object, request, path, ...more): number {
      if (guard.active && !admits(guard, ownerOf(this), path)) return UV_EACCES;
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
