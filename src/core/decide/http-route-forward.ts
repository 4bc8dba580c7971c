import type { HeaderChanges, HeaderValue } from '../compile/http-route-headers.ts';
import { clusterName, UNKNOWN_SERVICE, type ClusterKey } from '../compile/http-route-destination.ts';
import type { CatchAllAction, ForwardAction } from '../compile/http-route-action.ts';
import type { HttpRoute } from '../compile/http-route.ts';
import type { VirtualHost } from '../compile/virtual-host.ts';
import type { Scope } from '../compile/compiled.ts';
import type {
  Decision,
  HeaderOperation,
  MirrorPolicy,
  UpstreamCluster,
  WeightedDestination,
} from '../model/decision.ts';
import type { AllowDecision, DenyDecision, RouteDecision } from '../model/decision.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { HttpContext } from './http-route.ts';
import { isFormatted, plainValue } from './http-header-format.ts';
import { isSameDestination } from './same-destination.ts';

/** What a forwarding route decides for every request, and what is left to do for each. */
export interface ForwardPlan {
  /** Frozen; complete unless `dynamic`. */
  readonly decision: Decision;
  /** The forward inside, whatever wraps it. */
  readonly forward: AllowDecision | RouteDecision;
  /** The path or the authority is rewritten, or header values hold operators. */
  readonly dynamic: boolean;
  readonly formatted: boolean;
  /** 0: none. */
  readonly timeoutMs: number;
  /** What is answered when no cluster of the route exists. */
  readonly notFoundStatus: number;
}

/** Plans a route once per place where requests arrive. */
export function planForward(
  action: ForwardAction | CatchAllAction,
  route: HttpRoute,
  virtualHost: VirtualHost,
  context: HttpContext,
): ForwardPlan {
  const { scope } = context;
  const destinations =
    action.kind === 'forward' ? routeDestinations(action, route, scope) : [catchAllDestination(action, scope)];
  const formatted = destinations.some(({ requestHeaders }) =>
    requestHeaders?.some(({ value }) => isFormatted(value ?? '')),
  );
  const dynamic =
    formatted ||
    (action.kind === 'forward' &&
      (action.rewrite !== undefined || destinations.some(({ authority }) => authority !== undefined)));
  const forward = buildForward(action, destinations, route, virtualHost, context);
  const timeoutMs = action.kind === 'forward' ? action.timeoutMs : 0;
  const notFoundStatus = action.kind === 'forward' ? action.clusterNotFoundStatus : 503;
  const decision = wrap(forward, { timeoutMs, notFoundStatus });
  return { decision, forward, dynamic, formatted, timeoutMs, notFoundStatus };
}

/** Puts the forward into what its route makes of it: a deadline, or a denial when no cluster is there. */
export function wrap(
  forward: AllowDecision | RouteDecision,
  { timeoutMs, notFoundStatus }: Pick<ForwardPlan, 'timeoutMs' | 'notFoundStatus'>,
): Decision {
  const timed: Decision =
    timeoutMs > 0 ? Object.freeze({ action: 'timeout', timeoutMs, then: forward, ...baseOf(forward) }) : forward;
  if (forward.destinations.some(({ upstream }) => upstream !== undefined)) return timed;
  return Object.freeze({
    action: 'deny',
    localReply: Object.freeze({ status: notFoundStatus }),
    responseFlags: 'NC',
    responseCodeDetails: 'cluster_not_found',
    route: timed,
    ...baseOf(forward),
    reason: 'cluster_not_found',
  } satisfies DenyDecision);
}

type Base = Pick<
  AllowDecision,
  | 'reason'
  | 'cluster'
  | 'routeName'
  | 'virtualHost'
  | 'determinedBy'
  | 'seenAs'
  | 'listener'
  | 'filterChain'
  | 'virtualService'
>;

/** The fields that wrapping decisions share with what they wrap. */
export function baseOf(forward: AllowDecision | RouteDecision): Base {
  const { reason, cluster, routeName, virtualHost, determinedBy, seenAs, listener, filterChain, virtualService } =
    forward;
  return {
    reason,
    cluster,
    determinedBy,
    seenAs,
    ...(routeName !== undefined && { routeName }),
    ...(virtualHost !== undefined && { virtualHost }),
    ...(listener !== undefined && { listener }),
    ...(filterChain !== undefined && { filterChain }),
    ...(virtualService !== undefined && { virtualService }),
  };
}

/**
 * NODE: what differs stands before what is spread. On Node 20 an object that is spread first and extended then has a hidden
 * class of its own, and whoever reads many decisions reads slowly.
 */
function buildForward(
  action: ForwardAction | CatchAllAction,
  destinations: readonly WeightedDestination[],
  route: HttpRoute,
  virtualHost: VirtualHost,
  context: HttpContext,
): AllowDecision | RouteDecision {
  const { scope } = context;
  const fields = {
    cluster: destinations[0]?.cluster ?? UNKNOWN_SERVICE,
    routeName: route.name,
    virtualHost: virtualHost.name,
    determinedBy: Object.freeze(determinedBy(route, destinations, scope)),
    seenAs: 'http' as const,
    ...(context.listener !== undefined && { listener: context.listener }),
    ...(context.filterChain !== undefined && { filterChain: context.filterChain }),
    ...(route.virtualService !== undefined && { virtualService: route.virtualService }),
    destinations: Object.freeze(destinations),
    retries: action.kind === 'forward' ? action.retries : null,
    ...(route.fault !== undefined && { fault: route.fault }),
    ...(route.cors !== undefined && { cors: route.cors }),
    ...(route.operation !== undefined && { operation: route.operation }),
    ...(action.kind === 'forward' && {
      ...(action.mirrors.length > 0 && {
        mirrors: Object.freeze(action.mirrors.map((mirror) => mirrorOf(mirror, scope))),
      }),
      ...(action.hashPolicy.length > 0 && { hashPolicy: action.hashPolicy }),
    }),
  };
  switch (action.kind) {
    case 'allow_any':
      return Object.freeze({ action: 'allow', via: 'passthrough', reason: 'passthrough', ...fields });
    case 'allow_any_dynamic_dns':
      return Object.freeze({ action: 'allow', via: 'passthrough', reason: 'dynamic_dns', ...fields });
    case 'egress_proxy':
      return Object.freeze({ action: 'route', reason: 'egress_proxy', ...fields });
    case 'forward': {
      const [only] = destinations;
      if (route.virtualService !== undefined)
        return Object.freeze({ action: 'route', reason: 'http_route', ...fields });
      if (only?.upstream !== undefined && !isSameDestination(only.upstream, only.upstream.port)) {
        return Object.freeze({ action: 'route', reason: 'destination', ...fields });
      }
      return Object.freeze({ action: 'allow', via: 'registry', reason: 'registry', ...fields });
    }
  }
}

function routeDestinations(action: ForwardAction, route: HttpRoute, scope: Scope): WeightedDestination[] {
  return action.destinations.map(({ cluster, weight, headers }) => {
    const upstream = upstreamOf(cluster, scope);
    // Envoy applies what the chosen cluster says before what its route says.
    const requestHeaders = [...requestOperations(headers), ...requestOperations(route.headers)];
    const responseHeaders = [...responseOperations(headers), ...responseOperations(route.headers)];
    const authority = action.authority || headers.authority;
    return Object.freeze({
      cluster: clusterName(cluster),
      weight,
      ...(upstream !== undefined && { upstream }),
      ...(requestHeaders.length > 0 && { requestHeaders: Object.freeze(requestHeaders) }),
      ...(responseHeaders.length > 0 && { responseHeaders: Object.freeze(responseHeaders) }),
      ...(authority !== '' && { authority }),
    });
  });
}

function catchAllDestination(action: CatchAllAction, scope: Scope): WeightedDestination {
  if (action.cluster !== undefined) {
    const upstream = upstreamOf(action.cluster, scope);
    return Object.freeze({
      cluster: clusterName(action.cluster),
      weight: 1,
      ...(upstream !== undefined && { upstream }),
    });
  }
  const upstream = action.kind === 'allow_any_dynamic_dns' ? scope.dynamicDnsCluster : scope.passthroughCluster;
  return Object.freeze({ cluster: upstream.name, weight: 1, upstream });
}

function upstreamOf({ host, port, subset }: ClusterKey, scope: Scope): UpstreamCluster | undefined {
  return host === '' ? undefined : scope.cluster(host, port, subset);
}

function mirrorOf({ cluster, percent }: ForwardAction['mirrors'][number], scope: Scope): MirrorPolicy {
  const upstream = upstreamOf(cluster, scope);
  return Object.freeze({ cluster: clusterName(cluster), percent, ...(upstream !== undefined && { upstream }) });
}

/** Envoy's order on one level: what is removed, what replaces, what is added. */
function requestOperations({ requestAdd, requestRemove }: HeaderChanges): HeaderOperation[] {
  return operations(requestAdd, requestRemove);
}

export function responseOperations({ responseAdd, responseRemove }: HeaderChanges): HeaderOperation[] {
  return operations(responseAdd, responseRemove);
}

function operations(add: readonly HeaderValue[], remove: readonly string[]): HeaderOperation[] {
  const written = add.filter(({ value }) => value !== '');
  const toOperation = ({ name, value, append }: HeaderValue): HeaderOperation =>
    Object.freeze({ op: append ? 'add' : 'set', name, value: isFormatted(value) ? value : plainValue(value) });
  return [
    ...remove.map((name): HeaderOperation => Object.freeze({ op: 'remove', name })),
    ...written.filter(({ append }) => !append).map(toOperation),
    ...written.filter(({ append }) => append).map(toOperation),
  ];
}

/** The VirtualService or the policy, then what is behind the clusters. */
function determinedBy(route: HttpRoute, destinations: readonly WeightedDestination[], scope: Scope): ResourceRef[] {
  const refs: ResourceRef[] = [];
  if (route.virtualService !== undefined) refs.push(route.virtualService);
  for (const { upstream } of destinations) {
    if (upstream?.service !== undefined) refs.push(upstream.service);
    if (upstream?.destinationRule !== undefined) refs.push(upstream.destinationRule);
  }
  if (refs.length === 0) refs.push(scope.policySource);
  return [...new Set(refs)];
}
