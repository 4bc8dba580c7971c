/**
 * What a seam asks and what it reports: the whole language between Node's functions and egress.ts, which answers.
 *
 *   seam --Connection--> Guard.request / Guard.connection --Verdict--> seam carries it out --Exchange--> Guard.ended
 *
 * Types only. A seam never looks into a Decision to find out what to do: the verdict says it.
 */
import type { SameRequests } from '../core/index.ts';
import type { Connection } from '../core/model/connection.ts';
import type { Decision, LocalReply, RetryPolicy, UpstreamCluster } from '../core/model/decision.ts';
import type { EgressError } from '../errors.ts';
import type { Exchange, SeamName } from '../telemetry/exchange.ts';
import type { RequestPlan, TimeoutAs, UpstreamTarget } from '../upstream/request-plan.ts';

export type { Exchange, ExchangeObserver, SeamName } from '../telemetry/exchange.ts';
export type { RequestPlan, TimeoutAs, UpstreamTarget } from '../upstream/request-plan.ts';

/** How a denial reaches the client: as an error, as a sidecar's HTTP answer, or as a connection reset. */
export type DenyAs = 'error' | 'response' | 'reset';

/** Per-call wishes, from the symbol option {@link CALL_OPTIONS}. */
export interface CallOptions {
  readonly denyAs?: DenyAs;
  readonly timeoutAs?: TimeoutAs;
}

/** The option of a single call (`http.request({ [Symbol.for('sidecarless.call')]: { denyAs: 'response' } })`). */
export const CALL_OPTIONS: unique symbol = Symbol.for('sidecarless.call') as never;

/** What to do with one HTTP request. */
export type RequestVerdict =
  | {
      readonly kind: 'proceed';
      readonly plan: RequestPlan;
      readonly exchange?: Exchange;
      /** All connections that the cluster may have are in use: start when called back. */
      readonly wait?: (start: () => void) => void;
    }
  /** Answer here, without an upstream: redirect, direct response, fault, or a denial as the sidecar puts it. */
  | {
      readonly kind: 'reply';
      readonly reply: LocalReply;
      readonly exchange?: Exchange;
      readonly delayMs?: number;
    }
  /** Fail as ECONNREFUSED would; `reset`: as a connection reset by the peer. */
  | {
      readonly kind: 'fail';
      readonly error: EgressError | NodeJS.ErrnoException;
      readonly exchange?: Exchange;
      readonly delayMs?: number;
    }
  /** Whether this is governed depends on the address: resolve `host`, then ask again with each address. */
  | { readonly kind: 'resolve'; readonly host: string };

/**
 * The standing answer to requests to one destination: the same decision and the same plan for each, and nothing in them that
 * changes, delays or copies a request.
 */
export interface Passage {
  readonly decision: Decision;
  readonly plan: RequestPlan;
  /** All requests, or those of which the core says that they are plain. */
  readonly requests: SameRequests;
}

/** What to do with one connection, before DNS. */
export type ConnectionVerdict =
  | {
      readonly kind: 'proceed';
      readonly decision: Decision;
      /** Absent: dial as the application asked. */
      readonly target?: UpstreamTarget;
      /** Where most requests lead that a connection for many may carry; their routes may lead elsewhere. */
      readonly sessionTarget?: () => UpstreamTarget | undefined;
      /** How a connection for many requests (an HTTP/2 session, a pool) is tried again when it does not come about. */
      readonly sessionRetry?: () => SessionRetry | undefined;
      readonly exchange?: Exchange;
      readonly idleTimeoutMs?: number;
      readonly connectTimeoutMs?: number;
    }
  | { readonly kind: 'fail'; readonly error: EgressError | NodeJS.ErrnoException; readonly exchange?: Exchange }
  | { readonly kind: 'resolve' };

/** Of the route that most requests of a connection take. */
export interface SessionRetry {
  readonly policy: RetryPolicy;
  readonly cluster: UpstreamCluster;
  /** A route leads its requests, or answers are looked at: who sends them one by one tries each again, not the connection. */
  readonly byRequest: boolean;
  readonly nextTarget: (tried: readonly UpstreamTarget[]) => UpstreamTarget | undefined;
}

/** Whether one resolved address may be dialled. */
export type AddressVerdict =
  { readonly kind: 'proceed' } | { readonly kind: 'fail'; readonly error: EgressError | NodeJS.ErrnoException };

/** On what ground a connection is being resolved, which is how strictly its addresses are decided. */
export type AddressGround =
  /** The name alone is not admitted: the address must be. */
  | 'address'
  /** The name is admitted; the address may still contradict a rule that names addresses. */
  | 'name'
  /** A request seam admitted the request that this connection is for. */
  | 'request'
  /** The policy itself names this upstream. */
  | 'target';

/** The answers that seams get. Every method is total: in `enforce` mode an exception inside is a `fail`. */
export interface Guard {
  /** False once uninstalled or closed: seams then call straight through. */
  readonly active: boolean;
  /** Moves with each `update`: what was decided under an older one is asked again. */
  readonly generation: number;
  /**
   * One HTTP request, whatever carries it. With `again` the same request is asked anew (its headers changed, its
   * address became known) and goes on with the exchange it has.
   */
  request(connection: Connection, seam: SeamName, call?: CallOptions, again?: Exchange): RequestVerdict;
  /**
   * What holds for each request that is to the same host, port and authority as this one, over the same transport, while
   * `generation` stays. Undefined: each has to be asked for.
   */
  passage(connection: Connection): Passage | undefined;
  /** Whether anybody is told of requests that pass. */
  readonly watched: boolean;
  /** One request that goes by a passage: its record, where somebody watches. */
  passed(passage: Passage, connection: Connection, seam: SeamName): Exchange | undefined;
  /** One connection, before its name is resolved. */
  connection(connection: Connection, seam: SeamName, call?: CallOptions): ConnectionVerdict;
  /** One of the `answers` that a name resolved to. Literals are decided by `connection`. */
  address(connection: Connection, address: string, ground: AddressGround, answers: readonly string[]): AddressVerdict;
  /** Whether the policy of the moment admits what a pooled connection was opened for. Tells nobody. */
  admits(connection: Connection): boolean;
  /** The same, whatever the mode: in report mode too it tells what is not admitted. */
  wouldAdmit(connection: Connection): boolean;
  /** The folder with the certificates of the workload's own identity, for ISTIO_MUTUAL. */
  readonly meshCertificates: string | undefined;
  /** Every port that some service of the policy is declared with. */
  readonly declaredPorts: readonly number[];
  /** Whether a name may be looked up, or the name of an address: the refusal, else undefined. */
  query(name: string): Error | undefined;
  /** A unix socket or named pipe. */
  unixSocket(path: string, seam: SeamName): ConnectionVerdict;
  /** What a request fails with when this package itself broke. */
  internalError(cause: unknown): EgressError;
  /**
   * The policy leads a connection where its client cannot be led: what it fails with, told `why`. Undefined in report
   * mode, where it goes on as the application asked.
   */
  unroutable(connection: Connection, why: string): EgressError | undefined;
  /** A connection came about. Never throws. */
  opened(exchange: Exchange): void;
  /** The seam is done with it: log, count. Never throws. */
  ended(exchange: Exchange): void;
  /** An exception in a seam itself: counted, logged once. True: refuse (enforce); false: let it pass (report). */
  seamFailed(seam: SeamName, error: unknown): boolean;
  /** Called after each `update`: seams close what is idle and now denied. */
  onUpdate(listener: () => void): void;
  /** Remembers that `name` resolved to `addresses`, for clients that resolve for themselves. */
  learn(name: string, addresses: readonly string[]): void;
  /** The names by which this process looked an address up, the latest first. */
  namesOf(address: string): readonly string[];
}
