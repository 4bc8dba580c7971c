import type { Socket } from 'node:net';
import { connectTimeout, systemError, timedOutError } from './socket-failure.ts';
import type { ConnectAttempt } from './socket-records.ts';

/** Node's request to a handle, which calls back with 0 or one of libuv's errors. */
export interface ConnectRequest {
  oncomplete: Complete | undefined;
  readonly address: string;
  readonly port: number;
}

export type Complete = (
  this: unknown,
  status: number,
  handle: object,
  request: ConnectRequest,
  readable: boolean,
  writable: boolean,
) => void;

/**
 * Watches one attempt to reach one address. When the cluster's time for it has passed, Node is told what the kernel
 * would tell it later: it makes its own error of that, or goes on to the next address.
 */
export function watchAttempt(socket: Socket, attempt: ConnectAttempt, handle: object, request: ConnectRequest): void {
  const { oncomplete } = request;
  const { timeoutMs } = attempt;
  if (!oncomplete || timeoutMs === undefined) return;
  const begun = performance.now();
  let over = false;
  const complete: Complete = function (status, ...rest) {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (status === 0 && attempt.secure) limitHandshake(socket, request, timeoutMs, performance.now() - begun);
    Reflect.apply(oncomplete, this, [status, ...rest]);
  };
  // Node itself takes the callback away when it goes on to the next address.
  const timer = setTimeout(() => {
    if (request.oncomplete !== complete || socket.destroyed) return;
    const explain = (...[, , , error]: unknown[]): void => explainTimeout(error, request, timeoutMs);
    socket.prependOnceListener('connectionAttemptFailed', explain);
    complete.call(request, systemError('ETIMEDOUT'), handle, request, false, false);
    socket.removeListener('connectionAttemptFailed', explain);
  }, timeoutMs).unref();
  request.oncomplete = complete;
}

function explainTimeout(error: unknown, { address, port }: ConnectRequest, timeoutMs: number): void {
  if (error instanceof Error) error.cause = connectTimeout(address, port, timeoutMs);
}

/** Envoy's connect timeout runs until the TLS that it originates is there. */
function limitHandshake(socket: Socket, { address, port }: ConnectRequest, timeoutMs: number, spentMs: number): void {
  const timer = setTimeout(
    () => socket.destroy(timedOutError(address, port, connectTimeout(address, port, timeoutMs))),
    Math.max(1, timeoutMs - spentMs),
  ).unref();
  const stop = (): void => clearTimeout(timer);
  socket.once('secureConnect', stop).once('close', stop);
}
