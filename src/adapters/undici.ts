import * as channels from 'node:diagnostics_channel';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { whenBuiltInIsLoaded } from './undici-built-in.ts';
import { GlobalSlots, whenCopyIsLoaded } from './undici-copies.ts';
import type { UndiciCopy } from './undici-copies.ts';
import { undiciDispatches } from './undici-dispatch.ts';
import type { Dispatch, UndiciDispatches } from './undici-dispatch.ts';
import type { Dispatcher, DispatchOptions, Handler } from './undici-dispatcher.ts';
import type { GovernedDispatch } from './undici-governed.ts';
import { recordsOf } from './socket-records.ts';
import { noteInstalled } from './undici-installed.ts';
import { closeDeniedUndiciSockets } from './undici-sockets.ts';
import { observeUnseen } from './undici-unseen.ts';

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
        const inner: Dispatch = (...args) => original.apply(this, args);
        if (!guard.active || !isObject(options) || !isObject(handler)) return inner(options, handler);
        // Not before: the file that is loaded for it may be what a copy is being found by.
        dispatches ??= undiciDispatches(guard);
        return dispatches.dispatch({ dispatcher: this, options, handler, dispatch: inner });
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
  watchRequests(guard, () => dispatches?.current, patches, slots);
  closeDeniedUndiciSockets(guard, patches);
  whenCopyIsLoaded(patches, slots, patch);
  whenBuiltInIsLoaded(patches, slots);
}

/** Governs one dispatcher only. Its origin must be in the options, as an Agent's always is. */
export function undiciInterceptor(guard: Guard): UndiciInterceptor {
  const dispatches = undiciDispatches(guard);
  return (dispatch) => (options, handler) => {
    if (!guard.active || !isObject(options) || !isObject(handler)) return dispatch(options, handler);
    return dispatches.dispatch({ dispatcher: undefined, options, handler, dispatch });
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Where a Client of undici is about to connect. */
interface ConnectParams {
  readonly hostname: string;
  readonly protocol: string;
  readonly port: string | number;
}

/**
 * Channels of undici: the request that is being made belongs to the dispatch on the stack, and its socket is known
 * when its head is written. A request that no dispatch of ours is on the stack of comes from a copy that we do not know.
 */
function watchRequests(
  guard: Guard,
  dispatched: () => UndiciDispatches['current'],
  patches: PatchRegistry,
  slots: GlobalSlots,
): void {
  const governedBy = new WeakMap<object, GovernedDispatch>();
  const listen = (name: string, listener: (message: unknown) => void): void => {
    channels.subscribe(name, listener);
    patches.onRestore(() => void channels.unsubscribe(name, listener));
  };
  listen('undici:request:create', (message) => {
    if (!guard.active) return;
    const { request } = message as { request: object };
    const current = dispatched();
    if (current === undefined) {
      observeUnseen(guard, request);
      // Somebody may have put back a `fetch` from before us: the next request of that copy is met at its dispatch.
      slots.read();
    } else if (current !== true) governedBy.set(request, current);
  });
  // The socket that is dialled next is for requests that are decided, routed and logged one by one.
  listen('undici:client:beforeConnect', (message) => {
    const { hostname, protocol, port } = (message as { connectParams: ConnectParams }).connectParams;
    recordsOf(guard).expect(hostname, Number(port) || (protocol === 'https:' ? 443 : 80));
  });
  listen('undici:client:sendHeaders', (message) => {
    const { request, socket } = message as { request: { method?: unknown; path?: unknown }; socket: object };
    governedBy.get(request)?.onSocket(socket);
    // A ProxyAgent asks for its tunnel inside the dispatch of the request that was decided.
    if (request.method === 'CONNECT') recordsOf(guard).tunnelled(socket, String(request.path));
  });
  listen('undici:request:bodySent', (message) => {
    governedBy.get((message as { request: object }).request)?.onBodyWritten();
  });
}
