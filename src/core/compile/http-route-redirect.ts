import type { HTTPRedirect } from '../model/virtual-service.ts';
import type { PathMatch, RouteSemantics } from './http-route-match.ts';

/** Envoy's redirect action. Empty and 0: as the request has it. */
export interface RedirectAction {
  readonly kind: 'redirect';
  readonly host: string;
  readonly port: number;
  readonly scheme: string;
  /** Replaces the path; with a `?` also the query. */
  readonly path: string;
  /** Replaces what `matchedPath` matched. */
  readonly prefixRewrite?: string;
  readonly matchedPath: PathMatch;
  readonly status: number;
}

const SUPPORTED_CODES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** How a redirect made from a Gateway API route says that its path takes the place of the matched prefix. */
const PREFIX = '%PREFIX()%';

/** Istio's `ApplyRedirect`. Undefined for a status that Envoy cannot send: the route is left without an action. */
export function translateRedirect(
  redirect: HTTPRedirect,
  matchedPath: PathMatch,
  listenerPort: number,
  tls: boolean,
  semantics?: RouteSemantics,
): RedirectAction | undefined {
  const code = redirect.redirectCode ?? 0;
  const status = code === 0 ? 301 : code;
  if (!SUPPORTED_CODES.has(status)) return undefined;
  const uri = redirect.uri ?? '';
  const replacesPrefix = semantics === 'gateway' && uri.startsWith(PREFIX);
  const prefixRewrite = replacesPrefix ? uri.slice(PREFIX.length) : redirect.prefixRewrite || undefined;
  return {
    kind: 'redirect',
    host: redirect.authority ?? '',
    port: redirectPort(redirect, listenerPort, tls),
    scheme: redirect.scheme ?? '',
    path: replacesPrefix ? '' : uri,
    ...(prefixRewrite !== undefined && { prefixRewrite }),
    matchedPath,
    status,
  };
}

function redirectPort(redirect: HTTPRedirect, listenerPort: number, tls: boolean): number {
  const port = redirect.derivePort === 'FROM_REQUEST_PORT' ? listenerPort : (redirect.port ?? 0);
  const scheme = redirect.scheme || (tls ? 'https' : 'http');
  return (port === 80 && scheme === 'http') || (port === 443 && scheme === 'https') ? 0 : port;
}
