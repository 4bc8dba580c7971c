import type { ChainAction, Scope } from '../compile/compiled.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { AllowDecision, Decision, DenyDecision, RouteDecision } from '../model/decision.ts';

type TcpAction = Extract<ChainAction, { kind: 'tcp' }>;

/** The fate of bytes for which no visible service stands. */
export function decideByPolicy(
  { origin }: FilterChain,
  { targets, idleTimeoutMs }: TcpAction,
  seenAs: 'tls' | 'tcp',
  scope: Scope,
): Decision {
  const [target] = targets;
  const base = {
    cluster: target?.cluster ?? scope.blackHoleCluster.name,
    determinedBy: Object.freeze([scope.policySource]),
    seenAs,
    listener: origin.listener,
    ...(origin.name !== undefined && { filterChain: origin.name }),
  } as const;
  if (target?.upstream === undefined) {
    return { action: 'deny', reason: 'cluster_not_found', responseFlags: 'NC', ...base } satisfies DenyDecision;
  }
  if (target.upstream === scope.blackHoleCluster) {
    return { action: 'deny', reason: 'no_service_entry', responseFlags: 'UH', ...base } satisfies DenyDecision;
  }
  const carried = {
    ...base,
    destinations: Object.freeze([Object.freeze({ ...target })]),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  };
  if (target.upstream === scope.passthroughCluster) {
    return { action: 'allow', via: 'passthrough', reason: 'passthrough', ...carried } satisfies AllowDecision;
  }
  return { action: 'route', reason: 'egress_proxy', ...carried } satisfies RouteDecision;
}
