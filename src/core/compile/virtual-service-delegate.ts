import type { HTTPMatchRequest, HTTPRoute, StringMatch, VirtualService } from '../model/virtual-service.ts';
import { namespaceOf } from './age.ts';

type StringMatches = Readonly<Record<string, StringMatch>>;

/**
 * The VirtualServices with hosts; routes that delegate are replaced by those of the delegate. A delegate that is
 * missing or that `isVisible` hides from the root's namespace takes its route away. In no particular order.
 */
export function mergeDelegates(
  virtualServices: readonly VirtualService[],
  isVisible: (delegate: VirtualService, namespace: string) => boolean,
): VirtualService[] {
  const delegates = new Map<string, VirtualService>();
  const plain: VirtualService[] = [];
  const roots: VirtualService[] = [];
  for (const virtualService of virtualServices) {
    const { hosts = [], http = [] } = virtualService.spec;
    if (hosts.length === 0)
      delegates.set(`${namespaceOf(virtualService)}/${virtualService.metadata.name}`, virtualService);
    else if (http.some(({ delegate }) => delegate !== undefined)) roots.push(virtualService);
    else plain.push(virtualService);
  }
  return [...plain, ...roots.map((root) => mergeRoot(root, delegates, isVisible))];
}

function mergeRoot(
  root: VirtualService,
  delegates: ReadonlyMap<string, VirtualService>,
  isVisible: (delegate: VirtualService, namespace: string) => boolean,
): VirtualService {
  const namespace = namespaceOf(root);
  const http = (root.spec.http ?? []).flatMap((route) => {
    if (route.delegate === undefined) return [route];
    const { name = '', namespace: other } = route.delegate;
    const delegate = delegates.get(`${other === undefined || other === '' ? namespace : other}/${name}`);
    if (delegate === undefined || !isVisible(delegate, namespace)) return [];
    return mergeHttpRoutes(route, delegate.spec.http ?? []);
  });
  return { ...root, spec: { ...root.spec, http } };
}

/** The delegate's routes under the root's; those that conflict with it are left out. Table: `MergeHTTPRoutes`. */
export function mergeHttpRoutes(root: HTTPRoute, delegate: readonly HTTPRoute[]): HTTPRoute[] {
  return delegate.flatMap((route) => mergeHttpRoute(root, route) ?? []);
}

/** Fields of the root that a delegate's route takes over when it has none of its own. */
const INHERITED = [
  'rewrite',
  'directResponse',
  'timeout',
  'retries',
  'fault',
  'mirror',
  'mirrors',
  'mirrorPercent',
  'mirrorPercentage',
  'corsPolicy',
  'headers',
] as const;

/** One route of a delegate under the root's; null for a conflict. Table: `mergeHTTPRoute`. */
export function mergeHttpRoute(root: HTTPRoute, delegate: HTTPRoute): HTTPRoute | null {
  const [match, conflict] = mergeHttpMatchRequests(root.match ?? [], delegate.match ?? []);
  if (conflict) return null;
  const inherited = Object.fromEntries(
    INHERITED.filter((field) => isUnset(delegate[field]) && root[field] !== undefined).map((field) => [
      field,
      root[field],
    ]),
  ) as Partial<HTTPRoute>;
  const { match: _replaced, ...rest } = delegate;
  return { ...rest, ...joinedName(root, delegate), ...(match.length === 0 ? {} : { match }), ...inherited };
}

function isUnset(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

/** The matches of both as `[matches, conflict]`: every one of the delegate must fit some of the root. */
export function mergeHttpMatchRequests(
  root: readonly HTTPMatchRequest[],
  delegate: readonly HTTPMatchRequest[],
): [matches: readonly HTTPMatchRequest[], conflict: boolean] {
  if (root.length === 0) return [delegate, false];
  if (delegate.length === 0) return [root, false];
  const merged: HTTPMatchRequest[] = [];
  for (const leaf of delegate) {
    const fitting = root.filter((match) => !hasConflict(match, leaf));
    if (fitting.length === 0) return [[], true];
    merged.push(...fitting.map((match) => mergeHttpMatchRequest(match, leaf)));
  }
  return [merged, false];
}

/** The delegate's match, completed by the root's. Table: `mergeHTTPMatchRequest`. */
export function mergeHttpMatchRequest(root: HTTPMatchRequest, delegate: HTTPMatchRequest): HTTPMatchRequest {
  const { gateways, ...leaf } = delegate;
  const joinedGateways = gateways !== undefined && gateways.length > 0 ? gateways : root.gateways;
  const { ignoreUriCase: _ofDelegateOnly, ...inherited } = root;
  return {
    ...inherited,
    ...leaf,
    ...joinedName(root, delegate),
    ...united('headers', root, delegate),
    ...united('withoutHeaders', root, delegate),
    ...united('queryParams', root, delegate),
    ...united('sourceLabels', root, delegate),
    ...(joinedGateways === undefined ? {} : { gateways: joinedGateways }),
    ...(leaf.port === undefined || leaf.port === 0 ? (root.port === undefined ? {} : { port: root.port }) : {}),
    ...(leaf.sourceNamespace === '' && root.sourceNamespace !== undefined
      ? { sourceNamespace: root.sourceNamespace }
      : {}),
  };
}

type Named = { readonly name?: string };

function joinedName(root: Named, delegate: Named): Named {
  const { name: own = '' } = delegate;
  const { name: above = '' } = root;
  const name = own !== '' && above !== '' ? `${above}-${own}` : own === '' ? above : own;
  return name === '' ? {} : { name };
}

type MapField = 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels';

function united(field: MapField, root: HTTPMatchRequest, delegate: HTTPMatchRequest): Partial<HTTPMatchRequest> {
  if (root[field] === undefined && delegate[field] === undefined) return {};
  return { [field]: { ...root[field], ...delegate[field] } };
}

/** Whether a request that satisfies `leaf` could fail `root`. Table: `hasConflict`. */
export function hasConflict(root: HTTPMatchRequest, leaf: HTTPMatchRequest): boolean {
  return (
    stringMatchConflict(root.uri, leaf.uri) ||
    stringMatchConflict(root.scheme, leaf.scheme) ||
    stringMatchConflict(root.method, leaf.method) ||
    stringMatchConflict(root.authority, leaf.authority) ||
    anyConflict(root.headers, leaf.headers) ||
    anyConflict(root.withoutHeaders, leaf.withoutHeaders) ||
    anyConflict(root.queryParams, leaf.queryParams) ||
    (root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false) ||
    portsDiffer(root.port ?? 0, leaf.port ?? 0) ||
    ((root.sourceNamespace ?? '') !== '' && leaf.sourceNamespace !== root.sourceNamespace) ||
    labelsDiffer(root.sourceLabels, leaf.sourceLabels) ||
    gatewaysDiffer(root.gateways ?? [], leaf.gateways ?? [])
  );
}

function anyConflict(root: StringMatches | undefined, leaf: StringMatches = {}): boolean {
  return Object.entries(leaf).some(([key, match]) => stringMatchConflict(root?.[key], match));
}

function portsDiffer(root: number, leaf: number): boolean {
  return root > 0 && leaf > 0 && root !== leaf;
}

function labelsDiffer(
  root: Readonly<Record<string, string>> = {},
  leaf: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(leaf).some(([key, value]) => Object.hasOwn(root, key) && root[key] !== value);
}

function gatewaysDiffer(root: readonly string[], leaf: readonly string[]): boolean {
  if (root.length === 0 || leaf.length === 0) return false;
  return root.length < leaf.length || leaf.some((gateway) => !root.includes(gateway));
}

/** Whether `leaf` is not within `root`, as far as Istio can tell: of regexes it cannot. Table: `stringMatchConflict`. */
export function stringMatchConflict(
  root: StringMatch | null | undefined,
  leaf: StringMatch | null | undefined,
): boolean {
  if (root == null || leaf == null) return false;
  const { exact: rootExact = '', prefix: rootPrefix = '', regex: rootRegex = '' } = root;
  const { exact = '', prefix = '', regex = '' } = leaf;
  if (rootRegex !== '' || regex !== '') return true;
  if (rootExact !== '') return prefix !== '' || exact !== rootExact;
  if (rootPrefix === '') return true;
  const within = prefix !== '' ? prefix : exact;
  return within === '' || !within.startsWith(rootPrefix);
}
