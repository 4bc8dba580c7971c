import { isIP } from 'node:net';
import { LearnedNames } from './adapters/learned-names.ts';
import type {
  AddressGround,
  AddressVerdict,
  CallOptions,
  ConnectionVerdict,
  DenyAs,
  Exchange,
  ExchangeObserver,
  Guard,
  RequestPlan,
  RequestVerdict,
  SeamName,
  TimeoutAs,
} from './adapters/seam.ts';
import { resetError } from './adapters/socket-failure.ts';
import { compileMeshConfig, decide, explain, gatewayHop } from './core/index.ts';
import type { Connection, Workload } from './core/model/connection.ts';
import type { Decision, DenyDecision, Explanation, Forward } from './core/model/decision.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import type { EgressError } from './errors.ts';
import { channelObserver, channelsObserved } from './telemetry/channels.ts';
import { newExchange } from './telemetry/new-exchange.ts';
import type { EgressMetrics } from './telemetry/metrics.ts';
import { classOf, isHeldBack, isLocalName, type AddressGuardMode } from './upstream/address-guard.ts';
import { ClusterLimits, OVERFLOW_REPLY, overflowError } from './upstream/cluster-limits.ts';
import { deniedError, Denials, denyDecision } from './upstream/denial.ts';
import { EndpointHealth } from './upstream/endpoint-health.ts';
import { drawDestination, pickEndpoint, targetOf } from './upstream/pick-destination.ts';
import { needsEndpoint, planRequest } from './upstream/plan-request.ts';
import { isListedSocket } from './upstream/unix-sockets.ts';
import { Warnings } from './upstream/warnings.ts';

/** What the guard takes of the options of `createEgress`. */
export interface GuardOptions {
  readonly meshConfig: MeshConfig;
  readonly workload?: Workload | undefined;
  readonly mode?: 'enforce' | 'report' | undefined;
  readonly denyAs?: DenyAs | undefined;
  readonly timeoutAs?: TimeoutAs | undefined;
  readonly addressGuard?: AddressGuardMode | undefined;
  readonly unixSockets?: readonly string[] | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly random?: (() => number) | undefined;
}

const PLAIN: Pick<RequestPlan, 'requestHeaders' | 'responseHeaders' | 'mirrors'> = {
  requestHeaders: [],
  responseHeaders: [],
  mirrors: [],
};

/** A policy, and the answers that seams get from it. Every answer is total: an exception inside is a denial, or in report mode a pass. */
export class EgressGuard implements Guard {
  readonly mode: 'enforce' | 'report';
  meshConfig: MeshConfig;
  generation = 1;
  active = true;
  /** While `verify` runs: the port on 127.0.0.1 that is denied whatever the policy says. */
  probe: number | undefined;
  readonly #options: GuardOptions;
  readonly #observers: readonly ExchangeObserver[];
  readonly #metrics: EgressMetrics | undefined;
  readonly #warnings: Warnings;
  readonly #health = new EndpointHealth();
  readonly #limits = new ClusterLimits();
  readonly #names = new LearnedNames();
  readonly #updated: (() => void)[] = [];
  /** Under way, and watched. */
  readonly #open = new Set<Exchange>();
  #idle: (() => void) | undefined;
  readonly #denials = new Denials((connection) => this.#explain(connection));
  #workload: Workload | undefined;
  #byAddress: boolean;

  constructor(options: GuardOptions, observers: readonly ExchangeObserver[], metrics: EgressMetrics | undefined) {
    this.#options = options;
    this.#observers = observers;
    this.#metrics = metrics;
    this.#warnings = new Warnings(options.onWarning);
    this.mode = options.mode ?? 'enforce';
    this.meshConfig = options.meshConfig;
    this.#workload = options.workload;
    this.#byAddress = dependsOnAddress(options.meshConfig);
    compileMeshConfig(this.meshConfig, this.#workload);
  }

  request(asked: Connection, seam: SeamName, call?: CallOptions, again?: Exchange): RequestVerdict {
    try {
      return this.#request(this.#withWorkload(asked), seam, call, again);
    } catch (error) {
      if (this.seamFailed(seam, error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return {
        kind: 'proceed',
        plan: { ...PLAIN, decision: denyDecision('internal_error', 'http'), timeoutAs: 'response' },
      };
    }
  }

  #request(
    connection: Connection,
    seam: SeamName,
    call: CallOptions | undefined,
    again: Exchange | undefined,
  ): RequestVerdict {
    const decision = this.#decideRequest(connection);
    if (needsAddress(connection) && (this.#byAddress || (decision.action === 'deny' && decision.provisional)))
      return { kind: 'resolve', host: connection.host ?? '' };
    let exchange = this.#exchange(connection, decision, seam, 'http', again);
    const observed = exchange ? { exchange } : {};
    const timeoutAs = call?.timeoutAs ?? this.#options.timeoutAs ?? 'response';
    if (decision.action === 'deny') {
      if (this.mode === 'report' && !this.#isProbe(connection)) {
        this.#reportDenial(connection, decision, exchange);
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

  /** More than one Host is nobody's host; an address that was looked up by a name is also asked for by that name. */
  #decideRequest(connection: Connection): Decision {
    if (this.#isProbe(connection)) return denyDecision('no_service_entry', 'http');
    const host = connection.request?.headers['host'];
    if (typeof host === 'object' && host.length > 1) return denyDecision('invalid_authority', 'http');
    return this.#decideByName(connection);
  }

  #decideByName(connection: Connection): Decision {
    const { host } = connection;
    if (host !== undefined && isIP(host)) {
      for (const name of this.#names.namesOf(host, Date.now())) {
        const decision = decide({ ...connection, host: name, address: host }, this.meshConfig);
        if (decision.action !== 'deny') return decision;
      }
    }
    return decide(connection, this.meshConfig);
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
    const denyAs = this.#isProbe(connection) ? 'error' : (call?.denyAs ?? this.#options.denyAs ?? 'error');
    // Where a sidecar has no HTTP listener it closes the connection; a client that asked for an answer gets one.
    const answer = localReply ?? (connection.transport === 'tls' ? undefined : { status: 502 });
    if (denyAs === 'response' && answer) return { kind: 'reply', reply: answer };
    const error = this.#denials.errorOf(connection, decision);
    return { kind: 'fail', error: denyAs === 'error' ? error : resetError(error) };
  }

  connection(asked: Connection, seam: SeamName, call?: CallOptions): ConnectionVerdict {
    try {
      return this.#connection(this.#withWorkload(asked), seam, call);
    } catch (error) {
      if (this.seamFailed(seam, error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return { kind: 'proceed', decision: denyDecision('internal_error') };
    }
  }

  #connection(connection: Connection, seam: SeamName, call: CallOptions | undefined): ConnectionVerdict {
    const decision = this.#isProbe(connection) ? denyDecision('no_service_entry') : this.#decideSocket(connection);
    if (decision.action === 'deny' && decision.provisional && needsAddress(connection)) return { kind: 'resolve' };
    if (dependsOnRequest(decision)) return { kind: 'proceed', decision };
    let exchange = seam === 'handle' ? undefined : this.#exchange(connection, decision, seam, 'tcp');
    const observed = exchange ? { exchange } : {};
    if (decision.action === 'deny') {
      if (this.mode === 'report' && !this.#isProbe(connection)) {
        this.#reportDenial(connection, decision, exchange);
        return { kind: 'proceed', decision, ...observed };
      }
      if (exchange) exchange.responseFlags = decision.responseFlags || 'UH';
      const error = this.#denials.errorOf(connection, decision);
      const denyAs = call?.denyAs ?? this.#options.denyAs ?? 'error';
      return { kind: 'fail', error: denyAs === 'error' ? error : resetError(error), ...observed };
    }
    const forward = decision.action === 'timeout' ? decision.then : decision;
    const limited = forward.destinations[0]?.upstream?.circuitBreakers !== undefined && seam !== 'handle';
    if (limited) exchange ??= newExchange(connection, decision, seam, 'tcp');
    if (exchange) exchange.destination = forward.destinations[0];
    const full = this.#tcpOverflow(connection, forward, exchange);
    if (full) return full;
    // HTTP is routed request by request; the socket only has to be admitted.
    if (forward.action === 'allow' || forward.seenAs === 'http')
      return { kind: 'proceed', decision, ...(exchange && { exchange }) };
    const destination = drawDestination(forward.destinations, this.#random);
    const upstream = destination?.upstream;
    const endpoint = upstream && pickEndpoint(upstream, this.#health, this.#random);
    if (!upstream || (!endpoint && upstream.endpoints.length === 0 && needsEndpoint(upstream))) {
      const flags = upstream ? 'UH' : 'NC';
      if (exchange) exchange.responseFlags = flags;
      const error = this.#denials.errorOf(connection, {
        ...denyDecision(upstream ? 'no_healthy_upstream' : 'cluster_not_found'),
      });
      return { kind: 'fail', error, ...observed };
    }
    const target = targetOf(upstream, endpoint, connection, undefined, forward.tunnel);
    if (exchange) exchange.destination = destination;
    return {
      kind: 'proceed',
      decision,
      ...(exchange && { exchange }),
      ...(target && { target }),
      ...(forward.idleTimeoutMs !== undefined && { idleTimeoutMs: forward.idleTimeoutMs }),
    };
  }

  /** A TCP cluster that has all the connections it may have. HTTP is limited request by request. */
  #tcpOverflow(
    connection: Connection,
    forward: Forward,
    exchange: Exchange | undefined,
  ): ConnectionVerdict | undefined {
    const upstream = forward.destinations[0]?.upstream;
    if (!upstream?.circuitBreakers || forward.seenAs === 'http' || connection.protocol === 'http1' || !exchange)
      return undefined;
    if (this.#limits.connect(exchange, upstream).kind !== 'overflow') return undefined;
    exchange.responseFlags = 'UO';
    return { kind: 'fail', error: overflowError(connection, upstream), exchange };
  }

  /** What a socket will carry is not known when it is opened: on a port that speaks HTTP it may be HTTP. */
  #decideSocket(connection: Connection): Decision {
    const decision = this.#decideByName(connection);
    if (decision.action !== 'deny' || connection.transport === 'tls' || connection.protocol !== undefined)
      return decision;
    const asHttp = this.#decideByName({ ...connection, protocol: 'http1' });
    return asHttp.action === 'deny' && !dependsOnRequest(asHttp) ? decision : asHttp;
  }

  admits(connection: Connection): boolean {
    try {
      return this.mode === 'report' || this.#decideSocket(this.#withWorkload(connection)).action !== 'deny';
    } catch (error) {
      return !this.seamFailed('net', error);
    }
  }

  address(asked: Connection, address: string, ground: AddressGround, answers: readonly string[]): AddressVerdict {
    try {
      return this.#address(this.#withWorkload(asked), address, ground, answers);
    } catch (error) {
      if (this.seamFailed('dns', error)) return { kind: 'fail', error: this.internalError(error, asked) };
      return { kind: 'proceed' };
    }
  }

  #address(connection: Connection, address: string, ground: AddressGround, answers: readonly string[]): AddressVerdict {
    if (this.mode === 'report') return { kind: 'proceed' };
    if (ground === 'address' || ground === 'name') {
      const decision = this.#decideSocket({ ...connection, address });
      if (decision.action === 'deny' && !dependsOnRequest(decision)) {
        const known = { ...connection, address };
        return { kind: 'fail', error: this.#denials.errorOf(known, decision) };
      }
      if (ground === 'address') return { kind: 'proceed' };
    }
    const { host = '' } = connection;
    const kind = isHeldBack(
      address,
      answers,
      this.#options.addressGuard ?? 'rebinding',
      this.#names.hadOrdinary(host, Date.now()),
    );
    if (kind === undefined || isLocalName(host) || this.#admitsLiteral(connection, address)) return { kind: 'proceed' };
    const why = `it resolves to ${address}, a ${kind} address that no rule names`;
    const decision = denyDecision('no_service_entry');
    return { kind: 'fail', error: deniedError({ ...connection, address }, decision, undefined, why) };
  }

  /** As if the application had dialled the address itself. */
  #admitsLiteral({ port, transport, workload }: Connection, address: string): boolean {
    const literal: Connection = {
      host: address,
      port,
      ...(transport && { transport }),
      ...(workload && { workload }),
    };
    return decide(literal, this.meshConfig).action !== 'deny';
  }

  unixSocket(path: string, seam: SeamName): ConnectionVerdict {
    const { unixSockets } = this.#options;
    const strict = this.meshConfig.outboundTrafficPolicy.mode === 'REGISTRY_ONLY';
    const listed = isListedSocket(path, unixSockets);
    const decision = denyDecision('no_service_entry');
    if (listed || (!strict && unixSockets === undefined)) return { kind: 'proceed', decision };
    const connection = { host: path, port: 0 };
    if (this.mode === 'report') {
      this.#reportDenial(connection, decision, undefined);
      return { kind: 'proceed', decision };
    }
    const exchange = this.#exchange(connection, decision, seam, 'tcp');
    if (exchange) exchange.responseFlags = 'UH';
    const why = 'unix sockets are opened only when the option unixSockets lists them';
    return { kind: 'fail', error: deniedError(connection, decision, undefined, why), ...(exchange && { exchange }) };
  }

  /** Calls back when the last request and connection under way has ended, or after a second. */
  whenIdle(callback: () => void): void {
    if (this.#open.size === 0) {
      callback();
      return;
    }
    let timer: NodeJS.Timeout | undefined = undefined;
    const done = (): void => {
      clearTimeout(timer);
      this.#idle = undefined;
      callback();
    };
    timer = setTimeout(done, 1000).unref();
    this.#idle = done;
  }

  ended(exchange: Exchange): void {
    this.#health.ended(exchange);
    this.#limits.leave(exchange);
    this.#open.delete(exchange);
    for (const observer of this.#observers) this.#tell(() => observer.onEnd(exchange));
    this.#tell(() => channelObserver.onEnd(exchange));
    if (this.#open.size === 0) this.#idle?.();
  }

  seamFailed(seam: SeamName, error: unknown): boolean {
    this.#tell(() => this.#metrics?.event('seam_failures'));
    this.#warnings.warn(`seam ${seam}`, `the ${seam} seam failed: ${String((error as Error)?.stack ?? error)}`);
    return this.mode === 'enforce';
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
      const meshConfig = typeof next === 'function' ? next() : next;
      compileMeshConfig(meshConfig, this.#workload);
      this.meshConfig = meshConfig;
    } catch (error) {
      this.#tell(() => this.#metrics?.event('policy_update_failures'));
      this.#warnings.warn(`update ${String(error)}`, `the new policy was refused, the former stays: ${String(error)}`);
      throw error;
    }
    this.#byAddress = dependsOnAddress(this.meshConfig);
    this.generation += 1;
    this.#denials.forget();
    this.#tell(() => this.#metrics?.event('policy_updates'));
    for (const listener of this.#updated) this.#tell(listener);
  }

  #explain(connection: Connection): Explanation | undefined {
    try {
      return explain(connection, this.meshConfig);
    } catch (error) {
      this.seamFailed('net', error);
      return undefined;
    }
  }

  #withWorkload(connection: Connection): Connection {
    return this.#workload && !connection.workload ? { ...connection, workload: this.#workload } : connection;
  }

  get #random(): () => number {
    return this.#options.random ?? Math.random;
  }

  #isProbe({ host, port }: Connection): boolean {
    return this.probe !== undefined && port === this.probe && host === '127.0.0.1';
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
    if (this.#isProbe(connection) || (this.#observers.length === 0 && !channelsObserved())) return undefined;
    const exchange = newExchange(connection, decision, seam, layer);
    this.#open.add(exchange);
    exchange.wouldDeny = decision.action === 'deny' && this.mode === 'report' ? true : undefined;
    for (const observer of this.#observers) this.#tell(() => observer.onDecision?.(exchange));
    this.#tell(() => channelObserver.onDecision?.(exchange));
    return exchange;
  }

  #reportDenial(connection: Connection, decision: DenyDecision, exchange: Exchange | undefined): void {
    if (exchange) exchange.wouldDeny = true;
    const { host, port } = connection;
    this.#warnings.warn(
      `deny ${host} ${port}`,
      () => `report mode: ${this.#denials.errorOf(connection, decision).message}`,
    );
  }

  /** What the egress gateway will say to it, by the same mesh config: for logs, since the gateway decides for itself. */
  #secondHop(connection: Connection, exchange: Exchange): void {
    const hop = gatewayHop(exchange.decision, connection, this.meshConfig, exchange.destination);
    exchange.gatewayDecision = hop?.decision;
  }

  #tell(action: () => unknown): void {
    try {
      action();
    } catch (error) {
      this.#warnings.warn('observer', `an observer failed: ${String(error)}`);
    }
  }
}

/** A name whose address is not known yet. */
function needsAddress({ host, address }: Connection): boolean {
  return address === undefined && host !== undefined && typeof host === 'string' && isIP(host) === 0;
}

/** The host is served there, and which of its requests go on is told by its routes: the socket as such is admitted. */
function dependsOnRequest(decision: Decision): boolean {
  return decision.action === 'deny' && decision.seenAs === 'http' && decision.reason === 'no_route';
}

/** Whether what is governed depends on more than names: then HTTP requests have to be resolved before they are decided. */
function dependsOnAddress({ includeIPRanges, excludeIPRanges }: MeshConfig): boolean {
  return includeIPRanges !== '*' || excludeIPRanges !== '';
}
