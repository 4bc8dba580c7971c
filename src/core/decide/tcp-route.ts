import type { ChainAction, TcpTarget } from '../compile/compiled.ts';
import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type {
  AllowDecision,
  Decision,
  DecisionReason,
  DenyDecision,
  RouteDecision,
  UpstreamCluster,
} from '../model/decision.ts';
import type { ResourceRef } from '../model/resource.ts';
import { decideByPolicy } from './outbound-traffic-policy.ts';
import { isSameDestination } from './same-destination.ts';

type TcpAction = Extract<ChainAction, { kind: 'tcp' }>;

/** The answer to bytes: it depends on nothing but the chain, so it is made once. `port`: that of the listener. */
export function decideTcp(chain: FilterChain, tls: boolean, port: number, { scope }: CompiledMesh): Decision {
  const held = tls ? chain.tlsDecision : chain.tcpDecision;
  if (held !== undefined) return held;
  const { action, origin } = chain;
  if (action.kind === 'http') throw new TypeError('an HTTP chain has no answer to bytes');
  const seenAs = tls ? 'tls' : 'tcp';
  const known = origin.service !== undefined || origin.virtualService !== undefined;
  const made = Object.freeze(
    known ? forward(chain, action, seenAs, port) : decideByPolicy(chain, action, seenAs, scope),
  );
  if (tls) chain.tlsDecision = made;
  else chain.tcpDecision = made;
  return made;
}

function forward(chain: FilterChain, action: TcpAction, seenAs: 'tls' | 'tcp', port: number): Decision {
  const { targets, idleTimeoutMs, tunnel } = action;
  const { origin } = chain;
  const upstreams = targets.map(({ upstream }) => upstream).filter((upstream) => upstream !== undefined);
  const base = {
    cluster: targets[0]?.cluster ?? '',
    determinedBy: determinedBy(chain, upstreams),
    seenAs,
    listener: origin.listener,
    ...(origin.name !== undefined && { filterChain: origin.name }),
    ...(origin.virtualService !== undefined && isStated(chain) && { virtualService: origin.virtualService }),
  } as const;
  if (upstreams.length === 0) return denyMissingCluster(base);
  const carried = {
    ...base,
    destinations: Object.freeze(targets.map(toDestination)),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(tunnel !== undefined && { tunnel }),
  };
  const [only] = upstreams;
  const stays = targets.length === 1 && tunnel === undefined && only !== undefined && goesOn(chain, only, port);
  if (stays) return { action: 'allow', via: 'registry', reason: 'registry', ...carried } satisfies AllowDecision;
  return { action: 'route', reason: routeReason(chain, seenAs), ...carried } satisfies RouteDecision;
}

/**
 * Whether Istio writes the VirtualService into the chain: not at gateways, and not for `tcp` routes that name subnets. All
 * the same it stands in `determinedBy`.
 */
function isStated({ origin, sniHosts }: FilterChain): boolean {
  if (origin.gateway !== undefined) return false;
  return origin.narrowed !== true || sniHosts.length > 0;
}

/** Whether the only upstream is the service that was dialled, at the port that was dialled. */
function goesOn({ origin }: FilterChain, upstream: UpstreamCluster, port: number): boolean {
  const { service } = origin;
  if (service === undefined || upstream.host !== service.hostname || upstream.port !== port) return false;
  return isSameDestination(upstream, port);
}

function routeReason({ origin }: FilterChain, seenAs: 'tls' | 'tcp'): DecisionReason {
  if (origin.virtualService === undefined) return 'destination';
  return seenAs === 'tls' ? 'tls_route' : 'tcp_route';
}

function toDestination({ cluster, weight, upstream }: TcpTarget): TcpTarget {
  return Object.freeze({ cluster, weight, ...(upstream !== undefined && { upstream }) });
}

function denyMissingCluster(
  base: Pick<DenyDecision, 'cluster' | 'determinedBy' | 'seenAs' | 'listener' | 'filterChain' | 'virtualService'>,
): DenyDecision {
  return { action: 'deny', reason: 'cluster_not_found', responseFlags: 'NC', ...base };
}

/** The VirtualService, the Gateway, the service that was dialled, and what its upstreams come from. */
function determinedBy(chain: FilterChain, upstreams: readonly UpstreamCluster[]): readonly ResourceRef[] {
  const { virtualService, gateway, service } = chain.origin;
  const refs = new Set<ResourceRef>();
  if (virtualService !== undefined) refs.add(virtualService);
  if (gateway !== undefined) refs.add(gateway);
  if (service !== undefined) refs.add(service.ref);
  for (const upstream of upstreams) {
    if (upstream.service !== undefined) refs.add(upstream.service);
    if (upstream.destinationRule !== undefined) refs.add(upstream.destinationRule);
  }
  return Object.freeze([...refs]);
}
