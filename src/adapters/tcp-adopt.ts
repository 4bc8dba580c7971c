import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { REINITIALIZE, setOwner } from './socket-handle.ts';
import { streamHandle } from './tcp-stream-handle.ts';

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

/** The connection of a socket of ours, for another socket to have: its own handle, or one over it. */
export function handleOf(stream: Duplex): Handle {
  // Bytes that were read already, and those of TLS, are in the stream and not in what stands below it.
  const bare = stream instanceof Socket && !(stream instanceof TLSSocket) && stream.readableLength === 0;
  return bare ? detach(stream) : streamHandle(stream);
}

function detach(socket: Socket): Handle {
  const holder = socket as unknown as Holder;
  const handle = holder._handle;
  if (!handle) throw new Error('the connection is closed already');
  handle.readStop?.();
  handle.reading = false;
  for (const name of ['bytesRead', 'bytesWritten']) countFromHere(handle, name);
  holder._handle = null;
  socket.destroy();
  return handle;
}

/** What went over it before (the words with a proxy) is none of the bytes of the socket that gets it. */
function countFromHere(handle: Handle, name: string): void {
  const before: unknown = Reflect.get(handle, name);
  const prototype = Object.getPrototypeOf(handle) as object;
  if (typeof before !== 'number' || before === 0) return;
  const get = (): number => (Reflect.get(prototype, name, handle) as number) - before;
  Object.defineProperty(handle, name, { get, configurable: true });
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
  if (!present) throw new Error('the connection was not taken over');
  if (!keepsAlive) socket.unref();
  return present;
}
