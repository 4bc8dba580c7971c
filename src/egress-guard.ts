import { LearnedNames } from './adapters/learned-names.ts';
import type {
  AddressGround,
  AddressVerdict,
  CallOptions,
  ConnectionVerdict,
  Exchange,
  ExchangeObserver,
  Guard,
  Passage,
  RequestPlan,
  RequestVerdict,
  SeamName,
} from './adapters/seam.ts';
import { resetError } from './adapters/socket-failure.ts';
import { explain, gatewayHop } from './core/index.ts';
import type { Connection } from './core/model/connection.ts';
import type { Decision, DenyDecision, Explanation } from './core/model/decision.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import { EgressConnections, type GuardParts } from './egress-connections.ts';
import { EgressJournal } from './egress-journal.ts';
import { EgressQueries } from './egress-queries.ts';
import type { GuardOptions } from './egress-options.ts';
import { EgressPolicy, needsAddress } from './egress-policy.ts';
import type { EgressError } from './errors.ts';
import { newExchange } from './telemetry/new-exchange.ts';
import type { EgressMetrics } from './telemetry/metrics.ts';
import { classOf } from './upstream/address-guard.ts';
import { ClusterLimits, OVERFLOW_REPLY } from './upstream/cluster-limits.ts';
import { deniedError, Denials, denyDecision } from './upstream/denial.ts';
import { EndpointHealth } from './upstream/endpoint-health.ts';
import { planRequest, standingPlan } from './upstream/plan-request.ts';
import { Warnings } from './upstream/warnings.ts';

const PLAIN: Pick<RequestPlan, 'requestHeaders' | 'responseHeaders' | 'mirrors'> = {
  requestHeaders: [],
  responseHeaders: [],
  mirrors: [],
};

/** A policy, and the answers that seams get from it. Every answer is total: an exception inside is a denial, or in report mode a pass. */
export class EgressGuard implements Guard {
  readonly mode: 'enforce' | 'report';
  active = true;
  readonly #options: GuardOptions;
  readonly #names = new LearnedNames();
  readonly #policy: EgressPolicy;
  readonly #journal: EgressJournal;
  readonly #connections: EgressConnections;
  readonly #queries: EgressQueries;
  readonly #health = new EndpointHealth();
  readonly #limits = new ClusterLimits();
  readonly #updated: (() => void)[] = [];
  readonly #denials = new Denials((connection) => this.#explain(connection));

  constructor(options: GuardOptions, observers: readonly ExchangeObserver[], metrics: EgressMetrics | undefined) {
    this.#options = options;
    this.mode = options.mode ?? 'enforce';
    this.#policy = new EgressPolicy(options.meshConfig, options.workload, this.#names);
    this.#journal = new EgressJournal(this.mode, observers, metrics, new Warnings(options.onWarning));
    const parts: GuardParts = {
      mode: this.mode,
      options,
      policy: this.#policy,
      journal: this.#journal,
      names: this.#names,
      health: this.#health,
      limits: this.#limits,
      denials: this.#denials,
    };
    this.#connections = new EgressConnections(parts);
    this.#queries = new EgressQueries(parts);
  }

  get meshConfig(): MeshConfig {
    return this.#policy.meshConfig;
  }

  get generation(): number {
    return this.#policy.generation;
  }

  /** While `verify` runs: the port on 127.0.0.1 that is denied whatever the policy says. */
  get probe(): number | undefined {
    return this.#policy.probe;
  }

  set probe(port: number | undefined) {
    this.#policy.probe = port;
  }

  request(asked: Connection, seam: SeamName, call?: CallOptions, again?: Exchange): RequestVerdict {
    try {
      return this.#request(this.#policy.withWorkload(asked), seam, call, again);
    } catch (error) {
      if (this.seamFailed(seam, error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return {
        kind: 'proceed',
        plan: { ...PLAIN, decision: denyDecision('internal_error', 'http'), timeoutAs: 'response' },
      };
    }
  }

  #request(
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
    let exchange = this.#exchange(connection, decision, seam, 'http', again);
    const observed = exchange ? { exchange } : {};
    const timeoutAs = call?.timeoutAs ?? this.#options.timeoutAs ?? 'response';
    if (decision.action === 'deny') {
      if (this.mode === 'report' && !this.#policy.isProbe(connection)) {
        this.#journal.reportDenial(connection, exchange, () => this.#denials.errorOf(connection, decision).message);
        return { kind: 'proceed', plan: { ...PLAIN, decision, timeoutAs }, ...observed };
      }
      return { ...this.#refuseRequest(connection, decision, exchange, call), ...observed };
    }
    const planned = planRequest(decision, connection, { random: this.#random, state: this.#health, timeoutAs });
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
    const upstream = plan.destination?.upstream;
    if ((plan.endpoint || upstream?.circuitBreakers) && !exchange)
      exchange = newExchange(connection, decision, seam, 'http');
    if (!exchange) return { kind: 'proceed', plan };
    exchange.destination = plan.destination;
    exchange.request = plan.request;
    if (plan.delayMs !== undefined) exchange.responseFlags = 'DI';
    if (plan.endpoint && upstream && !again) this.#health.started(exchange, upstream, plan.endpoint);
    if (upstream?.gateway) this.#secondHop(connection, exchange);
    const admission = upstream && !again ? this.#limits.enter(exchange, upstream, seam === 'http2') : undefined;
    if (admission?.kind === 'overflow') {
      exchange.responseCode = OVERFLOW_REPLY.status;
      exchange.responseFlags = 'UO';
      exchange.responseCodeDetails = 'upstream_reset_before_response_started{overflow}';
      return { kind: 'reply', reply: OVERFLOW_REPLY, exchange };
    }
    return { kind: 'proceed', plan, exchange, ...(admission?.kind === 'later' && { wait: admission.wait }) };
  }

  passage(asked: Connection): Passage | undefined {
    try {
      const connection = this.#policy.withWorkload(asked);
      const decision = this.#policy.decideRequest(connection);
      const requests = this.#policy.answeredAlike(connection);
      if (requests === undefined || decision.action === 'deny') return undefined;
      const plan = standingPlan(decision, this.#options.timeoutAs ?? 'response');
      return plan && { decision, plan, requests };
    } catch (error) {
      this.seamFailed('http', error);
      return undefined;
    }
  }

  get watched(): boolean {
    return this.#journal.watched;
  }

  passed({ decision, plan }: Passage, connection: Connection, seam: SeamName): Exchange | undefined {
    const exchange = this.#journal.begin(this.#policy.withWorkload(connection), decision, seam, 'http');
    if (exchange) exchange.destination = plan.destination;
    return exchange;
  }

  #refuseRequest(
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
    const denyAs = this.#policy.isProbe(connection) ? 'error' : (call?.denyAs ?? this.#options.denyAs ?? 'error');
    // Where a sidecar has no HTTP listener it closes the connection; a client that asked for an answer gets one.
    const answer = localReply ?? (connection.transport === 'tls' ? undefined : { status: 502 });
    if (denyAs === 'response' && answer) return { kind: 'reply', reply: answer };
    const error = this.#denials.errorOf(connection, decision);
    return { kind: 'fail', error: denyAs === 'error' ? error : resetError(error) };
  }

  connection(asked: Connection, seam: SeamName, call?: CallOptions): ConnectionVerdict {
    try {
      return this.#connections.connection(this.#policy.withWorkload(asked), seam, call);
    } catch (error) {
      if (this.seamFailed(seam, error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return { kind: 'proceed', decision: denyDecision('internal_error') };
    }
  }

  get declaredPorts(): readonly number[] {
    return this.#policy.declaredPorts;
  }

  admits(connection: Connection): boolean {
    return this.mode === 'report' || this.wouldAdmit(connection);
  }

  wouldAdmit(connection: Connection): boolean {
    try {
      return this.#policy.decideSocket(this.#policy.withWorkload(connection)).action !== 'deny';
    } catch (error) {
      return !this.seamFailed('net', error);
    }
  }

  address(asked: Connection, address: string, ground: AddressGround, answers: readonly string[]): AddressVerdict {
    try {
      return this.#connections.address(this.#policy.withWorkload(asked), address, ground, answers);
    } catch (error) {
      if (this.seamFailed('dns', error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return { kind: 'proceed' };
    }
  }

  query(name: string): Error | undefined {
    try {
      return this.#queries.query(name);
    } catch (error) {
      return this.seamFailed('dns', error) ? this.internalError(error, { host: name, port: 0 }) : undefined;
    }
  }

  unixSocket(path: string, seam: SeamName): ConnectionVerdict {
    return this.#connections.unixSocket(path, seam);
  }

  /** Calls back when the last request and connection under way has ended, or after a second. */
  whenIdle(callback: () => void): void {
    this.#journal.whenIdle(callback);
  }

  /** What is still under way is told of now; what comes later, to nobody. */
  close(): void {
    this.#journal.close();
  }

  ended(exchange: Exchange): void {
    this.#health.ended(exchange);
    this.#limits.leave(exchange);
    this.#journal.end(exchange);
  }

  seamFailed(seam: SeamName, error: unknown): boolean {
    this.#journal.seamFailed(seam, error);
    return this.mode === 'enforce';
  }

  unroutable(connection: Connection, why: string): EgressError | undefined {
    const error = deniedError(connection, denyDecision('internal_error'), undefined, why);
    if (this.mode === 'enforce') return error;
    this.#journal.warn(`unroutable ${connection.host} ${why}`, error.message);
    return undefined;
  }

  internalError(cause: unknown, connection: Connection = { port: 0 }): EgressError {
    return deniedError(connection, denyDecision('internal_error'), undefined, undefined, cause);
  }

  onUpdate(listener: () => void): void {
    this.#updated.push(listener);
  }

  learn(name: string, addresses: readonly string[]): void {
    const now = Date.now();
    this.#names.learn(name, addresses, now);
    if (addresses.some((address) => classOf(address) !== 'loopback')) this.#names.noteOrdinary(name, now);
  }

  namesOf(address: string): readonly string[] {
    return this.#names.namesOf(address, Date.now());
  }

  update(next: MeshConfig | (() => MeshConfig)): void {
    try {
      this.#policy.replace(next);
    } catch (error) {
      this.#journal.count('policy_update_failures');
      this.#journal.warn(`update ${String(error)}`, `the new policy was refused, the former stays: ${String(error)}`);
      throw error;
    }
    this.#denials.forget();
    this.#journal.count('policy_updates');
    for (const listener of this.#updated) this.#journal.tell(listener);
  }

  #explain(connection: Connection): Explanation | undefined {
    try {
      return explain(connection, this.meshConfig);
    } catch (error) {
      this.seamFailed('net', error);
      return undefined;
    }
  }

  get #random(): () => number {
    return this.#options.random ?? Math.random;
  }

  #exchange(
    connection: Connection,
    decision: Decision,
    seam: SeamName,
    layer: Exchange['layer'],
    again?: Exchange,
  ): Exchange | undefined {
    if (again) {
      again.connection = connection;
      again.decision = decision;
      return again;
    }
    return this.#policy.isProbe(connection) ? undefined : this.#journal.begin(connection, decision, seam, layer);
  }

  /** What the egress gateway will say to it, by the same mesh config: for logs, since the gateway decides for itself. */
  #secondHop(connection: Connection, exchange: Exchange): void {
    const hop = gatewayHop(exchange.decision, connection, this.meshConfig, exchange.destination);
    exchange.gatewayDecision = hop?.decision;
  }
}
