import type { CallOptions, Exchange, Passage, RequestPlan, RequestVerdict, SeamName } from './adapters/seam.ts';
import { resetError } from './adapters/socket-failure.ts';
import { gatewayHop } from './core/index.ts';
import type { Connection } from './core/model/connection.ts';
import type { Decision, DenyDecision } from './core/model/decision.ts';
import type { GuardParts } from './egress-connections.ts';
import { needsAddress } from './egress-policy.ts';
import { newExchange } from './telemetry/new-exchange.ts';
import { OVERFLOW_REPLY } from './upstream/cluster-limits.ts';
import { planRequest, standingPlan } from './upstream/plan-request.ts';

/** Nothing to change, delay or copy. */
export const PLAIN: Pick<RequestPlan, 'requestHeaders' | 'responseHeaders' | 'mirrors'> = {
  requestHeaders: [],
  responseHeaders: [],
  mirrors: [],
};

/** What to do with one HTTP request, from its decision. May throw: the guard makes a denial of that. */
export class EgressRequests {
  readonly #parts: GuardParts;
  readonly #policy: GuardParts['policy'];
  readonly #journal: GuardParts['journal'];
  readonly #denials: GuardParts['denials'];

  constructor(parts: GuardParts) {
    this.#parts = parts;
    this.#policy = parts.policy;
    this.#journal = parts.journal;
    this.#denials = parts.denials;
  }

  request(
    asked: Connection,
    seam: SeamName,
    call: CallOptions | undefined,
    again: Exchange | undefined,
  ): RequestVerdict {
    const first = this.#policy.decideRequest(asked);
    if (needsAddress(asked) && (this.#policy.byAddress || (first.action === 'deny' && first.provisional)))
      return { kind: 'resolve', host: asked.host ?? '' };
    const beyond = first.action === 'deny' ? undefined : this.#policy.refusedBeyondProxy(asked);
    const connection = beyond?.target ?? asked;
    const decision = beyond?.decision ?? first;
    const exchange = this.#exchange(connection, decision, seam, again);
    const observed = exchange ? { exchange } : {};
    const timeoutAs = call?.timeoutAs ?? this.#parts.options.timeoutAs ?? 'response';
    if (decision.action === 'deny') {
      if (this.#parts.mode === 'report' && !this.#policy.isProbe(connection)) {
        this.#journal.reportDenial(connection, exchange, () => this.#denials.errorOf(connection, decision).message);
        return { kind: 'proceed', plan: { ...PLAIN, decision, timeoutAs }, ...observed };
      }
      return { ...this.#refuse(connection, decision, exchange, call), ...observed };
    }
    const random = this.#parts.options.random ?? Math.random;
    const planned = planRequest(decision, connection, { random, state: this.#parts.health, timeoutAs });
    if (planned.kind === 'reply') {
      const { reply, delayMs, destination } = planned;
      if (exchange) {
        exchange.responseCode = reply.status;
        exchange.responseFlags = planned.responseFlags;
        exchange.responseCodeDetails = planned.responseCodeDetails ?? 'direct_response';
        exchange.destination = destination;
      }
      return { kind: 'reply', reply, ...observed, ...(delayMs !== undefined && { delayMs }) };
    }
    const { plan } = planned;
    // What endpoints do is watched also where nobody else watches.
    const watched = plan.endpoint !== undefined || plan.destination?.upstream?.circuitBreakers !== undefined;
    const record = exchange ?? (watched ? newExchange(connection, decision, seam, 'http') : undefined);
    return record ? this.#enter(plan, record, seam, again !== undefined) : { kind: 'proceed', plan };
  }

  /** A request that goes on takes its place among those of its cluster, and waits or is turned away where there is none. */
  #enter(plan: RequestPlan, exchange: Exchange, seam: SeamName, again: boolean): RequestVerdict {
    const upstream = plan.destination?.upstream;
    exchange.destination = plan.destination;
    exchange.request = plan.request;
    exchange.led = plan.target !== undefined;
    if (plan.delayMs !== undefined) exchange.responseFlags = 'DI';
    if (plan.endpoint && upstream && !again) this.#parts.health.started(exchange, upstream, plan.endpoint);
    if (upstream?.gateway) this.#secondHop(exchange);
    const admission = upstream && !again ? this.#parts.limits.enter(exchange, upstream, seam === 'http2') : undefined;
    if (admission?.kind === 'overflow') {
      exchange.responseCode = OVERFLOW_REPLY.status;
      exchange.responseFlags = 'UO';
      exchange.responseCodeDetails = 'upstream_reset_before_response_started{overflow}';
      return { kind: 'reply', reply: OVERFLOW_REPLY, exchange };
    }
    return { kind: 'proceed', plan, exchange, ...(admission?.kind === 'later' && { wait: admission.wait }) };
  }

  passage(connection: Connection): Passage | undefined {
    const { policy, options } = this.#parts;
    const decision = policy.decideRequest(connection);
    const requests = policy.answeredAlike(connection);
    if (requests === undefined || decision.action === 'deny') return undefined;
    const plan = standingPlan(decision, options.timeoutAs ?? 'response');
    return plan && { decision, plan, requests };
  }

  passed({ decision, plan }: Passage, connection: Connection, seam: SeamName): Exchange | undefined {
    const exchange = this.#journal.begin(connection, decision, seam, 'http');
    if (exchange) {
      exchange.destination = plan.destination;
      exchange.led = plan.target !== undefined;
    }
    return exchange;
  }

  #refuse(
    connection: Connection,
    decision: DenyDecision,
    exchange: Exchange | undefined,
    call: CallOptions | undefined,
  ): Exclude<RequestVerdict, { kind: 'proceed' | 'resolve' }> {
    const { localReply } = decision;
    if (exchange) {
      exchange.responseCode = localReply?.status ?? 0;
      exchange.responseFlags = decision.responseFlags;
      exchange.responseCodeDetails = decision.responseCodeDetails;
    }
    const denyAs = this.#policy.isProbe(connection) ? 'error' : (call?.denyAs ?? this.#parts.options.denyAs ?? 'error');
    // Where a sidecar has no HTTP listener it closes the connection; a client that asked for an answer gets one.
    const answer = localReply ?? (connection.transport === 'tls' ? undefined : { status: 502 });
    if (denyAs === 'response' && answer) return { kind: 'reply', reply: answer };
    const error = this.#denials.errorOf(connection, decision);
    return { kind: 'fail', error: denyAs === 'error' ? error : resetError(error) };
  }

  #exchange(
    connection: Connection,
    decision: Decision,
    seam: SeamName,
    again: Exchange | undefined,
  ): Exchange | undefined {
    if (again) {
      again.connection = connection;
      again.decision = decision;
      return again;
    }
    return this.#policy.isProbe(connection) ? undefined : this.#journal.begin(connection, decision, seam, 'http');
  }

  /** What the egress gateway will say to it, by the same mesh config: for logs, since the gateway decides for itself. */
  #secondHop(exchange: Exchange): void {
    const { decision, connection, destination } = exchange;
    const hop = gatewayHop(decision, connection, this.#policy.meshConfig, destination);
    exchange.gatewayDecision = hop?.decision;
  }
}
