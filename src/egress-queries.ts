import { isIP } from 'node:net';
import type { Connection } from './core/model/connection.ts';
import type { GuardParts } from './egress-connections.ts';
import { dependsOnRequest } from './egress-policy.ts';
import type { EgressDeniedError } from './errors.ts';
import { isLocalName } from './upstream/address-guard.ts';
import { deniedError, denyDecision } from './upstream/denial.ts';

/** How many names are remembered. */
const MAX_NAMES = 10_000;
const WHY = 'no rule admits that host on any port, and only admitted names may be looked up (dnsQueries)';

/**
 * Which names may be looked up at all: with `dnsQueries: 'admitted'` those that the policy admits on some port. A question
 * to DNS reaches whoever answers for the name, and so can carry data out. May throw.
 */
export class EgressQueries {
  readonly #parts: GuardParts;
  readonly #answers = new Map<string, boolean>();
  #generation = 0;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** Why `name`, or the name of an address, must not be looked up; undefined: it may. */
  query(name: string): EgressDeniedError | undefined {
    const { mode, options, journal } = this.#parts;
    if (options.dnsQueries !== 'admitted') return undefined;
    const host = hostOf(name);
    if (host === '' || isLocalName(host) || this.#isAdmitted(host)) return undefined;
    const connection: Connection = { host, port: 0 };
    const decision = denyDecision('no_service_entry');
    const exchange = journal.begin(connection, decision, 'dns', 'tcp');
    const error = deniedError(connection, decision, undefined, WHY);
    if (mode === 'report') journal.reportDenial(connection, exchange, () => error.message);
    if (exchange) {
      exchange.responseFlags = mode === 'report' ? '' : decision.responseFlags;
      exchange.endedAt = performance.now();
      journal.end(exchange);
    }
    return mode === 'report' ? undefined : error;
  }

  #isAdmitted(host: string): boolean {
    const { generation } = this.#parts.policy;
    if (generation !== this.#generation || this.#answers.size >= MAX_NAMES) this.#answers.clear();
    this.#generation = generation;
    let admitted = this.#answers.get(host);
    if (admitted === undefined) this.#answers.set(host, (admitted = this.#decide(host)));
    return admitted;
  }

  /** Asks the policy itself, on every port that it tells apart: as bytes, as HTTP, as TLS. */
  #decide(host: string): boolean {
    const { policy } = this.#parts;
    // What is governed depends on the address, which is not known before the question was answered.
    if (policy.byAddress) return true;
    const named = isIP(host) === 0 ? { sni: host } : {};
    return policy.ports().some((port) =>
      [{ transport: 'tcp' } as const, { transport: 'tls', ...named } as const].some((how) => {
        const decision = policy.decideSocket(policy.withWorkload({ host, port, ...how }));
        return decision.action !== 'deny' || dependsOnRequest(decision);
      }),
    );
  }
}

/** `_service._tcp.name` asks for what `name` offers; the last dot keeps search domains away. */
function hostOf(name: string): string {
  return name.replace(/^(?:_[^.]*\.)+/, '').replace(/\.$/, '');
}
