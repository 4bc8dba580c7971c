import * as net from 'node:net';
import * as tls from 'node:tls';
import { getSystemErrorMap } from 'node:util';
import { EgressTimeoutError } from '../errors.ts';

/** On connect options: this socket must never connect. Anyone may set it; it only ever takes a connection away. */
export const NEVER_CONNECT: unique symbol = Symbol('sidecarless.never-connect');

/** A `lookup` that never answers: the socket stays in the state "connecting" until it is destroyed. */
export function neverAnswer(): void {
  // Nothing is ever dialled.
}

/**
 * A socket whose connection attempt fails with `error`: observable exactly as one that got ECONNREFUSED. It is
 * `connecting`, has a handle (so that `close` says `true`), and the error arrives after every listener had its turn
 * to be attached, never on the tick of the call.
 */
export function failingSocket(
  error: Error,
  { secure, host, port, delayMs = 0 }: { secure: boolean; host: string; port: number; delayMs?: number },
): net.Socket {
  // Newer Nodes refuse to begin with such a name; what is refused here has its error already.
  const options = neverConnecting({ host: host.includes('\0') ? 'nul.invalid' : host, port });
  const socket = secure
    ? tls.connect(options as tls.ConnectionOptions)
    : net.connect(options as unknown as net.NetConnectOpts);
  ours.add(socket);
  failLater(socket, error, delayMs);
  return socket;
}

const ours = new WeakSet<object>();

/** Whether it was made here to fail, and leads nowhere. */
export function isFailingSocket(socket: unknown): boolean {
  return typeof socket === 'object' && socket !== null && ours.has(socket);
}

/** A literal would be dialled at once, without a lookup: a name that can be nobody's (RFC 2606) stands for it. */
export function nameInPlaceOf(host: string): string {
  return net.isIP(host) ? `${host.replaceAll(':', '-')}.invalid` : host;
}

/** Connect options that start an attempt which goes nowhere. */
export function neverConnecting(options: {
  readonly host: string;
  readonly port: number;
}): Record<PropertyKey, unknown> {
  return {
    host: nameInPlaceOf(options.host),
    port: options.port || 1,
    lookup: neverAnswer,
    autoSelectFamily: false,
    [NEVER_CONNECT]: true,
  };
}

/** Fails a socket that is connecting, no earlier than the kernel could have refused it. */
export function failLater(socket: net.Socket, error: Error, delayMs = 0): void {
  const fail = (): void => void socket.destroy(error);
  if (delayMs > 0) setTimeout(fail, delayMs);
  else setImmediate(fail);
}

/** What a client sees when a sidecar closes the connection on it. */
export function resetError(cause: Error): NodeJS.ErrnoException {
  return Object.assign(new Error('read ECONNRESET', { cause }), { errno: -104, code: 'ECONNRESET', syscall: 'read' });
}

/** libuv's number for an error on this platform, as a handle reports it: negative. */
export function systemError(name: string): number {
  for (const [number, [known]] of getSystemErrorMap()) if (known === name) return number;
  return -1;
}

/** Why a connection was given up: the cause of the error that Node's own ETIMEDOUT is. */
export function connectTimeout(host: string, port: number, timeoutMs: number): EgressTimeoutError {
  return new EgressTimeoutError(
    `connection to ${host}:${port} timed out after ${timeoutMs} ms, the connect timeout of its cluster [ERR_EGRESS_TIMEOUT]`,
    timeoutMs,
    { host, port },
  );
}

/** Node's own error of a connection that timed out. */
export function timedOutError(address: string, port: number, cause: Error): NodeJS.ErrnoException {
  return Object.assign(new Error(`connect ETIMEDOUT ${address}:${port}`, { cause }), {
    errno: systemError('ETIMEDOUT'),
    code: 'ETIMEDOUT',
    syscall: 'connect',
    address,
    port,
  });
}
