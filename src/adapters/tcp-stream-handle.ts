import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { systemError } from './socket-failure.ts';
import type { Handle } from './tcp-adopt.ts';
import { ownerOf } from './socket-handle.ts';

/** NODE: `JSStream`, the handle that Node itself puts below TLS over a stream; the same from 20 to 26, not exported. */
interface StreamHandle extends Handle {
  readBuffer(bytes: Uint8Array): void;
  emitEOF(): void;
  finishWrite(request: object, status: number): void;
  finishShutdown(request: object, status: number): void;
  isClosing?: () => boolean;
  onreadstart?: () => number;
  onreadstop?: () => number;
  onwrite?: (request: object, buffers: readonly Uint8Array[]) => number;
  onshutdown?: (request: object) => number;
  getpeername?: (out: object) => number;
  getsockname?: (out: object) => number;
}

/** A connected socket, or what stands for one. */
type Connected = Duplex &
  Partial<Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort' | 'ref' | 'unref'>>;

let StreamHandleClass: (new () => StreamHandle) | undefined;

/** Reached through a TLS socket over a stream that leads nowhere. */
function streamHandleClass(): new () => StreamHandle {
  if (StreamHandleClass) return StreamHandleClass;
  const nowhere = new Duplex({ read: () => undefined, write: (_chunk, _encoding, callback) => callback() });
  const probe = new TLSSocket(nowhere).on('error', () => undefined);
  const wrapper = (probe as unknown as { _handle: { _parent: StreamHandle } })._handle;
  StreamHandleClass = wrapper._parent.constructor as new () => StreamHandle;
  probe.destroy();
  return StreamHandleClass;
}

/** A handle over any stream, for a socket to be put upon it: TLS that was originated, the body of a request. */
export function streamHandle(stream: Connected): Handle {
  const handle = new (streamHandleClass())();
  let writing: object | undefined;
  let ending: object | undefined;
  let closed = false;
  const finishWrite = (status: number): void => {
    const request = writing;
    writing = undefined;
    if (request) handle.finishWrite(request, status);
    if (!closed && ending) shutDown();
  };
  const finishEnd = (status: number): void => {
    const request = ending;
    ending = undefined;
    if (request) handle.finishShutdown(request, status);
  };
  const shutDown = (): void => process.nextTick(() => stream.end(() => finishEnd(0)));
  const breakOff = (error?: Error): void => {
    if (!closed) (ownerOf(handle) as Socket | undefined)?.destroy(error);
  };
  stream.pause();
  stream.on('data', (bytes: Buffer) => {
    if (!closed) handle.readBuffer(bytes);
  });
  stream.once('end', () => {
    if (!closed) handle.emitEOF();
  });
  stream.on('error', breakOff);
  stream.once('close', () => breakOff());
  // A socket's own `pause` would hold these bytes back: they are wanted as soon as the one above reads.
  handle.onreadstart = () => {
    stream.resume();
    return 0;
  };
  handle.onreadstop = () => {
    stream.pause();
    return 0;
  };
  handle.onwrite = (request, buffers) => {
    writing = request;
    const bytes = buffers.length === 1 ? buffers[0] : Buffer.concat(buffers);
    // Never before Node has returned from the write.
    stream.write(bytes, (error) => setImmediate(finishWrite, error ? systemError('EPIPE') : 0));
    return 0;
  };
  handle.onshutdown = (request) => {
    ending = request;
    if (!writing) shutDown();
    return 0;
  };
  handle.isClosing = () => closed || stream.destroyed;
  handle.close = (callback) => {
    closed = true;
    stream.destroy();
    setImmediate(() => {
      finishWrite(systemError('ECANCELED'));
      finishEnd(systemError('ECANCELED'));
      callback?.();
    });
  };
  handle.ref = () => void stream.ref?.();
  handle.unref = () => void stream.unref?.();
  handle.getpeername = (out) => describe(out, stream.remoteAddress, stream.remotePort);
  handle.getsockname = (out) => describe(out, stream.localAddress, stream.localPort);
  return handle;
}

function describe(out: object, address: string | undefined, port: number | undefined): number {
  if (address === undefined) return systemError('ENOTCONN');
  Object.assign(out, { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });
  return 0;
}
