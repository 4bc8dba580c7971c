import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { watchConnects, watchRequests } from './undici-channels.ts';
import { whenBuiltInIsLoaded } from './undici-built-in.ts';
import { GlobalSlots, whenCopyIsLoaded } from './undici-copies.ts';
import type { UndiciCopy } from './undici-copies.ts';
import { undiciDispatches } from './undici-dispatch.ts';
import type { UndiciDispatches } from './undici-dispatch.ts';
import type { Dispatcher, DispatchOptions, Handler } from './undici-dispatcher.ts';
import { noteInstalled } from './undici-installed.ts';
import type { Dispatch } from './undici-send.ts';
import { closeDeniedUndiciSockets } from './undici-sockets.ts';

/** undici's `Dispatcher.compose` takes these. */
export type UndiciInterceptor = (dispatch: Dispatch) => Dispatch;

/**
 * Governs every request of every copy of undici in the process: the one inside Node (fetch, WebSocket, EventSource),
 * those that are installed, and, as far as that is possible, those that were bundled into a program.
 */
export function installUndici(guard: Guard, patches: PatchRegistry): void {
  let dispatches: UndiciDispatches | undefined;
  const patched = new WeakSet<object>();
  noteInstalled(guard, true);
  patches.onRestore(() => noteInstalled(guard, false));
  const patch = ({ prototype }: UndiciCopy): void => {
    if (patched.has(prototype)) return;
    patched.add(prototype);
    patches.wrap(prototype, 'dispatch', (original: Dispatcher['dispatch']) => {
      return function dispatch(this: Dispatcher, options: DispatchOptions, handler: Handler): boolean {
        if (!guard.active || !isObject(options) || !isObject(handler)) return original.call(this, options, handler);
        return begun().dispatch(this, options, handler, original);
      };
    });
    patches.wrap(prototype, 'close', (original: (...args: unknown[]) => unknown) => {
      return function close(this: Dispatcher, ...args: unknown[]): unknown {
        dispatches?.ended(this, (beside) => void beside.close?.().catch(() => undefined));
        return original.apply(this, args);
      };
    });
    patches.wrap(prototype, 'destroy', (original: (...args: unknown[]) => unknown) => {
      return function destroy(this: Dispatcher, ...args: unknown[]): unknown {
        const error = args[0] instanceof Error ? args[0] : undefined;
        dispatches?.ended(this, (beside) => void beside.destroy?.(error).catch(() => undefined));
        return original.apply(this, args);
      };
    });
  };
  const slots = new GlobalSlots(patch);
  const onFollow = watchRequests(guard, () => dispatches?.current, patches, slots);
  // With the first request: as a copy is found, a module may be half loaded.
  const begun = (): UndiciDispatches => (dispatches ??= undiciDispatches(guard, onFollow));
  closeDeniedUndiciSockets(guard, patches);
  whenCopyIsLoaded(patches, slots, patch);
  whenBuiltInIsLoaded(patches, slots);
}

/** Governs one dispatcher only. Its origin must be in the options, as an Agent's always is. */
export function undiciInterceptor(guard: Guard, patches: PatchRegistry): UndiciInterceptor {
  const dispatches = undiciDispatches(guard);
  watchConnects((host, port) => dispatches.connecting(host, port), patches);
  return (dispatch) => (options, handler) => {
    if (!guard.active || !isObject(options) || !isObject(handler)) return dispatch(options, handler);
    return dispatches.dispatch(undefined, options, handler, dispatch);
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
