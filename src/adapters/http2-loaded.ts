import { Socket } from 'node:net';
import { governStreams } from './http2.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';

/**
 * Governs HTTP/2, from when it is there. The connection below was decided when it was dialled; a stream whose route leads
 * elsewhere is carried by a session of its own.
 */
export function installHttp2(guard: Guard, patches: PatchRegistry): void {
  whenHttp2IsLoaded(patches, () => governStreams(guard, patches));
}

const LOADED = 'NativeModule internal/http2/core';

/**
 * `node:http2` takes long to load, and most programs never do. A session is made over a socket, so that it is enough to
 * look when one is dialled; the look is done once it was found.
 */
function whenHttp2IsLoaded(patches: PatchRegistry, found: () => void): void {
  // NODE: `process.moduleLoadList` is there from 20 to 26, in workers too, and not documented.
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  if (moduleLoadList === undefined || moduleLoadList.includes(LOADED)) return found();
  let waiting = true;
  patches.wrap(Socket.prototype, 'connect', (original: (...args: unknown[]) => Socket) => {
    return function connect(this: Socket, ...args: unknown[]): Socket {
      if (waiting && moduleLoadList.includes(LOADED)) {
        waiting = false;
        found();
      }
      return original.apply(this, args);
    };
  });
  patches.onRestore(() => (waiting = false));
}
