/**
 * What a seam asks and what it reports: the whole language between Node's functions and egress.ts, which answers.
 *
 *   seam --Connection--> Guard.request / Guard.connection --Verdict--> seam carries it out --Exchange--> Guard.ended
 *
 * Types only. A seam never looks into a Decision to find out what to do: the verdict says it.
 */
import type { Connection } from '../core/model/connection.ts';
import type {
  Decision,
  FaultPolicy,
  ForwardedRequest,
  HeaderOperation,
  LocalReply,
  MirrorPolicy,
  RetryPolicy,
  UpstreamCluster,
  UpstreamTls,
  WeightedDestination,
} from '../core/model/decision.ts';
import type { EgressDeniedError, EgressError } from '../errors.ts';

/** The Node function that was called, for logs and for `verify()`. */
export type SeamName = 'http' | 'https' | 'undici' | 'http2' | 'net' | 'tls' | 'unix' | 'dns' | 'udp' | 'handle';

/** How a denial reaches the client: as an error, as a sidecar's HTTP answer, or as a connection reset. */
export type DenyAs = 'error' | 'response' | 'reset';
export type TimeoutAs = 'response' | 'error';

/** Per-call wishes, from the symbol option {@link CALL_OPTIONS}. */
export interface CallOptions {
  readonly denyAs?: DenyAs;
  readonly timeoutAs?: TimeoutAs;
}

/** The option of a single call (`http.request({ [Symbol.for('sidecarless.call')]: { denyAs: 'response' } })`). */
export const CALL_OPTIONS: unique symbol = Symbol.for('sidecarless.call') as never;

/** Where a request or connection is to be dialled, when not where the application said. Frozen; never per request. */
export interface UpstreamTarget {
  /** Equal keys may share a pooled connection: address, TLS parameters and tunnel, nothing of one request. */
  readonly key: string;
  /** IP, or a name that is still to be resolved; empty with `path`. */
  readonly host: string;
  /** 1-65535; 0 with `path`. */
  readonly port: number;
  /** Unix socket. */
  readonly path?: string;
  /** TLS to originate below the request. Absent: whatever the application speaks. */
  readonly tls?: UpstreamTls & { readonly servername?: string };
  /** CONNECT through this target to another. */
  readonly tunnel?: { readonly protocol: 'CONNECT' | 'POST'; readonly targetHost: string; readonly targetPort: number };
  readonly cluster: UpstreamCluster;
}

/** All that is to be done to an HTTP request that goes on. One per request where something is drawn, else shared and frozen. */
export interface RequestPlan {
  readonly decision: Decision;
  /** The one that was drawn; absent for `via: 'bypass'`. */
  readonly destination?: WeightedDestination;
  /** Absent: dial as the application asked. */
  readonly target?: UpstreamTarget;
  /** Method, path and authority as they leave; absent: unchanged. */
  readonly request?: ForwardedRequest;
  readonly requestHeaders: readonly HeaderOperation[];
  readonly responseHeaders: readonly HeaderOperation[];
  /** Milliseconds from the end of the request to the response headers. */
  readonly timeoutMs?: number;
  readonly timeoutAs: TimeoutAs;
  readonly retries?: RetryPolicy;
  readonly fault?: FaultPolicy;
  readonly mirrors: readonly MirrorPolicy[];
  /** Another endpoint for a further try, avoiding those already tried; undefined: none is left. */
  nextTarget?(tried: readonly UpstreamTarget[]): UpstreamTarget | undefined;
}

/** What to do with one HTTP request. */
export type RequestVerdict =
  | { readonly kind: 'proceed'; readonly plan: RequestPlan; readonly exchange?: Exchange }
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

/** What to do with one connection, before DNS. */
export type ConnectionVerdict =
  | {
      readonly kind: 'proceed';
      readonly decision: Decision;
      /** Absent: dial as the application asked. */
      readonly target?: UpstreamTarget;
      readonly exchange?: Exchange;
      readonly idleTimeoutMs?: number;
      readonly connectTimeoutMs?: number;
    }
  | { readonly kind: 'fail'; readonly error: EgressError | NodeJS.ErrnoException; readonly exchange?: Exchange }
  | { readonly kind: 'resolve' };

/** Whether one resolved address may be dialled. */
export type AddressVerdict =
  | { readonly kind: 'proceed'; readonly decision: Decision }
  | { readonly kind: 'fail'; readonly error: EgressDeniedError };

/** The answers that seams get. Every method is total: in `enforce` mode an exception inside is a `fail`. */
export interface Guard {
  /** False once uninstalled or closed: seams then call straight through. */
  readonly active: boolean;
  /** Moves with each `update`: what was decided under an older one is asked again. */
  readonly generation: number;
  /** One HTTP request, whatever carries it. */
  request(connection: Connection, seam: SeamName, call?: CallOptions): RequestVerdict;
  /** One connection, before its name is resolved. */
  connection(connection: Connection, seam: SeamName, call?: CallOptions): ConnectionVerdict;
  /** One address that a name (or an upstream's name, with `target`) resolved to, or a literal. */
  address(connection: Connection, address: string, target?: UpstreamTarget): AddressVerdict;
  /** A unix socket or named pipe. */
  unixSocket(path: string, seam: SeamName): ConnectionVerdict;
  /** The seam is done with it: log, count. Never throws. */
  ended(exchange: Exchange): void;
  /** An exception in a seam itself: counted, logged once. True: refuse (enforce); false: let it pass (report). */
  seamFailed(seam: SeamName, error: unknown): boolean;
  /** Remembers that `name` resolved to `addresses`, for clients that resolve for themselves. */
  learn(name: string, addresses: readonly string[]): void;
  /** The name by which this process knows an address, if it looked one up. */
  nameOf(address: string): string | undefined;
}

/**
 * One request or connection, from decision to end: the seam fills it in, telemetry reads it. Times are of
 * `performance.now()`, in milliseconds. Absent when nobody observes.
 */
export interface Exchange {
  readonly connection: Connection;
  readonly decision: Decision;
  readonly seam: SeamName;
  /** `http`: one per request. `tcp`: one per connection. */
  readonly layer: 'http' | 'tcp';
  /** Milliseconds since the epoch. */
  readonly startTime: number;
  /** `performance.now()` at the start. */
  readonly start: number;
  /** `report` mode let pass what `enforce` would have denied. */
  readonly wouldDeny?: boolean;
  /** As it left; absent when nothing did. */
  destination?: WeightedDestination | undefined;
  target?: UpstreamTarget | undefined;
  request?: ForwardedRequest | undefined;

  /** `HTTP/1.1`, `HTTP/2`. */
  protocol?: string | undefined;
  /** 0: none. */
  responseCode: number;
  /** Short names, joined with commas: `UF`, `UT`, `DC`. */
  responseFlags: string;
  responseCodeDetails?: string | undefined;
  connectionTerminationDetails?: string | undefined;
  upstreamTransportFailureReason?: string | undefined;
  /** Raw, as on the wire: name, value, name, value. */
  responseHeaders?: readonly string[] | undefined;
  responseTrailers?: readonly string[] | undefined;
  /** From the application towards the upstream; HTTP: of the body. */
  bytesReceived: number;
  /** From the upstream towards the application; HTTP: of the body. */
  bytesSent: number;
  /** Tries, the first included. */
  attempts: number;

  /** `ip:port` of the upstream, once connected. */
  upstreamHost?: string | undefined;
  /** The process's own end, `ip:port`. */
  localAddress?: string | undefined;
  /** Address of the original destination, `ip:port`, where the application's own choice was resolved. */
  destinationAddress?: string | undefined;
  /** SNI that the application asked for. */
  requestedServerName?: string | undefined;
  tlsVersion?: string | undefined;
  tlsCipher?: string | undefined;
  reusedSocket?: boolean | undefined;

  /** `performance.now()` at: request written out, first byte of the answer, end. */
  requestSentAt?: number | undefined;
  firstByteAt?: number | undefined;
  endedAt?: number | undefined;
}

/** Something that watches. Called inside try: what it throws is counted and forgotten. */
export interface ExchangeObserver {
  /** At the decision, before anything is sent. */
  onDecision?(exchange: Exchange): void;
  /** Once, at the end. */
  onEnd(exchange: Exchange): void;
  flush?(): void;
  close?(): void;
}
