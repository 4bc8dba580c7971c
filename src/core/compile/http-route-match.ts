import type { HTTPMatchRequest, StringMatch } from '../model/virtual-service.ts';

/** How one value is compared. `present`: whatever it is, as long as it is there. */
export type ValueMatch =
  { readonly kind: 'present' } | { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string };

export interface PathMatch {
  /** `separatedPrefix`: whole segments only, as Kubernetes' Ingress and Gateway API have it. */
  readonly kind: 'exact' | 'prefix' | 'separatedPrefix' | 'regex';
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

/** A claim of the JWT that was checked on the way in. Egress has none: only the absence of a claim can be matched. */
export interface ClaimMatch {
  /** From the outermost: `a`, `b` for `@request.auth.claims.a.b` and `@request.auth.claims[a][b]`. */
  readonly path: readonly string[];
  readonly match: ValueMatch;
  /** Of `withoutHeaders`. */
  readonly invert: boolean;
}

/** Envoy's `RouteMatch`, as Istio writes it for one HTTPMatchRequest. All of it must hold. */
export interface RouteMatch {
  readonly path: PathMatch;
  /** For exact and prefix paths; undefined where Istio says nothing. */
  readonly ignoreCase?: boolean;
  /** By name; then method, authority, scheme. */
  readonly headers: readonly HeaderMatch[];
  readonly queryParameters: readonly QueryParameterMatch[];
  readonly claims: readonly ClaimMatch[];
}

const ANY_PATH: PathMatch = { kind: 'prefix', value: '/' };
const MATCH_ALL: RouteMatch = { path: ANY_PATH, headers: [], queryParameters: [], claims: [] };
const CLAIM = '@request.auth.claims';

/** How a VirtualService that Istio made from an Ingress or a Gateway API route is read; undefined: as it was written. */
export type RouteSemantics = 'ingress' | 'gateway' | undefined;

/** Istio's `TranslateRouteMatch`. Absent: every path. */
export function translateRouteMatch(match: HTTPMatchRequest | undefined, semantics?: RouteSemantics): RouteMatch {
  if (match === undefined) return MATCH_ALL;
  const headers: HeaderMatch[] = [];
  const claims: ClaimMatch[] = [];
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    if (isClaim(name)) claims.push(claimMatch(name, value, false));
    else headers.push(headerMatch(name, value, false));
  }
  for (const [name, value] of Object.entries(match.withoutHeaders ?? {})) {
    if (isClaim(name)) claims.push(claimMatch(name, value, true));
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
  return {
    path: translatePath(match.uri, semantics),
    ignoreCase: match.ignoreUriCase === true,
    headers,
    queryParameters,
    claims,
  };
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
  const { kind, value } = match.path;
  if (kind === 'regex') return value === '.*';
  return kind !== 'exact' && value === '/';
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

function translatePath(uri: StringMatch | undefined, semantics: RouteSemantics): PathMatch {
  if (uri?.exact !== undefined) return { kind: 'exact', value: uri.exact };
  if (uri?.prefix !== undefined) {
    if (semantics === undefined || uri.prefix === '/') return { kind: 'prefix', value: uri.prefix };
    return { kind: 'separatedPrefix', value: uri.prefix.replace(/\/$/, '') };
  }
  if (uri?.regex !== undefined) return { kind: 'regex', value: uri.regex };
  return ANY_PATH;
}

function headerMatch(name: string, value: StringMatch | null, invert: boolean): HeaderMatch {
  const match = translateValueMatch(value);
  return { name, match, invert, missingAsEmpty: invert && match.kind !== 'present' };
}

function claimMatch(name: string, value: StringMatch | null, invert: boolean): ClaimMatch {
  const rest = name.slice(CLAIM.length);
  const path = rest.startsWith('.') ? rest.slice(1).split('.') : rest.slice(1, -1).split('][');
  return { path, match: translateValueMatch(value), invert };
}

function isClaim(name: string): boolean {
  return name.startsWith(CLAIM) && (name[CLAIM.length] === '.' || name[CLAIM.length] === '[');
}
