import type { Connection } from '../core/model/connection.ts';
import type { Decision, ForwardedRequest, WeightedDestination } from '../core/model/decision.ts';

/** The Node function that was called, for logs and for `verify()`. */
export type SeamName = 'http' | 'https' | 'undici' | 'http2' | 'net' | 'tls' | 'unix' | 'dns' | 'udp' | 'handle';

/**
 * One request or connection, from decision to end: the seam fills it in, telemetry reads it. Times are of
 * `performance.now()`, in milliseconds. There is none when nobody observes.
 */
export interface Exchange {
  connection: Connection;
  decision: Decision;
  readonly seam: SeamName;
  /** `http`: one per request. `tcp`: one per connection. */
  readonly layer: 'http' | 'tcp';
  /** Milliseconds since the epoch. */
  readonly startTime: number;
  /** `performance.now()` at the start. */
  readonly start: number;
  /** `report` mode let pass what `enforce` would have denied. */
  wouldDeny?: boolean | undefined;
  /** A connection whose requests are told of one by one: it gets no line of its own. */
  carriesRequests?: boolean | undefined;
  /** Where the journal keeps it while it is under way; -1: nowhere. */
  place?: number | undefined;
  /** Observers were told that the connection came about. */
  opened?: boolean | undefined;
  /** The second hop, when the upstream is an egress gateway: what the gateway's own policy says. */
  gatewayDecision?: Decision | undefined;
  /** The one that was drawn; absent when nothing left. */
  destination?: WeightedDestination | undefined;
  /** As it left, where that differs from what was asked. */
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
  /** The policy leads it elsewhere than the application dialled: `upstreamHost` is not the original destination. */
  led?: boolean | undefined;
  /** SNI that the application asked for. */
  requestedServerName?: string | undefined;
  tlsVersion?: string | undefined;
  tlsCipher?: string | undefined;
  reusedSocket?: boolean | undefined;

  /**
   * One object for all requests to one destination over one connection that went as they were asked, once all of the above is
   * known: what is told of those alone need be written once.
   */
  shared?: object | undefined;

  /** `performance.now()` at: request written out, first byte of the answer, end. */
  requestSentAt?: number | undefined;
  firstByteAt?: number | undefined;
  endedAt?: number | undefined;
}

/** Something that watches. Called inside try: what it throws is counted and forgotten. */
export interface ExchangeObserver {
  /** At the decision, before anything is sent. */
  onDecision?(exchange: Exchange): void;
  /** A connection that came about. */
  onOpen?(exchange: Exchange): void;
  /** Once, at the end. */
  onEnd(exchange: Exchange): void;
  flush?(): void;
  close?(): void;
}
