import type { Endpoint, UpstreamCluster } from '../core/model/decision.ts';
import type { EndpointState } from './pick-destination.ts';

interface Health {
  active: number;
  consecutive5xx: number;
  consecutiveGateway: number;
  ejections: number;
  ejectedUntil: number;
}

/**
 * What Envoy's outlier detection keeps for each endpoint of a cluster, and how many requests it has. Judged at each
 * answer instead of every `interval`: an endpoint is out at once, and back after its time.
 */
export class EndpointHealth implements EndpointState {
  readonly #clusters = new Map<string, Map<string, Health>>();
  readonly #turns = new Map<string, number>();
  readonly #underWay = new WeakMap<object, { readonly cluster: UpstreamCluster; readonly endpoint: Endpoint }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  isEjected(cluster: UpstreamCluster, endpoint: Endpoint): boolean {
    return (this.#find(cluster, endpoint)?.ejectedUntil ?? 0) > this.#now();
  }

  activeRequests(cluster: UpstreamCluster, endpoint: Endpoint): number {
    return this.#find(cluster, endpoint)?.active ?? 0;
  }

  turn(cluster: UpstreamCluster): number {
    const turn = this.#turns.get(cluster.name) ?? 0;
    this.#turns.set(cluster.name, (turn + 1) % Number.MAX_SAFE_INTEGER);
    return turn;
  }

  /** A request goes to this endpoint; `exchange` tells later how it went. */
  started(exchange: object, cluster: UpstreamCluster, endpoint: Endpoint): void {
    this.#of(cluster, endpoint).active += 1;
    this.#underWay.set(exchange, { cluster, endpoint });
  }

  /** A code of 0: the endpoint could not be reached, or broke off. */
  ended(exchange: { readonly responseCode: number; readonly responseFlags: string }): void {
    const started = this.#underWay.get(exchange);
    if (!started) return;
    this.#underWay.delete(exchange);
    const { cluster, endpoint } = started;
    const { responseCode: status, responseFlags } = exchange;
    const health = this.#of(cluster, endpoint);
    health.active = Math.max(0, health.active - 1);
    // The application went away: that says nothing about the endpoint.
    if (responseFlags === 'DC') return;
    const policy = cluster.outlierDetection;
    if (!policy) return;
    const gateway = status === 0 || status === 502 || status === 503 || status === 504;
    health.consecutive5xx = status === 0 || status >= 500 ? health.consecutive5xx + 1 : 0;
    health.consecutiveGateway = gateway ? health.consecutiveGateway + 1 : 0;
    const out =
      (policy.consecutive5xx > 0 && health.consecutive5xx >= policy.consecutive5xx) ||
      (policy.consecutiveGatewayFailure > 0 && health.consecutiveGateway >= policy.consecutiveGatewayFailure);
    if (out && this.#mayEject(cluster, policy.maxEjectionPercent)) {
      health.ejections += 1;
      health.ejectedUntil = this.#now() + policy.baseEjectionTimeMs * health.ejections;
      health.consecutive5xx = 0;
      health.consecutiveGateway = 0;
    }
  }

  /** One endpoint may always go; further ones as long as the share stays below the limit. */
  #mayEject(cluster: UpstreamCluster, maxPercent: number): boolean {
    const out = cluster.endpoints.filter((endpoint) => this.isEjected(cluster, endpoint)).length;
    return out === 0 || ((out + 1) * 100) / cluster.endpoints.length <= maxPercent;
  }

  #find(cluster: UpstreamCluster, endpoint: Endpoint): Health | undefined {
    return this.#clusters.get(cluster.name)?.get(keyOf(endpoint));
  }

  #of(cluster: UpstreamCluster, endpoint: Endpoint): Health {
    let endpoints = this.#clusters.get(cluster.name);
    if (!endpoints) this.#clusters.set(cluster.name, (endpoints = new Map<string, Health>()));
    const key = keyOf(endpoint);
    let health = endpoints.get(key);
    if (!health)
      endpoints.set(
        key,
        (health = { active: 0, consecutive5xx: 0, consecutiveGateway: 0, ejections: 0, ejectedUntil: 0 }),
      );
    return health;
  }
}

function keyOf({ host, port, path }: Endpoint): string {
  return path ?? `${host} ${port}`;
}
