import { isIP } from 'node:net';
import type { LearnedNames } from './adapters/learned-names.ts';
import { answeredAlike, compileMeshConfig, decide, type SameRequests } from './core/index.ts';
import type { Connection, Workload } from './core/model/connection.ts';
import type { Decision, DenyDecision } from './core/model/decision.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import { denyDecision } from './upstream/denial.ts';
import { proxiedTargets } from './upstream/proxied-target.ts';

/** The mesh config of the moment, and what it decides for what Node tells of a destination. */
export class EgressPolicy {
  meshConfig: MeshConfig;
  /** Moves with each `replace`. */
  generation = 1;
  /** While `verify` runs: the port on 127.0.0.1 that is denied whatever the policy says. */
  probe: number | undefined;
  /** Whether requests have to be resolved before they are decided. */
  byAddress: boolean;
  #ports: readonly number[] | undefined;
  readonly #workload: Workload | undefined;
  readonly #names: LearnedNames;

  constructor(meshConfig: MeshConfig, workload: Workload | undefined, names: LearnedNames) {
    compileMeshConfig(meshConfig, workload);
    this.meshConfig = meshConfig;
    this.byAddress = dependsOnAddress(meshConfig);
    this.#workload = workload;
    this.#names = names;
  }

  /** Throws, and stays as it is, when the next one cannot be compiled. */
  replace(next: MeshConfig | (() => MeshConfig)): void {
    const meshConfig = typeof next === 'function' ? next() : next;
    compileMeshConfig(meshConfig, this.#workload);
    this.meshConfig = meshConfig;
    this.byAddress = dependsOnAddress(meshConfig);
    this.#ports = undefined;
    this.generation += 1;
  }

  /** Every port that some service is declared with. */
  get declaredPorts(): readonly number[] {
    return (this.#ports ??= portsOf(this.meshConfig));
  }

  /** More than one Host is nobody's host; an address that was looked up by a name is also asked for by that name. */
  decideRequest(connection: Connection): Decision {
    if (this.isProbe(connection)) return denyDecision('no_service_entry', 'http');
    const host = connection.request?.headers['host'];
    if (typeof host === 'object' && host.length > 1) return denyDecision('invalid_authority', 'http');
    return this.#decideByName(connection);
  }

  /**
   * A request that a forward proxy is asked to carry has to be admitted where it is meant to go as well: gives that
   * destination, and why not.
   */
  refusedBeyondProxy(
    connection: Connection,
  ): { readonly target: Connection; readonly decision: DenyDecision } | undefined {
    let refused: { readonly target: Connection; readonly decision: DenyDecision } | undefined;
    for (const target of proxiedTargets(connection)) {
      const decision = this.#decideTarget(target);
      if (decision.action !== 'deny' || (target.request === undefined && dependsOnRequest(decision))) return undefined;
      refused ??= { target, decision };
    }
    return refused;
  }

  #decideTarget(target: Connection): Decision {
    if (this.isProbe(target)) return denyDecision('no_service_entry', 'http');
    return target.request === undefined ? this.decideSocket(target) : this.#decideByName(target);
  }

  /** Which other requests to the same destination have this decision. An address is asked for by the names it was looked up by. */
  answeredAlike(connection: Connection): SameRequests | undefined {
    const { host } = connection;
    if (this.byAddress || host === undefined || isIP(host)) return undefined;
    return answeredAlike(connection, this.meshConfig);
  }

  /**
   * What a socket will carry is not known when it is opened: on a port that speaks HTTP it may be HTTP, and TLS with the
   * name that was dialled where that is admitted. Another name is refused when the handshake begins.
   */
  decideSocket(connection: Connection): Decision {
    const decision = this.#decideByName(connection);
    if (decision.action !== 'deny' || connection.transport === 'tls' || connection.protocol !== undefined)
      return decision;
    const asHttp = this.#decideByName(knowing(connection, { protocol: 'http1' }));
    if (asHttp.action !== 'deny' || dependsOnRequest(asHttp)) return asHttp;
    const asTls = this.#decideByName(knowing(connection, { transport: 'tls' }));
    return asTls.action === 'deny' ? decision : asTls;
  }

  #decideByName(connection: Connection): Decision {
    const { host } = connection;
    if (host === undefined || isIP(host) === 0) return decide(connection, this.meshConfig);
    let served: Decision | undefined;
    for (const name of this.#names.namesOf(host, Date.now())) {
      const decision = decide(knowing(connection, { host: name, address: host }), this.meshConfig);
      if (decision.action !== 'deny') return decision;
      if (dependsOnRequest(decision)) served ??= decision;
    }
    const literal = decide(connection, this.meshConfig);
    return literal.action === 'deny' ? (served ?? literal) : literal;
  }

  /** As if the application had dialled the address itself. */
  admitsLiteral({ port, transport, workload }: Connection, address: string): boolean {
    const literal: Connection = {
      host: address,
      port,
      ...(transport && { transport }),
      ...(workload && { workload }),
    };
    return decide(literal, this.meshConfig).action !== 'deny';
  }

  /** Every port that this policy tells from the others, and one that stands for the rest. */
  ports(): readonly number[] {
    const { listeners } = compileMeshConfig(this.meshConfig, this.#workload);
    const bypassed = this.meshConfig.excludeOutboundPorts.split(',').map(Number);
    const known = new Set([...listeners.keys(), ...bypassed].filter((port) => port > 0));
    let other = 65_535;
    while (known.has(other)) other -= 1;
    return [...known, other];
  }

  withWorkload(connection: Connection): Connection {
    return this.#workload && !connection.workload ? knowing(connection, { workload: this.#workload }) : connection;
  }

  isProbe({ host, port }: Connection): boolean {
    return this.probe !== undefined && port === this.probe && host === '127.0.0.1';
  }
}

/**
 * The connection, and more that is known of it. NODE: on 20, `{ ...connection, address }` makes a hidden class for each
 * object that had no `address`, and whoever reads it misses every inline cache, which takes longer than the decision.
 */
function knowing(connection: Connection, more: Partial<Connection>): Connection {
  return Object.assign({}, connection, more);
}

/** A name whose address is not known yet. */
export function needsAddress({ host, address }: Connection): boolean {
  return address === undefined && host !== undefined && typeof host === 'string' && isIP(host) === 0;
}

/** The host is served there, and which of its requests go on is told by its routes: the socket as such is admitted. */
export function dependsOnRequest(decision: Decision): boolean {
  return decision.action === 'deny' && decision.seenAs === 'http' && decision.reason === 'no_route';
}

function portsOf({ serviceEntries, services }: MeshConfig): number[] {
  const entries = serviceEntries.flatMap(({ spec }) => (spec.ports ?? []).map(({ number }) => number));
  const others = services.flatMap(({ spec }) => (spec.ports ?? []).map(({ port }) => port));
  return [...new Set([...entries, ...others])];
}

/** Whether what is governed depends on more than names: then HTTP requests have to be resolved before they are decided. */
function dependsOnAddress({ includeIPRanges, excludeIPRanges }: MeshConfig): boolean {
  return includeIPRanges !== '*' || excludeIPRanges !== '';
}
