import type { UpstreamCluster } from '../core/model/decision.ts';

/** Retries under way, for each cluster and process. */
const active = new WeakMap<UpstreamCluster, number>();

/**
 * One of the retries that a cluster may have at a time (Istio: `connectionPool.http.maxRetries`, Envoy: `max_retries`).
 * Gives what gives it back; undefined: all are taken.
 */
export function takeRetry(cluster: UpstreamCluster | undefined): (() => void) | undefined {
  const limit = cluster?.circuitBreakers?.maxRetries;
  if (cluster === undefined || limit === undefined) return () => undefined;
  const taken = active.get(cluster) ?? 0;
  if (taken >= limit) return undefined;
  active.set(cluster, taken + 1);
  let held = true;
  return () => {
    if (held) active.set(cluster, (active.get(cluster) ?? 1) - 1);
    held = false;
  };
}
