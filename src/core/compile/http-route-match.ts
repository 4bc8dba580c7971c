import type { HTTPMatchRequest, StringMatch } from '../model/virtual-service.ts';

/** How one value is compared. `present`: whatever it is, as long as it is there. */
export type ValueMatch =
  { readonly kind: 'present' } | { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string };

export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

export interface HeaderMatch {
  /** As written; pseudo-headers begin with a colon. */
  readonly name: string;
  readonly match: ValueMatch;
  /** Of `withoutHeaders`. */
  readonly invert: boolean;
  /** A header that is not there is compared as an empty one. */
  readonly missingAsEmpty: boolean;
}

export interface QueryParameterMatch {
  readonly name: string;
  readonly match: ValueMatch;
}

/** Envoy's `RouteMatch`, as Istio writes it for one HTTPMatchRequest. All of it must hold. */
export interface RouteMatch {
  readonly path: PathMatch;
  /** For exact and prefix paths; undefined where Istio says nothing. */
  readonly ignoreCase?: boolean;
  /** By name; then method, authority, scheme. */
  readonly headers: readonly HeaderMatch[];
  readonly queryParameters: readonly QueryParameterMatch[];
  /** JWT claims, which egress never carries: true when one must not be there, false when one must. */
  readonly claims: readonly { readonly name: string; readonly invert: boolean }[];
}

const ANY_PATH: PathMatch = { kind: 'prefix', value: '/' };
const MATCH_ALL: RouteMatch = { path: ANY_PATH, headers: [], queryParameters: [], claims: [] };
const CLAIM = '@request.auth.claims';

/** Istio's `TranslateRouteMatch`. Absent: every path. */
export function translateRouteMatch(match: HTTPMatchRequest | undefined): RouteMatch {
  if (match === undefined) return MATCH_ALL;
  const headers: HeaderMatch[] = [];
  const claims: { name: string; invert: boolean }[] = [];
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    if (isClaim(name)) claims.push({ name, invert: false });
    else headers.push(headerMatch(name, value, false));
  }
  for (const [name, value] of Object.entries(match.withoutHeaders ?? {})) {
    if (isClaim(name)) claims.push({ name, invert: true });
    else headers.push(headerMatch(name, value, true));
  }
  headers.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  if (match.method !== undefined) headers.push(headerMatch(':method', match.method, false));
  if (match.authority !== undefined) headers.push(headerMatch(':authority', match.authority, false));
  if (match.scheme !== undefined) headers.push(headerMatch(':scheme', match.scheme, false));
  const queryParameters = Object.entries(match.queryParams ?? {}).map(([name, value]) => ({
    name,
    match: translateValueMatch(value),
  }));
  return { path: translatePath(match.uri), ignoreCase: match.ignoreUriCase === true, headers, queryParameters, claims };
}

/** Istio's reading of a StringMatch outside the path: none, an empty one and the regex `*` ask for presence. */
export function translateValueMatch(match: StringMatch | null | undefined): ValueMatch {
  if (match === null || match === undefined) return { kind: 'present' };
  if (match.exact !== undefined) return { kind: 'exact', value: match.exact };
  if (match.prefix !== undefined) return { kind: 'prefix', value: match.prefix };
  if (match.regex === undefined || match.regex === '*') return { kind: 'present' };
  return { kind: 'regex', value: match.regex };
}

/** Whether nothing after this route can be reached: any path, no header, no query parameter. */
export function isCatchAllMatch(match: RouteMatch): boolean {
  if (match.headers.length + match.queryParameters.length + match.claims.length !== 0) return false;
  return match.path.kind === 'prefix' ? match.path.value === '/' : isAnyRegex(match.path);
}

export interface RouteSource {
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** `mesh` for a sidecar; `namespace/name` of the Gateways at a router. */
  readonly gateways: ReadonlySet<string>;
}

/**
 * Istio's `sourceMatchHTTP`: whether the asker is one that the match is for. A match that names gateways is not held
 * to its source labels and namespace.
 */
export function matchesSource(match: HTTPMatchRequest | undefined, source: RouteSource): boolean {
  if (match === undefined) return true;
  if (match.gateways !== undefined && match.gateways.length > 0) {
    return match.gateways.some((gateway) => source.gateways.has(gateway));
  }
  for (const [label, value] of Object.entries(match.sourceLabels ?? {})) {
    if (!Object.hasOwn(source.labels, label) || source.labels[label] !== value) return false;
  }
  const namespace = match.sourceNamespace ?? '';
  return namespace === '' || namespace === source.namespace;
}

function translatePath(uri: StringMatch | undefined): PathMatch {
  if (uri?.exact !== undefined) return { kind: 'exact', value: uri.exact };
  if (uri?.prefix !== undefined) return { kind: 'prefix', value: uri.prefix };
  if (uri?.regex !== undefined) return { kind: 'regex', value: uri.regex };
  return ANY_PATH;
}

function headerMatch(name: string, value: StringMatch | null, invert: boolean): HeaderMatch {
  const match = translateValueMatch(value);
  return { name, match, invert, missingAsEmpty: invert && match.kind !== 'present' };
}

function isClaim(name: string): boolean {
  return name.startsWith(CLAIM) && (name[CLAIM.length] === '.' || name[CLAIM.length] === '[');
}

function isAnyRegex(path: PathMatch): boolean {
  return path.kind === 'regex' && path.value === '.*';
}
