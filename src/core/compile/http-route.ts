import type { CorsRules, FaultPolicy, HashPolicy } from '../model/decision.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { HTTPRetry, HTTPRoute, VirtualService } from '../model/virtual-service.ts';
import { refOf } from './age.ts';
import { operationOf, translateAction, type HttpRouteAction, type RouteOptions } from './http-route-action.ts';
import { translateCorsPolicy } from './http-route-cors.ts';
import type { ClusterKey } from './http-route-destination.ts';
import { translateFault } from './http-route-fault.ts';
import { mergeHeaderChanges, NO_HEADER_CHANGES, translateHeaderOperations } from './http-route-headers.ts';
import type { HeaderChanges } from './http-route-headers.ts';
import { isCatchAllMatch, matchesSource, translateRouteMatch } from './http-route-match.ts';
import type { RouteMatch, RouteSemantics } from './http-route-match.ts';
import { compileRoutePredicate, type RoutePredicate } from './http-route-predicate.ts';
import { convertRetryPolicy } from './retry-policy.ts';

/** One Envoy route, compiled. */
export interface HttpRoute {
  /** Envoy's `%ROUTE_NAME%`; empty when unnamed. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly accepts: RoutePredicate;
  readonly action: HttpRouteAction;
  /** Of the route and, when there is only one, its destination. */
  readonly headers: HeaderChanges;
  readonly fault?: FaultPolicy;
  readonly cors?: CorsRules;
  /** Istio's decorator. */
  readonly operation?: string;
  /** Names the route in statistics. */
  readonly statPrefix?: string;
  /** The VirtualService; absent for default routes and the catch-all. */
  readonly virtualService?: ResourceRef;
}

/** Istio's name of the route that a service has without a VirtualService. */
export const DEFAULT_ROUTE_NAME = 'default';

/** The routes of a VirtualService at one port, in order, up to the first that takes everything. */
export function buildHttpRoutes(virtualService: VirtualService, options: RouteOptions): HttpRoute[] {
  const routes: HttpRoute[] = [];
  for (const http of virtualService.spec.http ?? []) {
    const matches = http.match ?? [];
    if (matches.length === 0) {
      routes.push(translateRoute(virtualService, http, undefined, options));
      return routes;
    }
    for (const match of matches) {
      if (match.port !== undefined && match.port !== 0 && match.port !== options.port) continue;
      if (!matchesSource(match, options.source)) continue;
      const route = translateRoute(virtualService, http, match, options);
      routes.push(route);
      if (isCatchAllMatch(route.match)) return routes;
    }
  }
  return routes;
}

/** What a service's virtual host holds when no VirtualService governs it. */
export function buildDefaultRoute(
  cluster: ClusterKey,
  hashPolicy: HashPolicy | undefined,
  defaultRetries: HTTPRetry | undefined,
): HttpRoute {
  const match = translateRouteMatch(undefined);
  return {
    name: DEFAULT_ROUTE_NAME,
    match,
    accepts: compileRoutePredicate(match),
    action: {
      kind: 'forward',
      destinations: [{ cluster, weight: 1, headers: NO_HEADER_CHANGES }],
      weighted: false,
      authority: '',
      appendForwardedHost: false,
      clusterNotFoundStatus: 503,
      timeoutMs: 0,
      // Istio converts the mesh's policy here without looking at consistent hashing.
      retries: convertRetryPolicy(defaultRetries, false),
      mirrors: [],
      hashPolicy: hashPolicy === undefined ? [] : [hashPolicy],
    },
    headers: NO_HEADER_CHANGES,
    operation: `${cluster.host}:${cluster.port}/*`,
  };
}

function translateRoute(
  virtualService: VirtualService,
  http: HTTPRoute,
  matchRequest: NonNullable<HTTPRoute['match']>[number] | undefined,
  options: RouteOptions,
): HttpRoute {
  const semantics = semanticsOf(virtualService);
  const match = translateRouteMatch(matchRequest, semantics);
  const routeHeaders = translateHeaderOperations(http.headers);
  const action = translateAction(http, match.path, routeHeaders, semantics, options);
  const only = action.kind === 'forward' && !action.weighted ? http.route?.[0] : undefined;
  const headers =
    only === undefined ? routeHeaders : mergeHeaderChanges(routeHeaders, translateHeaderOperations(only.headers));
  const fault = translateFault(http.fault);
  const cors = translateCorsPolicy(http.corsPolicy);
  const suffix = matchRequest?.name;
  return {
    name: suffix === undefined || suffix === '' ? (http.name ?? '') : `${http.name ?? ''}.${suffix}`,
    match,
    accepts: compileRoutePredicate(match),
    action,
    headers,
    ...(fault !== undefined && { fault }),
    ...(cors !== undefined && { cors }),
    ...(matchRequest?.statPrefix !== undefined &&
      matchRequest.statPrefix !== '' && { statPrefix: matchRequest.statPrefix }),
    operation: operationOf(match.path, action, virtualService.metadata.name, options.port),
    virtualService: refOf(virtualService),
  };
}

/** Istio writes this annotation itself, on what it converts. */
function semanticsOf({ metadata }: VirtualService): RouteSemantics {
  const semantics = metadata.annotations?.['internal.istio.io/route-semantics'];
  return semantics === 'ingress' || semantics === 'gateway' ? semantics : undefined;
}
