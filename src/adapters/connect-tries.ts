import { errorMonitor } from 'node:events';
import type { Socket } from 'node:net';
import type { RetryState } from '../upstream/retry.ts';
import type { Exchange } from './seam.ts';
import { noteRetriesSpent } from './upstream-failure.ts';

interface Tries {
  /** Beyond the first. */
  further: number;
  /** Says why there were no more. */
  readonly state: RetryState;
}

/** By socket, and by the error that it failed with: a pool tells its requests of the one or of the other. */
const told = new WeakMap<object, Tries>();

/** The connection of a pool's socket is tried again below it, or not any more. */
export function noteConnectTry(socket: object, state: RetryState, again: boolean): void {
  let tries = told.get(socket);
  if (tries === undefined) {
    const noted: Tries = { further: 0, state };
    told.set(socket, (tries = noted));
    (socket as Socket).once(errorMonitor as never, (error: Error) => told.set(error, noted));
  }
  if (again) tries.further += 1;
}

/** Into the record of the first request that goes over a connection. */
export function takeConnectTries(exchange: Exchange, socket: object): void {
  const tries = told.get(socket);
  if (tries === undefined) return;
  exchange.attempts += tries.further;
  // What becomes of the connection later is none of its tries.
  tries.further = 0;
}

/** Into the record of each request that waited for a connection which failed. */
export function tellConnectTries(exchange: Exchange, error: object): void {
  const tries = told.get(error);
  if (tries === undefined) return;
  exchange.attempts += tries.further;
  noteRetriesSpent(exchange, tries.state);
}
