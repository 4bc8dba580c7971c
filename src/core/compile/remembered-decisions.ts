import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';

/** The requests for which an answer holds: all there can be, or those that only routes with conditions would tell apart. */
export type SameRequests = 'all' | 'plain';

/** All that the answer to a connection hangs on, and the answer. */
export interface Remembered {
  readonly port: number;
  readonly address: string | undefined;
  readonly transport: Connection['transport'];
  readonly protocol: Connection['protocol'];
  readonly sni: string | undefined;
  readonly authority: string | undefined;
  readonly hasRequest: boolean;
  readonly requests: SameRequests;
  readonly decision: Decision;
  /** Another connection to the same host. */
  readonly next: Remembered | undefined;
}

/** How many hosts are remembered, and how many connections to each. */
const HOSTS = 4_096;
const CONNECTIONS = 8;
/** How many questions without a remembered answer make a full memory begin anew: seldom, so that it costs nothing. */
const MISSES = 65_536;

/**
 * Answers that were given before, by the host that was dialled: a service talks to few hosts, and to them often. Frozen
 * decisions only, and only where the fields compared here decide alone: no ALPN, and an SNI and an authority that name the
 * host itself. Which requests have no say is for the caller to know, before it adds and before it believes.
 */
export class RememberedDecisions {
  readonly #byHost = new Map<string, Remembered>();
  #misses = 0;

  find(connection: Connection): Remembered | undefined {
    const { host, port, address, transport, protocol, sni, authority, request, alpn } = connection;
    if (host === undefined || alpn !== undefined) return undefined;
    const hasRequest = request !== undefined;
    for (let entry = this.#byHost.get(host); entry !== undefined; entry = entry.next) {
      if (
        entry.port === port &&
        entry.hasRequest === hasRequest &&
        entry.transport === transport &&
        entry.protocol === protocol &&
        entry.address === address &&
        entry.sni === sni &&
        entry.authority === authority
      ) {
        return entry;
      }
    }
    return undefined;
  }

  /** Whether the answer to a connection would be kept, if it holds for others. */
  takes({ host, sni, authority, alpn }: Connection): boolean {
    if (typeof host !== 'string' || host.length > 255 || alpn !== undefined) return false;
    if ((sni !== undefined && sni !== host) || (authority !== undefined && !namesHost(authority, host))) return false;
    return this.#byHost.has(host) || this.#hasRoom();
  }

  /** Keeps the answer to a connection that it takes. */
  add(connection: Connection, decision: Decision, requests: SameRequests): void {
    const { host, port, address, transport, protocol, sni, authority, request } = connection;
    if (host === undefined || decision.reason === 'invalid_connection' || !Object.isFrozen(decision)) return;
    const hasRequest = request !== undefined;
    const others = this.#byHost.get(host);
    const next = lengthOf(others) < CONNECTIONS ? others : undefined;
    this.#byHost.set(host, {
      port,
      address,
      transport,
      protocol,
      sni,
      authority,
      hasRequest,
      requests,
      decision,
      next,
    });
  }

  #hasRoom(): boolean {
    if (this.#byHost.size < HOSTS) return true;
    this.#misses += 1;
    if (this.#misses < MISSES) return false;
    this.#misses = 0;
    this.#byHost.clear();
    return true;
  }
}

/** `host` or `host:port`: what a client sends that says nothing else. */
function namesHost(authority: string, host: string): boolean {
  return authority === host || (authority.length <= host.length + 6 && authority.startsWith(`${host}:`));
}

function lengthOf(entry: Remembered | undefined): number {
  let length = 0;
  for (let each = entry; each !== undefined; each = each.next) length += 1;
  return length;
}
