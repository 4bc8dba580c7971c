import { Socket } from 'node:net';
import { RetryState } from '../upstream/retry.ts';
import { DECIDED, decidedSocket, type DecidedSocket } from './decided-socket.ts';
import { findEgressError } from '../errors.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { isConnectTimeout, isRefusal } from './socket-exchange.ts';
import { systemError } from './socket-failure.ts';
import type { Redial } from './socket-records.ts';
import { detach, type Handle } from './tcp-adopt.ts';

/** How a connection came to nothing, in the terms in which a handle tells it. */
export interface ConnectFailure {
  /** libuv's number, below zero. */
  readonly status: number;
  readonly address: string;
  readonly port: number;
  readonly cause?: Error | undefined;
}

export type ConnectOutcome =
  | { readonly kind: 'connected'; readonly handle: Handle }
  | { readonly kind: 'failed'; readonly failure: ConnectFailure }
  /** It may not be dialled again: a new policy, an address that was refused. */
  | { readonly kind: 'refused'; readonly error: Error };

/**
 * Tries a connection again that did not come about, after the back-off, and at another endpoint where there is one. The
 * socket that waits for it stays as it is, connecting; each further try is a socket of ours, decided like any other.
 */
export class ConnectRetries {
  readonly #guard: Guard;
  readonly #socket: Socket;
  readonly #redial: Redial;
  readonly #settle: (outcome: ConnectOutcome) => void;
  readonly #state: RetryState;
  readonly #tried: UpstreamTarget[];
  #timer: NodeJS.Timeout | undefined;
  #inner: Socket | undefined;
  readonly #stop = (): void => {
    clearTimeout(this.#timer);
    this.#inner?.destroy();
    this.#state.end();
  };

  constructor(guard: Guard, socket: Socket, redial: Redial, settle: (outcome: ConnectOutcome) => void) {
    const { mark, retry } = redial;
    this.#guard = guard;
    this.#socket = socket;
    this.#redial = redial;
    this.#settle = settle;
    this.#tried = mark.target ? [mark.target] : [];
    this.#state = new RetryState(retry.policy, { replayable: true, random: Math.random, cluster: retry.cluster });
  }

  /** False: the failure stands. Else `settle` is called when there is a connection, or none in the end. */
  begin(): boolean {
    const begun = this.#next();
    if (begun) this.#socket.once('close', this.#stop);
    return begun;
  }

  #next(): boolean {
    const { mark, retry } = this.#redial;
    // Under a new policy it would have to be decided anew.
    if (!this.#guard.active || this.#guard.generation !== mark.generation) return false;
    const waitMs = this.#state.next({ kind: 'connect-failure' });
    retry.onTry?.(this.#socket, this.#state, waitMs !== undefined);
    if (waitMs === undefined) return false;
    this.#timer = setTimeout(() => this.#dial(), waitMs);
    return true;
  }

  #dial(): void {
    const { mark, retry, options } = this.#redial;
    const target = retry.nextTarget(this.#tried) ?? mark.target;
    if (target) this.#tried.push(target);
    const inner = new Socket().pause();
    this.#inner = inner;
    inner.once('connect', () => this.#end({ kind: 'connected', handle: detach(inner) }));
    inner.once('error', (error: NodeJS.ErrnoException) => this.#failed(error));
    const { host, port } = mark;
    const below = bytesOnly(mark, target);
    inner.connect({ ...options, path: undefined, host, port, [DECIDED]: below } as unknown as { port: number });
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (isRefusal(error) || error.syscall === 'getaddrinfo') this.#end({ kind: 'refused', error });
    else if (!this.#next()) this.#end({ kind: 'failed', failure: failureOf(error) });
  }

  #end(outcome: ConnectOutcome): void {
    this.#socket.removeListener('close', this.#stop);
    this.#state.end();
    this.#settle(outcome);
  }
}

/** The same destination, for a socket of ours that carries bytes and tries once. */
function bytesOnly(mark: DecidedSocket, target: UpstreamTarget | undefined): DecidedSocket {
  const { retry: _retry, connectRetry: _connectRetry, target: _target, ...rest } = mark;
  return decidedSocket({ ...rest, below: true, ...(target && { target }) });
}

/** Of several addresses the last one counts. */
function failureOf(error: NodeJS.ErrnoException): ConnectFailure {
  const last = ((error as { errors?: NodeJS.ErrnoException[] }).errors?.at(-1) ?? error) as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const { errno = systemError('ECONNREFUSED'), address = '', port = 0 } = last;
  return { status: errno, address, port, cause: isConnectTimeout(last) ? findEgressError(last) : undefined };
}
