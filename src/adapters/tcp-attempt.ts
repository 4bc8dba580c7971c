import type { Socket } from 'node:net';
import type { Guard } from './seam.ts';
import { connectTimeout, systemError, timedOutError } from './socket-failure.ts';
import type { ConnectAttempt } from './socket-records.ts';
import { adopt, canAdopt } from './tcp-adopt.ts';
import { ConnectRetries, type ConnectFailure } from './tcp-retry.ts';

/** Node's request to a handle, which calls back with 0 or one of libuv's errors. */
export interface ConnectRequest {
  oncomplete: Complete | undefined;
  address: string;
  port: number;
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
 * One attempt to reach one address, watched. When the cluster's time for it has passed, Node is told what the kernel
 * would tell it later: it makes its own error of that, or goes on to the next address. When the last address has failed,
 * and the route tries again, Node is told nothing until that has come to an end.
 */
export function watchAttempt(
  guard: Guard,
  socket: Socket,
  attempt: ConnectAttempt,
  handle: object,
  request: ConnectRequest,
): void {
  const { oncomplete } = request;
  const { timeoutMs } = attempt;
  if (!oncomplete) return;
  const begun = performance.now();
  let over = false;
  const complete: Complete = function (status, ...rest) {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (status < 0) {
      fail({ status, address: request.address, port: request.port });
      return;
    }
    if (attempt.secure && timeoutMs !== undefined)
      limitHandshake(socket, request, timeoutMs, performance.now() - begun);
    Reflect.apply(oncomplete, this, [status, ...rest]);
  };
  const fail = (failure: ConnectFailure): void => {
    if (!isLast(socket, attempt) || !retry(failure)) tellFailure(socket, handle, request, oncomplete, failure);
  };
  const retry = (failure: ConnectFailure): boolean => {
    if (!attempt.redial || !canAdopt || socket.destroyed || failure.status === systemError('ECANCELED')) return false;
    const retries = new ConnectRetries(guard, socket, attempt.redial, (outcome) => {
      if (socket.destroyed) {
        if (outcome.kind === 'connected') outcome.handle.close();
      } else if (outcome.kind === 'refused') socket.destroy(outcome.error);
      else if (outcome.kind === 'failed') tellFailure(socket, handle, request, oncomplete, outcome.failure);
      else Reflect.apply(oncomplete, request, [0, adopt(socket, outcome.handle), request, true, true]);
    });
    return retries.begin();
  };
  const expire = (limit: number): void => {
    // Node itself takes the callback away when it goes on to the next address.
    if (over || request.oncomplete !== complete || socket.destroyed) return;
    over = true;
    const { address, port } = request;
    fail({ status: systemError('ETIMEDOUT'), address, port, cause: connectTimeout(address, port, limit) });
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs, timeoutMs).unref();
  request.oncomplete = complete;
}

/** Of several addresses Node tries one after the other, and tells which it has tried. */
function isLast(socket: Socket, { addresses }: ConnectAttempt): boolean {
  const { autoSelectFamilyAttemptedAddresses: tried } = socket;
  return addresses <= 1 || tried === undefined || tried.length >= addresses;
}

/** Node makes the error; what is behind it becomes its cause. */
function tellFailure(
  socket: Socket,
  handle: object,
  request: ConnectRequest,
  oncomplete: Complete,
  { status, address, port, cause }: ConnectFailure,
): void {
  request.address = address;
  request.port = port;
  const explain = (...[, , , error]: unknown[]): void => {
    if (error instanceof Error && cause) error.cause = cause;
  };
  if (cause) socket.prependOnceListener('connectionAttemptFailed', explain);
  oncomplete.call(request, status, handle, request, false, false);
  socket.removeListener('connectionAttemptFailed', explain);
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
