import { parseDurationMs } from '../match/duration.ts';
import type { HashPolicy, RetryPolicy } from '../model/decision.ts';
import type { ConsistentHash } from '../model/destination-rule.ts';
import type { Destination, HTTPRetry, HTTPRoute, HTTPRouteDestination } from '../model/virtual-service.ts';
import { clusterName, destinationCluster, type ClusterKey, type DestinationService } from './http-route-destination.ts';
import { translateDirectResponse, type DirectResponseAction } from './http-route-direct-response.ts';
import { mirrorPercent, mirrorPercentByPolicy } from './http-route-fault.ts';
import { consistentHashToHashPolicy } from './http-route-hash-policy.ts';
import { NO_HEADER_CHANGES, translateHeaderOperations, type HeaderChanges } from './http-route-headers.ts';
import type { PathMatch, RouteSemantics, RouteSource } from './http-route-match.ts';
import { translateRedirect, type RedirectAction } from './http-route-redirect.ts';
import { compileRegexRewrite } from './http-route-regex-rewrite.ts';
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

/** What a matched route does: redirect, else direct response, else forward. */
export function translateAction(
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
export function operationOf(path: PathMatch, action: HttpRouteAction, virtualService: string, port: number): string {
  const pattern = path.kind === 'prefix' ? `${path.value}*` : path.kind === 'separatedPrefix' ? '/*' : path.value;
  if (action.kind === 'forward' && !action.weighted) {
    const cluster = action.destinations[0]?.cluster;
    if (cluster !== undefined && clusterName(cluster).includes('|')) return `${cluster.host}:${cluster.port}${pattern}`;
  }
  return `${virtualService}:${port}${pattern}`;
}
