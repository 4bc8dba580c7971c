import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { DecidedSocket } from './decided-socket.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { guardLookup } from './socket-lookup.ts';
import { recordsOf, type ConnectAttempt } from './socket-records.ts';
import { canAdopt } from './tcp-adopt.ts';
import { watchAttempt, type ConnectRequest } from './tcp-attempt.ts';
import { ownerOf, REINITIALIZE } from './socket-handle.ts';

type Options = Readonly<Record<PropertyKey, unknown>>;
type HandleConnect = (this: object, request: unknown, address: unknown, port?: unknown) => number;

/**
 * The connection of a wrapped agent, in a process that is not governed: what the seams see to for all sockets is done for this
 * one, on its own handles. Its cluster's time is kept for each address, and it is tried again when it does not come about.
 */
export class AttemptAlone {
  readonly #guard: Guard;
  readonly #mark: DecidedSocket;
  readonly #target: UpstreamTarget | undefined;
  readonly #attempt: ConnectAttempt;
  readonly #admitted = new Set<string>();

  /** `options`: those with which the agent dials. `retried`: another try may follow this one, below the same socket. */
  constructor(guard: Guard, mark: DecidedSocket, target: UpstreamTarget | undefined, options: Options, retried = true) {
    this.#guard = guard;
    this.#mark = mark;
    this.#target = target;
    const retry = retried && canAdopt ? mark.connectRetry : undefined;
    this.#attempt = {
      timeoutMs: mark.connectTimeoutMs ?? target?.cluster.connectTimeoutMs,
      secure: retried && target?.tls !== undefined,
      redial: retry && { retry, mark, options, open: (next, dial) => this.#openAgain(next, dial) },
      addresses: 0,
    };
  }

  /** An address of the name that may be dialled. */
  readonly admit = (address: string): void => {
    this.#admitted.add(`${address} ${this.#target?.port ?? this.#mark.port}`);
    this.#attempt.addresses = this.#admitted.size;
  };

  /** A socket that was told to connect this very moment. What is none of Node's is left as it is. */
  watch(socket: unknown): void {
    if (recordsOf(this.#guard).exchangesHandles || !(socket instanceof Socket) || !socket.connecting) return;
    const { connection, host } = this.#mark;
    recordsOf(this.#guard).set(socket, {
      connection: { ...connection, host },
      transport: connection.transport ?? 'tcp',
      admitted: this.#admitted,
      target: this.#target,
      attempt: this.#attempt,
    });
    this.#watchHandle(socket);
    this.#watchFurtherHandles(socket);
  }

  #watchHandle(socket: Socket): void {
    const handle = handleBelow(socket);
    if (handle === undefined) return;
    ownerOf(handle);
    const guard = this.#guard;
    const attempt = this.#attempt;
    for (const method of ['connect', 'connect6'] as const) {
      const original: unknown = Reflect.get(handle, method);
      if (typeof original !== 'function') continue;
      const connect: HandleConnect = function (request, address, port) {
        // Installed meanwhile, the seam of handles does it.
        if (guard.active && !recordsOf(guard).exchangesHandles)
          watchAttempt(guard, socket, attempt, this, request as ConnectRequest);
        return Reflect.apply(original, this, [request, address, port]) as number;
      };
      Object.defineProperty(handle, method, { value: connect, configurable: true, writable: true });
    }
  }

  /** Happy eyeballs puts another handle below the socket for each further address. */
  #watchFurtherHandles(socket: Socket): void {
    if (REINITIALIZE === undefined) return;
    const original: unknown = Reflect.get(socket, REINITIALIZE);
    if (typeof original !== 'function') return;
    Object.defineProperty(socket, REINITIALIZE, {
      value: (handle: object): void => {
        Reflect.apply(original, socket, [handle]);
        if (socket.connecting) this.#watchHandle(socket);
      },
      configurable: true,
      writable: true,
    });
  }

  /** The bytes of a further try: TLS is the business of the socket above. */
  #openAgain(target: UpstreamTarget | undefined, options: Options): Socket {
    const { connection, host, port } = this.#mark;
    const next = new AttemptAlone(this.#guard, this.#mark, target, options, false);
    const ground = target ? 'target' : 'request';
    const lookup = guardLookup(this.#guard, connection, ground, options['lookup'], next.admit);
    const dial = { ...options, host: target?.host ?? host, port: target?.port ?? port, lookup };
    const socket = new Socket().pause().connect(dial);
    next.watch(socket);
    return socket;
  }
}

/** The TCP handle itself: TLS keeps it below its own. */
function handleBelow(socket: Socket): object | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: (object & { _parent?: object }) | null };
  return (socket instanceof TLSSocket ? handle?._parent : handle) ?? undefined;
}
