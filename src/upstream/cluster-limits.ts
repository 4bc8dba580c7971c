import type { Connection } from '../core/model/connection.ts';
import type { LocalReply, UpstreamCluster } from '../core/model/decision.ts';
import { EgressOverflowError } from '../errors.ts';

/** Whether a request or connection may start: now, when another has ended, or not at all. */
export type Admission =
  | { readonly kind: 'now' }
  | { readonly kind: 'later'; readonly wait: (start: () => void) => void }
  | { readonly kind: 'overflow' };

interface Load {
  active: number;
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly key: object;
  start: (() => void) | undefined;
  free: boolean;
}

const NOW: Admission = { kind: 'now' };
const OVERFLOW: Admission = { kind: 'overflow' };

/**
 * The limits of connection pools (Istio: ConnectionPoolSettings, Envoy: circuit breakers), for each cluster and process.
 * An HTTP/1 request occupies a connection while it lasts: further ones wait until one is free, as many as may be pending.
 */
export class ClusterLimits {
  readonly #loads = new Map<string, Load>();
  readonly #holders = new WeakMap<object, Load>();

  /** `key` is what is told to {@link leave} at the end. `multiplexed` requests share connections and do not wait for one. */
  enter(key: object, cluster: UpstreamCluster, multiplexed: boolean): Admission {
    const { circuitBreakers: limits, name } = cluster;
    if (!limits) return NOW;
    let load = this.#loads.get(name);
    if (!load) this.#loads.set(name, (load = { active: 0, waiting: [] }));
    const { maxConnections = Infinity, maxPendingRequests = Infinity, maxRequests = Infinity } = limits;
    if (load.active + load.waiting.length >= maxRequests) return OVERFLOW;
    if (multiplexed || load.active < maxConnections) {
      load.active += 1;
      this.#holders.set(key, load);
      return NOW;
    }
    if (load.waiting.length >= maxPendingRequests) return OVERFLOW;
    const waiting: Waiting = { key, start: undefined, free: false };
    load.waiting.push(waiting);
    this.#holders.set(key, load);
    return {
      kind: 'later',
      wait: (start) => {
        if (waiting.free) start();
        else waiting.start = start;
      },
    };
  }

  /** One TCP connection: there is nothing to wait in. */
  connect(key: object, cluster: UpstreamCluster): Admission {
    const { circuitBreakers: limits, name } = cluster;
    if (limits?.maxConnections === undefined) return NOW;
    const load = this.#loads.get(name) ?? { active: 0, waiting: [] };
    if (load.active >= limits.maxConnections) return OVERFLOW;
    this.#loads.set(name, load);
    load.active += 1;
    this.#holders.set(key, load);
    return NOW;
  }

  /** It is over, whether it had started or still waited. */
  leave(key: object): void {
    const load = this.#holders.get(key);
    if (!load) return;
    this.#holders.delete(key);
    const at = load.waiting.findIndex((waiting) => waiting.key === key);
    if (at >= 0) {
      load.waiting.splice(at, 1);
      return;
    }
    const next = load.waiting.shift();
    if (!next) {
      load.active -= 1;
      return;
    }
    next.free = true;
    // A pool gets the connection that has become free a little later: by then it takes that one, and opens no further.
    if (next.start) setImmediate(next.start);
  }
}

/** What Envoy answers a request that is one too many. */
export const OVERFLOW_REPLY: LocalReply = Object.freeze({
  status: 503,
  body: 'upstream connect error or disconnect/reset before headers. reset reason: overflow',
  headers: [['x-envoy-overloaded', 'true']] as const,
});

/** What a connection that is one too many fails with. */
export function overflowError({ host, port }: Connection, cluster: UpstreamCluster): EgressOverflowError {
  const message = `connection to ${host}:${port} refused: ${cluster.name} has all the connections it may have [ERR_EGRESS_OVERFLOW]`;
  return new EgressOverflowError(message, { port, ...(host !== undefined && { host }) });
}
