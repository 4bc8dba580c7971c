import { parseDurationMs } from '../match/duration.ts';
import type { CorsRules, FaultPolicy, HashPolicy, RetryPolicy } from '../model/decision.ts';
import type { ConsistentHash } from '../model/destination-rule.ts';
import type { ResourceRef } from '../model/resource.ts';
import type {
  Destination,
  HTTPRetry,
  HTTPRoute,
  HTTPRouteDestination,
  VirtualService,
} from '../model/virtual-service.ts';
import { refOf } from './age.ts';
import { translateDirectResponse, type DirectResponseAction } from './http-route-direct-response.ts';
import { clusterName, destinationCluster, type ClusterKey, type DestinationService } from './http-route-destination.ts';
import { mirrorPercent, mirrorPercentByPolicy, translateFault } from './http-route-fault.ts';
import { translateCorsPolicy } from './http-route-cors.ts';
import { consistentHashToHashPolicy } from './http-route-hash-policy.ts';
import { mergeHeaderChanges, NO_HEADER_CHANGES, translateHeaderOperations } from './http-route-headers.ts';
import type { HeaderChanges } from './http-route-headers.ts';
import { isCatchAllMatch, matchesSource, translateRouteMatch } from './http-route-match.ts';
import type { PathMatch, RouteMatch, RouteSemantics, RouteSource } from './http-route-match.ts';
import { compileRoutePredicate, type RoutePredicate } from './http-route-predicate.ts';
import { compileRegexRewrite } from './http-route-regex-rewrite.ts';
import { translateRedirect, type RedirectAction } from './http-route-redirect.ts';
import { convertRetryPolicy } from './retry-policy.ts';

export interface RouteDestinationAction {
  readonly cluster: ClusterKey;
  readonly weight: number;
  /** Applied before those of the route. */
  readonly headers: HeaderChanges;
}

export interface Rewrite {
  /** Replaces what `matchedPath` matched. */
  readonly prefix?: string;
  readonly matchedPath: PathMatch;
  readonly regex?: { readonly match: string; readonly substitution: string; readonly apply: (path: string) => string };
}

/** Envoy's route action: on to one cluster or to one of several. */
export interface ForwardAction {
  readonly kind: 'forward';
  readonly destinations: readonly RouteDestinationAction[];
  /** Several destinations, or what was left of several. */
  readonly weighted: boolean;
  readonly rewrite?: Rewrite;
  /** Replaces the Host header. Empty: none. Of the route, or of its only destination. */
  readonly authority: string;
  /** The client's own name for the host goes on in `x-forwarded-host`. */
  readonly appendForwardedHost: boolean;
  /** What is answered when the cluster does not exist. */
  readonly clusterNotFoundStatus: number;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly retries: RetryPolicy | null;
  readonly mirrors: readonly { readonly cluster: ClusterKey; readonly percent: number }[];
  readonly hashPolicy: readonly HashPolicy[];
}

/** The last resort of a sidecar's table under REGISTRY_ONLY. */
export interface BlockAllAction {
  readonly kind: 'block_all';
}

/** The last resort under the other outbound traffic policies. */
export interface CatchAllAction {
  readonly kind: 'allow_any' | 'allow_any_dynamic_dns' | 'egress_proxy';
  /** Of an egress proxy. */
  readonly cluster?: ClusterKey;
}

/** A redirect whose status Envoy does not know. */
export interface NoAction {
  readonly kind: 'none';
}

export type HttpRouteAction =
  ForwardAction | RedirectAction | DirectResponseAction | BlockAllAction | CatchAllAction | NoAction;

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

/** Where routes are compiled for: what Istio's `BuildHTTPRoutesForVirtualService` takes beside the VirtualService. */
export interface RouteOptions {
  readonly port: number;
  readonly source: RouteSource;
  /** Requests arrive over TLS that ends here. */
  readonly tls: boolean;
  readonly defaultRetries: HTTPRetry | undefined;
  /** ProxyConfig's `proxyHeaders.xForwardedHost`. */
  readonly appendForwardedHost: boolean;
  service(host: string): DestinationService | undefined;
  /** Of the DestinationRule for a destination. */
  consistentHash(destination: Destination): ConsistentHash | undefined;
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

function translateAction(
  http: HTTPRoute,
  path: PathMatch,
  routeHeaders: HeaderChanges,
  semantics: RouteSemantics,
  options: RouteOptions,
): HttpRouteAction {
  if (http.redirect !== undefined) {
    return translateRedirect(http.redirect, path, options.port, options.tls, semantics) ?? { kind: 'none' };
  }
  if (http.directResponse !== undefined) return translateDirectResponse(http.directResponse);
  return translateForward(http, path, routeHeaders, semantics, options);
}

function translateForward(
  http: HTTPRoute,
  path: PathMatch,
  routeHeaders: HeaderChanges,
  semantics: RouteSemantics,
  options: RouteOptions,
): ForwardAction {
  const routes = http.route ?? [];
  const single = routes.length === 1;
  const kept = single ? routes : routes.filter(({ weight }) => (weight ?? 0) !== 0);
  const hashes = kept.map(({ destination }) => options.consistentHash(destination));
  const destinations = kept.map((route) => translateDestination(route, single, options));
  const rewrite = translateRewrite(http, path, semantics);
  const ownAuthority = http.rewrite?.authority || routeHeaders.authority;
  const destinationAuthority = single ? translateHeaderOperations(routes[0]?.headers).authority : '';
  return {
    kind: 'forward',
    destinations,
    weighted: !single,
    ...(rewrite !== undefined && { rewrite }),
    authority: ownAuthority || destinationAuthority,
    appendForwardedHost: options.appendForwardedHost,
    clusterNotFoundStatus: semantics === 'gateway' ? 500 : 503,
    timeoutMs: http.timeout === undefined ? 0 : parseDurationMs(http.timeout),
    retries: convertRetryPolicy(http.retries ?? options.defaultRetries, single && hashes[0] !== undefined),
    mirrors: translateMirrors(http, options),
    hashPolicy: hashes.map(consistentHashToHashPolicy).filter((policy) => policy !== undefined),
  };
}

function translateDestination(
  route: HTTPRouteDestination,
  single: boolean,
  options: RouteOptions,
): RouteDestinationAction {
  const { destination } = route;
  return {
    cluster: destinationCluster(destination, options.service(destination.host), options.port),
    weight: single ? 1 : (route.weight ?? 0),
    headers: single ? NO_HEADER_CHANGES : translateHeaderOperations(route.headers),
  };
}

function translateRewrite(
  { rewrite }: HTTPRoute,
  matchedPath: PathMatch,
  semantics: RouteSemantics,
): Rewrite | undefined {
  if (rewrite === undefined) return undefined;
  const regex = rewrite.uriRegexRewrite;
  if (regex !== undefined) {
    return regexRewrite(matchedPath, regex.match ?? '', regex.rewrite ?? '');
  }
  if (rewrite.uri === undefined || rewrite.uri === '') return undefined;
  // Taking a prefix of whole segments away must not leave a path without its slash, or with two.
  if (semantics === 'gateway' && rewrite.uri === '/') {
    const prefix = matchedPath.kind === 'separatedPrefix' ? quoteRegex(matchedPath.value) : '';
    return regexRewrite(matchedPath, `^${prefix}(/?)(.*)`, '/\\2');
  }
  return { matchedPath, prefix: rewrite.uri };
}

function regexRewrite(matchedPath: PathMatch, match: string, substitution: string): Rewrite {
  return { matchedPath, regex: { match, substitution, apply: compileRegexRewrite(match, substitution) } };
}

/** As Go's `regexp.QuoteMeta`. */
function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

function translateMirrors(http: HTTPRoute, options: RouteOptions): ForwardAction['mirrors'] {
  const mirrors: { cluster: ClusterKey; percent: number }[] = [];
  const only = http.mirror === undefined ? undefined : mirrorPercent(http);
  if (http.mirror !== undefined && only !== undefined) {
    mirrors.push({ cluster: clusterOf(http.mirror, options), percent: only });
  }
  for (const mirror of http.mirrors ?? []) {
    const percent = mirrorPercentByPolicy(mirror);
    if (percent !== undefined) mirrors.push({ cluster: clusterOf(mirror.destination, options), percent });
  }
  return mirrors;
}

function clusterOf(destination: HTTPRouteDestination['destination'], options: RouteOptions): ClusterKey {
  return destinationCluster(destination, options.service(destination.host), options.port);
}

/** Istio's `GetRouteOperation`: the only destination, or else the VirtualService, and the path. */
function operationOf(path: PathMatch, action: HttpRouteAction, virtualService: string, port: number): string {
  const pattern = path.kind === 'prefix' ? `${path.value}*` : path.kind === 'separatedPrefix' ? '/*' : path.value;
  if (action.kind === 'forward' && !action.weighted) {
    const cluster = action.destinations[0]?.cluster;
    if (cluster !== undefined && clusterName(cluster).includes('|')) return `${cluster.host}:${cluster.port}${pattern}`;
  }
  return `${virtualService}:${port}${pattern}`;
}
