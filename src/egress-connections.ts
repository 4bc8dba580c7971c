import type {
  AddressGround,
  AddressVerdict,
  CallOptions,
  ConnectionVerdict,
  Exchange,
  SeamName,
  SessionRetry,
} from './adapters/seam.ts';
import type { LearnedNames } from './adapters/learned-names.ts';
import { resetError } from './adapters/socket-failure.ts';
import type { Connection } from './core/model/connection.ts';
import type {
  AllowDecision,
  Decision,
  DenyDecision,
  Forward,
  RouteDecision,
  UpstreamCluster,
} from './core/model/decision.ts';
import type { EgressJournal } from './egress-journal.ts';
import type { GuardOptions } from './egress-options.ts';
import { dependsOnRequest, needsAddress, type EgressPolicy } from './egress-policy.ts';
import { newExchange } from './telemetry/new-exchange.ts';
import { isHeldBack, isLocalName } from './upstream/address-guard.ts';
import { overflowError, type ClusterLimits } from './upstream/cluster-limits.ts';
import { deniedError, denyDecision, type Denials } from './upstream/denial.ts';
import type { EndpointHealth } from './upstream/endpoint-health.ts';
import { drawDestination, nextTargetOf, pickEndpoint, targetOf } from './upstream/pick-destination.ts';
import { needsEndpoint } from './upstream/plan-request.ts';
import type { UpstreamTarget } from './upstream/request-plan.ts';
import { retryNeeds } from './upstream/retry-conditions.ts';
import { isListedSocket } from './upstream/unix-sockets.ts';

/** What the answers for requests and for connections have in common. */
export interface GuardParts {
  readonly mode: 'enforce' | 'report';
  readonly options: GuardOptions;
  readonly policy: EgressPolicy;
  readonly journal: EgressJournal;
  readonly names: LearnedNames;
  readonly health: EndpointHealth;
  readonly limits: ClusterLimits;
  readonly denials: Denials;
}

/** The answers for sockets: before their name is resolved, for each address, and for unix sockets. May throw. */
export class EgressConnections {
  readonly #mode: 'enforce' | 'report';
  readonly #options: GuardOptions;
  readonly #policy: EgressPolicy;
  readonly #journal: EgressJournal;
  readonly #names: LearnedNames;
  readonly #health: EndpointHealth;
  readonly #limits: ClusterLimits;
  readonly #denials: Denials;

  constructor(parts: GuardParts) {
    this.#mode = parts.mode;
    this.#options = parts.options;
    this.#policy = parts.policy;
    this.#journal = parts.journal;
    this.#names = parts.names;
    this.#health = parts.health;
    this.#limits = parts.limits;
    this.#denials = parts.denials;
  }

  /** Who dials an address that it looked up itself is told the name that it knows. */
  #named(connection: Connection): Connection {
    const { host } = connection;
    const [name] = host === undefined ? [] : this.#names.namesOf(host, Date.now());
    return name === undefined || host === undefined ? connection : { ...connection, host: name, address: host };
  }

  connection(connection: Connection, seam: SeamName, call: CallOptions | undefined): ConnectionVerdict {
    const decision = this.#policy.isProbe(connection)
      ? denyDecision('no_service_entry')
      : this.#policy.decideSocket(connection);
    if (decision.action === 'deny' && decision.provisional && needsAddress(connection)) return { kind: 'resolve' };
    if (dependsOnRequest(decision)) return { kind: 'proceed', decision };
    let exchange = seam === 'handle' ? undefined : this.#exchange(connection, decision, seam);
    if (decision.action === 'deny') return this.#denied(connection, decision, exchange, call);
    const forward = decision.action === 'timeout' ? decision.then : decision;
    const limited = forward.destinations[0]?.upstream?.circuitBreakers !== undefined && seam !== 'handle';
    if (limited) exchange ??= newExchange(connection, decision, seam, 'tcp');
    if (exchange) exchange.destination = forward.destinations[0];
    return this.#tcpOverflow(connection, forward, exchange) ?? this.#forwarded(connection, decision, forward, exchange);
  }

  #denied(
    connection: Connection,
    decision: DenyDecision,
    exchange: Exchange | undefined,
    call: CallOptions | undefined,
  ): ConnectionVerdict {
    const observed = exchange ? { exchange } : {};
    const error = (): Error => this.#denials.errorOf(this.#named(connection), decision);
    if (this.#mode === 'report' && !this.#policy.isProbe(connection)) {
      this.#journal.reportDenial(connection, exchange, () => error().message);
      return { kind: 'proceed', decision, ...observed };
    }
    if (exchange) exchange.responseFlags = decision.responseFlags || 'UH';
    const denyAs = call?.denyAs ?? this.#options.denyAs ?? 'error';
    return { kind: 'fail', error: denyAs === 'error' ? error() : resetError(error()), ...observed };
  }

  #forwarded(
    connection: Connection,
    decision: Decision,
    forward: AllowDecision | RouteDecision,
    exchange: Exchange | undefined,
  ): ConnectionVerdict {
    const { action, seenAs, destinations, idleTimeoutMs } = forward;
    const random = this.#options.random ?? Math.random;
    const upstream = destinations[0]?.upstream;
    const maySession = seenAs === 'http' || connection.transport === 'tls';
    const sessionRetry = maySession
      ? (): SessionRetry | undefined => this.#sessionRetry(connection, random)
      : undefined;
    if (action === 'allow') {
      const idle = seenAs === 'http' ? undefined : idleTimeoutMs;
      return proceed({ decision, upstream, exchange, sessionRetry, idleTimeoutMs: idle });
    }
    if (seenAs === 'http') {
      const anyOfThem = (): UpstreamTarget | undefined => this.#targetOfRoute(forward, connection, random);
      return leadsToService(forward, connection)
        ? proceed({ decision, upstream, exchange, sessionRetry, target: anyOfThem() })
        : proceed({ decision, upstream, exchange, sessionRetry, sessionTarget: anyOfThem });
    }
    const destination = drawDestination(destinations, random);
    const drawn = destination?.upstream;
    const endpoint = drawn && pickEndpoint(drawn, this.#health, random);
    if (!drawn || (!endpoint && drawn.endpoints.length === 0 && needsEndpoint(drawn)))
      return this.#unreachable(connection, drawn, exchange);
    if (exchange) exchange.destination = destination;
    const target = targetOf(drawn, endpoint, connection, undefined, forward.tunnel);
    return proceed({ decision, upstream: drawn, exchange, sessionRetry, target, idleTimeoutMs });
  }

  /** The cluster has no endpoint, or the mesh has no such cluster. */
  #unreachable(
    connection: Connection,
    upstream: UpstreamCluster | undefined,
    exchange: Exchange | undefined,
  ): ConnectionVerdict {
    if (exchange) exchange.responseFlags = upstream ? 'UH' : 'NC';
    const decided = denyDecision(upstream ? 'no_healthy_upstream' : 'cluster_not_found');
    const error = this.#denials.errorOf(connection, decided);
    return { kind: 'fail', error, ...(exchange && { exchange }) };
  }

  /** HTTP is routed request by request; a connection whose requests nobody has announced is dialled to one destination. */
  #targetOfRoute(
    { destinations, tunnel }: Forward,
    connection: Connection,
    random: () => number,
  ): UpstreamTarget | undefined {
    const upstream = drawDestination(destinations, random)?.upstream;
    if (!upstream) return undefined;
    const endpoint = pickEndpoint(upstream, this.#health, random);
    if (!endpoint && needsEndpoint(upstream)) return undefined;
    return targetOf(upstream, endpoint, connection, connection.host, tunnel);
  }

  /** Sessions and pools dial for more than one request: they go by the retries that a request without further facts has. */
  #sessionRetry(connection: Connection, random: () => number): SessionRetry | undefined {
    const scheme = connection.transport === 'tls' ? 'https' : 'http';
    const request = { method: 'GET', path: '/', scheme, headers: {} };
    const decision = this.#policy.decideRequest({ ...connection, protocol: 'http2', request });
    if (decision.action === 'deny') return undefined;
    const forward = decision.action === 'timeout' ? decision.then : decision;
    const { retries: policy, tunnel, action } = forward;
    const cluster = forward.destinations[0]?.upstream;
    if (!policy || !cluster || !retryNeeds(policy).connects) return undefined;
    const nextTarget: SessionRetry['nextTarget'] = (tried) => {
      const next = { connection, name: connection.host, tunnel, random, state: this.#health };
      return action === 'route' ? nextTargetOf(tried[0]?.cluster ?? cluster, tried, next) : undefined;
    };
    return { policy, cluster, byRequest: action === 'route' || retryNeeds(policy).answers, nextTarget };
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

  address(connection: Connection, address: string, ground: AddressGround, answers: readonly string[]): AddressVerdict {
    if (this.#mode === 'report') return { kind: 'proceed' };
    if (ground !== 'target') {
      const known = withAddress(connection, address);
      const decision = this.#policy.decideSocket(known);
      if (decision.action === 'deny' && !dependsOnRequest(decision)) {
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
    if (kind === undefined || isLocalName(host) || this.#policy.admitsLiteral(connection, address))
      return { kind: 'proceed' };
    const why = `it resolves to ${address}, a ${kind} address that no rule names`;
    const decision = denyDecision('no_service_entry');
    return { kind: 'fail', error: deniedError(withAddress(connection, address), decision, undefined, why) };
  }

  unixSocket(path: string, seam: SeamName): ConnectionVerdict {
    const { unixSockets } = this.#options;
    const strict = this.#policy.meshConfig.outboundTrafficPolicy.mode === 'REGISTRY_ONLY';
    const listed = isListedSocket(path, unixSockets);
    const decision = denyDecision('no_service_entry');
    if (listed || (!strict && unixSockets === undefined)) return { kind: 'proceed', decision };
    const connection = { host: path, port: 0 };
    if (this.#mode === 'report') {
      this.#journal.reportDenial(connection, undefined, () => this.#denials.errorOf(connection, decision).message);
      return { kind: 'proceed', decision };
    }
    const exchange = this.#exchange(connection, decision, seam);
    if (exchange) exchange.responseFlags = 'UH';
    const why = 'unix sockets are opened only when the option unixSockets lists them';
    return { kind: 'fail', error: deniedError(connection, decision, undefined, why), ...(exchange && { exchange }) };
  }

  #exchange(connection: Connection, decision: Decision, seam: SeamName): Exchange | undefined {
    return this.#policy.isProbe(connection) ? undefined : this.#journal.begin(connection, decision, seam, 'tcp');
  }
}

interface Proceeding {
  readonly decision: Decision;
  readonly upstream: UpstreamCluster | undefined;
  readonly exchange: Exchange | undefined;
  readonly target?: UpstreamTarget | undefined;
  readonly idleTimeoutMs?: number | undefined;
  readonly sessionTarget?: () => UpstreamTarget | undefined;
  readonly sessionRetry: (() => SessionRetry | undefined) | undefined;
}

/** Assigned one by one: a spread of fields that may be absent costs more than the decision. */
function proceed(to: Proceeding): ConnectionVerdict {
  const { decision, upstream, exchange, target, idleTimeoutMs, sessionTarget, sessionRetry } = to;
  const verdict: Mutable<Extract<ConnectionVerdict, { kind: 'proceed' }>> = { kind: 'proceed', decision };
  if (upstream) verdict.connectTimeoutMs = upstream.connectTimeoutMs;
  if (exchange) {
    verdict.exchange = exchange;
    exchange.led = target !== undefined || sessionTarget !== undefined;
  }
  if (target) verdict.target = target;
  if (idleTimeoutMs !== undefined) verdict.idleTimeoutMs = idleTimeoutMs;
  if (sessionTarget) verdict.sessionTarget = sessionTarget;
  if (sessionRetry) verdict.sessionRetry = sessionRetry;
  return verdict;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The same connection with an address. Field by field, always in the same order: a spread would make a slow object. */
function withAddress(connection: Connection, address: string): Connection {
  const { host, port, transport, protocol, sni, alpn, authority, request, workload } = connection;
  const known: Mutable<Connection> = { port, address };
  if (host !== undefined) known.host = host;
  if (transport !== undefined) known.transport = transport;
  if (protocol !== undefined) known.protocol = protocol;
  if (sni !== undefined) known.sni = sni;
  if (alpn !== undefined) known.alpn = alpn;
  if (authority !== undefined) known.authority = authority;
  if (request !== undefined) known.request = request;
  if (workload !== undefined) known.workload = workload;
  return known;
}

/** Whether all that a route knows is the service that was dialled, as the policy describes it. */
function leadsToService({ destinations, reason }: Forward, { host }: Connection): boolean {
  return reason === 'destination' || destinations.every(({ upstream }) => upstream?.host === host);
}
