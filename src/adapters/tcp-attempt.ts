import type { Socket } from 'node:net';
import type { Guard } from './seam.ts';
import type { ConnectFailure, ConnectOutcome } from './socket-below.ts';
import { connectTimeout, systemError, timedOutError } from './socket-failure.ts';
import type { ConnectAttempt } from './socket-records.ts';
import { adopt, canAdopt, handleOf } from './tcp-adopt.ts';
import { ConnectRetries } from './tcp-retry.ts';

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

/** What a socket is waiting for. */
interface Waiting {
  readonly guard: Guard;
  readonly socket: Socket;
  readonly attempt: ConnectAttempt;
  readonly handle: object;
  readonly request: ConnectRequest;
  /** Node's own, which makes events and errors of it. */
  readonly oncomplete: Complete;
}

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
  const waiting: Waiting = { guard, socket, attempt, handle, request, oncomplete };
  const begun = performance.now();
  let over = false;
  const complete: Complete = function (status, ...rest) {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (status < 0) {
      fail(waiting, { status, address: request.address, port: request.port });
      return;
    }
    if (attempt.secure && timeoutMs !== undefined)
      limitHandshake(socket, request, timeoutMs, performance.now() - begun);
    Reflect.apply(oncomplete, this, [status, ...rest]);
  };
  const expire = (limit: number): void => {
    // Node itself takes the callback away when it goes on to the next address.
    if (over || request.oncomplete !== complete || socket.destroyed) return;
    over = true;
    const { address, port } = request;
    fail(waiting, { status: systemError('ETIMEDOUT'), address, port, cause: connectTimeout(address, port, limit) });
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs, timeoutMs).unref();
  request.oncomplete = complete;
}

/** The connection was made below before Node came to dial it: Node is told of it as of its own. False: it was not. */
export function deliver(
  guard: Guard,
  socket: Socket,
  attempt: ConnectAttempt,
  handle: object,
  request: ConnectRequest,
): boolean {
  const { delivered } = attempt;
  const { oncomplete } = request;
  if (!delivered || !oncomplete) return false;
  const waiting: Waiting = { guard, socket, attempt, handle, request, oncomplete };
  setImmediate(() => {
    if (delivered.kind === 'failed') fail(waiting, delivered.failure);
    else settle(waiting, delivered);
  });
  return true;
}

function fail(waiting: Waiting, failure: ConnectFailure): void {
  const { guard, socket, attempt } = waiting;
  const { redial } = attempt;
  const final = socket.destroyed || failure.status === systemError('ECANCELED') || !isLast(socket, attempt);
  if (!final && redial && canAdopt && new ConnectRetries(guard, socket, redial, (end) => settle(waiting, end)).begin())
    return;
  tellFailure(waiting, failure);
}

function settle(waiting: Waiting, outcome: ConnectOutcome): void {
  const { socket, request, oncomplete } = waiting;
  if (outcome.kind === 'failed') return tellFailure(waiting, outcome.failure);
  if (outcome.kind === 'refused') return void socket.destroy(outcome.error);
  const { stream } = outcome;
  if (socket.destroyed) return void stream.destroy();
  let present: object;
  try {
    present = adopt(socket, handleOf(stream));
  } catch (cause) {
    // It was closed again meanwhile.
    const { address, port } = request;
    return tellFailure(waiting, { status: systemError('ECONNRESET'), address, port, cause: cause as Error });
  }
  oncomplete.call(request, 0, present, request, true, true);
}

/** Of several addresses Node tries one after the other, and tells which it has tried. */
function isLast(socket: Socket, { addresses }: ConnectAttempt): boolean {
  const { autoSelectFamilyAttemptedAddresses: tried } = socket;
  return addresses <= 1 || tried === undefined || tried.length >= addresses;
}

/** Node makes the error; what is behind it becomes its cause. */
function tellFailure({ socket, handle, request, oncomplete }: Waiting, failure: ConnectFailure): void {
  const { status, address, port, cause } = failure;
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
