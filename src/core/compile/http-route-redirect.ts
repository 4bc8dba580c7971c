import type { HTTPRedirect } from '../model/virtual-service.ts';
import type { PathMatch } from './http-route-match.ts';

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

/** Istio's `ApplyRedirect`. Undefined for a status that Envoy cannot send: the route is left without an action. */
export function translateRedirect(
  redirect: HTTPRedirect,
  matchedPath: PathMatch,
  listenerPort: number,
  tls: boolean,
): RedirectAction | undefined {
  const code = redirect.redirectCode ?? 0;
  const status = code === 0 ? 301 : code;
  if (!SUPPORTED_CODES.has(status)) return undefined;
  return {
    kind: 'redirect',
    host: redirect.authority ?? '',
    port: redirectPort(redirect, listenerPort, tls),
    scheme: redirect.scheme ?? '',
    path: redirect.uri ?? '',
    ...(redirect.prefixRewrite !== undefined && { prefixRewrite: redirect.prefixRewrite }),
    matchedPath,
    status,
  };
}

function redirectPort(redirect: HTTPRedirect, listenerPort: number, tls: boolean): number {
  const port = redirect.derivePort === 'FROM_REQUEST_PORT' ? listenerPort : (redirect.port ?? 0);
  const scheme = redirect.scheme || (tls ? 'https' : 'http');
  return (port === 80 && scheme === 'http') || (port === 443 && scheme === 'https') ? 0 : port;
}
