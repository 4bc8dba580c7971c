import type { Socket } from 'node:net';
import { REINITIALIZE, setOwner } from './tcp-owner.ts';

/** What stands below a socket: Node's TCP, Pipe or TLSWrap, or a stream that stands in for one. */
export interface Handle {
  close(callback?: () => void): void;
  readStop?(): number;
  hasRef?(): boolean;
  ref?(): void;
  unref?(): void;
  reading?: boolean;
}

type Holder = Omit<Socket, '_handle'> & { _handle: Handle | null };

/** Whether this Node lets a handle be exchanged: otherwise each connection is what its first attempt made of it. */
export const canAdopt = REINITIALIZE !== undefined;

/** Takes the connection away from a socket of ours, which is then nothing any more. */
export function detach(socket: Socket): Handle {
  const holder = socket as unknown as Holder;
  const handle = holder._handle;
  if (!handle) throw new Error('a socket without a connection');
  handle.readStop?.();
  handle.reading = false;
  holder._handle = null;
  socket.destroy();
  return handle;
}

/**
 * Puts a finished connection below a socket that is still connecting, as Node does between the addresses of happy
 * eyeballs. Gives the handle that Node's own code is then to be told of: of a TLS socket it is the wrapper.
 */
export function adopt(socket: Socket, handle: Handle): Handle {
  const holder = socket as unknown as Holder;
  const keepsAlive = holder._handle?.hasRef?.() ?? true;
  setOwner(handle, socket);
  (socket as unknown as Record<symbol, (handle: Handle) => void>)[REINITIALIZE as symbol]?.(handle);
  const present = holder._handle;
  if (!present || present === undefined) throw new Error('the connection was not taken over');
  if (!keepsAlive) socket.unref();
  return present;
}
