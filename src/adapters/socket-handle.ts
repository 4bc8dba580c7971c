import * as net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PatchRegistry } from './patch-registry.ts';
import { neverAnswer } from './socket-failure.ts';

/** libuv's EACCES: Node makes its ordinary connect error of it. */
export const UV_EACCES = -13;

/** NODE: on the prototypes of both kinds of sockets from 20 to 26, for happy eyeballs; not documented. */
export const REINITIALIZE = Object.getOwnPropertySymbols(net.Socket.prototype).find(
  ({ description }) => description === 'kReinitializeHandle',
);

type Reinitialize = (this: TLSSocket, handle: object) => void;

/** NODE: the symbol under which a handle knows its socket, the same for all handles. Learned from the first one seen. */
let ownerSymbol: symbol | undefined;

/** Node notes on each handle which socket it belongs to. */
export function ownerOf(handle: object): unknown {
  ownerSymbol ??= Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'owner_symbol');
  return ownerSymbol && (handle as Record<symbol, unknown>)[ownerSymbol];
}

/** Notes it in Node's place. */
export function setOwner(handle: object, socket: net.Socket): void {
  if (ownerSymbol) (handle as Record<symbol, unknown>)[ownerSymbol] = socket;
}

/** When happy eyeballs puts a further handle under a TLS socket, Node notes the owner on its wrapper only. */
export function nameOwners(patches: PatchRegistry): void {
  if (REINITIALIZE === undefined) return;
  patches.wrap<Reinitialize>(TLSSocket.prototype, REINITIALIZE, (original) => {
    return function (this: TLSSocket, handle: object): void {
      setOwner(handle, this);
      original.call(this, handle);
    };
  });
}

/**
 * The prototype of the handles below sockets that are told to connect so, reached through one that leads nowhere: it is
 * destroyed before the next tick. Undefined: Node's permission model forbids such sockets, and with them all ways to such a handle.
 */
export function handlePrototypeOf(options: net.SocketConnectOpts): object | undefined {
  const probe = new net.Socket();
  probe.on('error', neverAnswer);
  try {
    probe.connect(options);
    const handle = (probe as unknown as { _handle: object | null })._handle;
    if (handle) ownerOf(handle);
    return handle ? (Object.getPrototypeOf(handle) as object) : undefined;
  } catch {
    return undefined;
  } finally {
    probe.destroy();
  }
}
