import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { RetryState } from '../upstream/retry.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { openBelow, type ConnectOutcome } from './socket-below.ts';
import { pinnedLookup } from './socket-lookup.ts';
import { recordsOf, type Redial } from './socket-records.ts';

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
  #breakOff: (() => void) | undefined;
  readonly #stop = (): void => {
    clearTimeout(this.#timer);
    this.#breakOff?.();
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
    const { mark, retry, options, open } = this.#redial;
    const target = retry.nextTarget(this.#tried) ?? mark.target;
    if (target) this.#tried.push(target);
    const originate = !(this.#socket instanceof TLSSocket);
    const sameHost = target?.host === mark.target?.host && target?.port === mark.target?.port;
    const [first, ...more] = sameHost ? this.#resolved() : [];
    // Each of them is decided again all the same.
    const dialled = first === undefined ? options : { ...options, lookup: pinnedLookup(first, ...more) };
    this.#breakOff = openBelow({ mark, target, originate, options: dialled, open }, (outcome) => {
      if (outcome.kind !== 'failed' || !this.#next()) this.#end(outcome);
    });
  }

  /** What the name of the first try was found at: who asked for one connection is asked for its addresses once. */
  #resolved(): string[] {
    const { admitted = [] } = recordsOf(this.#guard).get(this.#socket) ?? {};
    return [...admitted].map((addressAndPort) => addressAndPort.slice(0, addressAndPort.lastIndexOf(' ')));
  }

  #end(outcome: ConnectOutcome): void {
    this.#socket.removeListener('close', this.#stop);
    this.#state.end();
    this.#settle(outcome);
  }
}
