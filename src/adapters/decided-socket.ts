import type { Connection } from '../core/model/connection.ts';
import type { UpstreamTarget } from '../upstream/request-plan.ts';

/**
 * The hand-over from a request seam to the socket seam below it: "this connection was decided, it goes to this
 * target". It travels as a symbol-keyed field of the connect options, which Node's agents and undici's connectors copy
 * through to `Socket.prototype.connect`.
 *
 * INVARIANT: it is the same object for all requests that may share the connection. A pool hands one request's options
 * to another request's socket (maxSockets), so nothing of a single request may stand here.
 *
 * INVARIANT: it admits one dialled host and port under one policy generation. The socket seam compares both, so that
 * options copied to another destination, or kept over an update, are decided anew.
 */
export interface DecidedSocket {
  /** What the application dialled, as the request seam decided it: each address is decided with this. */
  readonly connection: Connection;
  /** Where to dial instead. */
  readonly target?: UpstreamTarget;
  /** The host and port that the connect options will name. */
  readonly host: string;
  readonly port: number;
  readonly generation: number;
}

/** Private on purpose (no `Symbol.for`): other code cannot make one up. */
export const DECIDED: unique symbol = Symbol('sidecarless.decided');

const issued = new WeakSet<DecidedSocket>();

/** Makes a mark that the socket seam will honour. */
export function decidedSocket(fields: DecidedSocket): DecidedSocket {
  const decided = Object.freeze({ ...fields });
  issued.add(decided);
  return decided;
}

/** The mark on connect options, if it is one of ours and means this destination. */
export function readDecided(
  options: Readonly<Record<PropertyKey, unknown>>,
  host: string,
  port: number,
  generation: number,
): DecidedSocket | undefined {
  const decided = options[DECIDED] as DecidedSocket | undefined;
  if (decided === undefined || !issued.has(decided)) return undefined;
  return decided.host === host && decided.port === port && decided.generation === generation ? decided : undefined;
}
