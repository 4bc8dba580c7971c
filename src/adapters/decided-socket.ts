import type { Connection } from '../core/model/connection.ts';
import type { RetryPolicy, UpstreamCluster } from '../core/model/decision.ts';
import type { RetryState } from '../upstream/retry.ts';
import type { UpstreamTarget } from '../upstream/request-plan.ts';
import type { Guard } from './seam.ts';

/**
 * The hand-over from a request seam to the socket seam below it: "this connection was decided, it goes there". It
 * travels as a symbol-keyed field of the connect options, which Node's agents and undici's connectors copy through to
 * `Socket.prototype.connect`.
 *
 * INVARIANT: it is the same object for all requests that may share the connection. A pool hands one request's options
 * to another request's socket (maxSockets), so nothing of a single request may stand here.
 *
 * INVARIANT: it admits one dialled host and port under one generation of one guard. The socket seam compares all of
 * them, so that options copied to another destination, or kept over an update, are decided anew.
 */
export interface DecidedSocket {
  readonly guard: Guard;
  readonly generation: number;
  /** What the application dialled, without the request: each address is decided with this. */
  readonly connection: Connection;
  /** The host and port that the application's connect options name. */
  readonly host: string;
  readonly port: number;
  /** Where to dial instead. */
  readonly target?: UpstreamTarget;
  /** The route's retries, where they are carried out by the connection itself. */
  readonly retry?: ConnectionRetry;
  /** Tried again by the socket below when no connection comes about; never together with `retry`. */
  readonly connectRetry?: ConnectionRetry;
  /** The bytes only: TLS that the target asks for is the business of whoever dials. */
  readonly below?: boolean;
  /** What TLS that is originated below a socket offers; absent: nothing. */
  readonly alpn?: readonly string[];
  /** Milliseconds, of the cluster; absent: the target's, or none. */
  readonly connectTimeoutMs?: number;
  /** The one address for which the request was decided; the name is not resolved again. */
  readonly address?: string;
}

/** How a connection of a pool tries again. Of the route, and the same for all its requests. */
export interface ConnectionRetry {
  readonly policy: RetryPolicy;
  /** Whose limit of retries counts. */
  readonly cluster?: UpstreamCluster | undefined;
  readonly nextTarget: (tried: readonly UpstreamTarget[]) => UpstreamTarget | undefined;
  /** Told before each further try of a socket's connection, and when there is none: for the log of its request. */
  readonly onTry?: (socket: object, state: RetryState, again: boolean) => void;
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

/** A mark for connections that are dialled while {@link offer} is on the stack. */
let offered: { readonly mark: DecidedSocket; taken: boolean } | undefined;

/**
 * Dials with a mark that the connect options cannot carry: undici's connectors pass on no option that they do not know.
 * True: it was taken, by a connection to what it admits. A connection that is made later is decided by itself.
 */
export function offer(mark: DecidedSocket, dial: () => void): boolean {
  const before = offered;
  const own = (offered = { mark, taken: false });
  try {
    dial();
    return own.taken;
  } finally {
    offered = before;
  }
}

/** The mark on connect options, if this guard issued it for this destination under the present policy. */
export function readDecided(
  options: Readonly<Record<PropertyKey, unknown>>,
  guard: Guard,
  host: string,
  port: number,
): DecidedSocket | undefined {
  return readMark(options, guard, (decided) =>
    [decided, decided.target].some((named) => named !== undefined && named.host === host && named.port === port),
  );
}

/** The mark on options that name a unix socket: one that the policy itself gives as an endpoint. */
export function readDecidedPath(
  options: Readonly<Record<PropertyKey, unknown>>,
  guard: Guard,
  path: string,
): DecidedSocket | undefined {
  return readMark(options, guard, ({ target }) => target?.path === path);
}

function readMark(
  options: Readonly<Record<PropertyKey, unknown>>,
  guard: Guard,
  admits: (decided: DecidedSocket) => boolean,
): DecidedSocket | undefined {
  const decided = (options[DECIDED] as DecidedSocket | undefined) ?? offered?.mark;
  if (decided === undefined || !issued.has(decided)) return undefined;
  if (decided.guard !== guard || decided.generation !== guard.generation || !admits(decided)) return undefined;
  if (offered?.mark === decided) offered.taken = true;
  return decided;
}

/** What keeps pooled connections of different targets apart; empty when dialled as the application said. */
export function poolKeyOf(decided: DecidedSocket | undefined): string {
  if (!decided) return '';
  let key = poolKeys.get(decided);
  if (key === undefined) poolKeys.set(decided, (key = makePoolKey(decided)));
  return key;
}

const poolKeys = new WeakMap<DecidedSocket, string>();

function makePoolKey({ retry: tries, target, address }: DecidedSocket): string {
  const retry = tries ? `:retry ${JSON.stringify(tries.policy)}` : '';
  if (target) return `:${target.key}${retry}`;
  if (retry) return retry;
  return address === undefined ? '' : `:${address}`;
}
