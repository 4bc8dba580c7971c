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
  RequestVerdict,
  SeamName,
} from './adapters/seam.ts';
import { explain } from './core/index.ts';
import type { Connection } from './core/model/connection.ts';
import type { Explanation } from './core/model/decision.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import { EgressConnections, type GuardParts } from './egress-connections.ts';
import { EgressJournal } from './egress-journal.ts';
import { EgressQueries } from './egress-queries.ts';
import type { GuardOptions } from './egress-options.ts';
import { EgressPolicy } from './egress-policy.ts';
import { EgressRequests, PLAIN } from './egress-requests.ts';
import type { EgressError } from './errors.ts';
import type { EgressMetrics } from './telemetry/metrics.ts';
import { classOf } from './upstream/address-guard.ts';
import { ClusterLimits } from './upstream/cluster-limits.ts';
import { deniedError, Denials, denyDecision } from './upstream/denial.ts';
import { EndpointHealth } from './upstream/endpoint-health.ts';
import { Warnings } from './telemetry/warnings.ts';

/** A policy, and the answers that seams get from it. Every answer is total: an exception inside is a denial, or in report mode a pass. */
export class EgressGuard implements Guard {
  readonly mode: 'enforce' | 'report';
  active = true;
  readonly meshCertificates: string | undefined;
  readonly #names = new LearnedNames();
  readonly #policy: EgressPolicy;
  readonly #journal: EgressJournal;
  readonly #connections: EgressConnections;
  readonly #queries: EgressQueries;
  readonly #requests: EgressRequests;
  readonly #health = new EndpointHealth();
  readonly #limits = new ClusterLimits();
  readonly #updated: (() => void)[] = [];
  readonly #denials = new Denials((connection) => this.#explain(connection));

  constructor(options: GuardOptions, observers: readonly ExchangeObserver[], metrics: EgressMetrics | undefined) {
    this.mode = options.mode ?? 'enforce';
    this.meshCertificates = options.meshCertificates;
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
    this.#requests = new EgressRequests(parts);
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
      return this.#requests.request(this.#policy.withWorkload(asked), seam, call, again);
    } catch (error) {
      if (this.seamFailed(seam, error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return {
        kind: 'proceed',
        plan: { ...PLAIN, decision: denyDecision('internal_error', 'http'), timeoutAs: 'response' },
      };
    }
  }

  passage(asked: Connection): Passage | undefined {
    try {
      return this.#requests.passage(this.#policy.withWorkload(asked));
    } catch (error) {
      this.seamFailed('http', error);
      return undefined;
    }
  }

  get watched(): boolean {
    return this.#journal.watched;
  }

  passed(passage: Passage, connection: Connection, seam: SeamName): Exchange | undefined {
    return this.#requests.passed(passage, this.#policy.withWorkload(connection), seam);
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

  opened(exchange: Exchange): void {
    this.#journal.opened(exchange);
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
}
