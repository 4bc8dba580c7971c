import * as channels from 'node:diagnostics_channel';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import type { ObservedSocket } from './socket-exchange.ts';
import { recordsOf } from './socket-records.ts';
import { isReplayable } from './undici-body.ts';
import type { GlobalSlots } from './undici-copies.ts';
import { isRefused } from './undici-refused.ts';
import type { OnFollow, UndiciDispatches } from './undici-dispatch.ts';
import type { Followed } from './undici-token.ts';
import { observeUnseen } from './undici-unseen.ts';
import type { CreatedRequest } from './undici-unseen.ts';

/** Where a Client of undici is about to connect. */
interface ConnectParams {
  readonly hostname: string;
  readonly protocol: string;
  readonly port: string | number;
}

/** On undici's request: who is told of it. */
const FOLLOWED: unique symbol = Symbol('sidecarless.followed');

type Request = CreatedRequest & { [FOLLOWED]?: Followed };

/**
 * Channels of undici: the request that is being made belongs to the dispatch on the stack, and its socket is known
 * when its head is written. A request that no dispatch of ours is on the stack of comes from a copy that we do not know.
 *
 * What undici tells costs each request something, so that a channel is listened to from when it is first of use: gives what
 * is to be called with the body of each request that is to hear of them.
 */
export function watchRequests(
  guard: Guard,
  dispatched: () => UndiciDispatches['current'],
  patches: PatchRegistry,
  slots: GlobalSlots,
): OnFollow {
  const listen = (name: string, listener: (message: unknown) => void): void => {
    channels.subscribe(name, listener);
    patches.onRestore(() => void channels.unsubscribe(name, listener));
  };
  const once = (begin: () => void): (() => void) => {
    let begun = false;
    return () => {
      if (begun) return;
      begun = true;
      begin();
    };
  };
  const listenToHeads = once(() =>
    listen('undici:client:sendHeaders', (message) => {
      const { request, socket } = message as { request: Request; socket: ObservedSocket };
      request[FOLLOWED]?.onSocket(socket);
      // A ProxyAgent asks for its tunnel inside the dispatch of the request that was decided.
      if (request.method === 'CONNECT') recordsOf(guard).tunnelled(socket, String(request.path));
    }),
  );
  const listenToBodies = once(() => {
    listen('undici:request:bodyChunkSent', (message) => {
      const { request, chunk } = message as { request: Request; chunk: unknown };
      request[FOLLOWED]?.onBodyChunk(chunk);
    });
    listen('undici:request:bodySent', (message) => {
      (message as { request: Request }).request[FOLLOWED]?.onBodyWritten();
    });
  });
  listen('undici:request:create', (message) => {
    if (!guard.active) return;
    const { request } = message as { request: Request };
    // Our own word of what was refused.
    if (isRefused(request)) return;
    const current = dispatched();
    if (request.method === 'CONNECT') listenToHeads();
    if (current === undefined) {
      observeUnseen(guard, request);
      // Somebody may have put back a `fetch` from before us: the next request of that copy is met at its dispatch.
      slots.read();
    } else if (current !== true) {
      if (current.admits?.(request) === false) refuseChanged(guard, request);
      if ('onSocket' in current) request[FOLLOWED] = current;
    }
  });
  // The socket that is dialled next is for requests that are decided, routed and logged one by one.
  listen('undici:client:beforeConnect', (message) => {
    const { host, port } = connectsTo(message);
    recordsOf(guard).expect(host, port);
  });
  return (body) => {
    listenToHeads();
    if (!isReplayable(body)) listenToBodies();
  };
}

/** For interceptors alone: undici begins a connection, while the dispatch of the request that it is for is on the stack. */
export function watchConnects(onConnecting: (host: string, port: number) => void, patches: PatchRegistry): void {
  const listener = (message: unknown): void => {
    const { host, port } = connectsTo(message);
    onConnecting(host, port);
  };
  channels.subscribe('undici:client:beforeConnect', listener);
  patches.onRestore(() => void channels.unsubscribe('undici:client:beforeConnect', listener));
}

function connectsTo(message: unknown): { host: string; port: number } {
  const { hostname, protocol, port } = (message as { connectParams: ConnectParams }).connectParams;
  return { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
}

/** What undici made of a request is not what was decided: its options had getters, or were changed meanwhile. */
function refuseChanged(guard: Guard, request: Request): void {
  const error = new Error('the request changed after it was decided');
  if (guard.seamFailed('undici', error)) request.error = guard.internalError(error);
}
