import type { PathMatch } from '../compile/http-route-match.ts';
import type { RedirectAction } from '../compile/http-route-redirect.ts';
import type { Rewrite } from '../compile/http-route-action.ts';
import type { NormalizedCall } from './http-call.ts';

/** The path and query that a route's rewrite sends on. */
export function rewritePath({ matchedPath, prefix = '', regex }: Rewrite, call: NormalizedCall): string {
  const query = call.path.slice(call.pathname.length);
  if (regex !== undefined) return regex.apply(call.pathname) + query;
  return replaceMatched(matchedPath, prefix, call.pathname) + query;
}

/** The `location` of a redirect, as Envoy puts it together. */
export function redirectLocation(redirect: RedirectAction, call: NormalizedCall): string {
  const scheme = redirect.scheme || call.scheme;
  const port = redirect.port === 0 ? '' : `:${redirect.port}`;
  const host = redirect.host || requestHost(call, scheme, port !== '');
  return `${scheme}://${host}${port}${redirectPath(redirect, call)}`;
}

/** The request's own address: what a direct response with a 3xx or 201 status sends along. */
export function ownLocation(call: NormalizedCall): string {
  return `${call.scheme}://${call.authority}${call.path}`;
}

/** The `location` of a server with `httpsRedirect`. */
export function httpsLocation(call: NormalizedCall): string {
  return `https://${call.authority}${call.path}`;
}

/** The authority, without its port where another replaces it or where it was the default of the old scheme. */
function requestHost({ authority, scheme: oldScheme }: NormalizedCall, scheme: string, replacesPort: boolean): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.lastIndexOf(']') > colon) return authority;
  const port = authority.slice(colon);
  const wasDefault = (oldScheme === 'http' && port === ':80') || (oldScheme === 'https' && port === ':443');
  return replacesPort || (scheme !== oldScheme && wasDefault) ? authority.slice(0, colon) : authority;
}

function redirectPath({ path, prefixRewrite, matchedPath }: RedirectAction, call: NormalizedCall): string {
  const query = call.path.slice(call.pathname.length);
  if (path !== '') return path.includes('?') ? path : path + query;
  if (prefixRewrite !== undefined) return replaceMatched(matchedPath, prefixRewrite, call.pathname) + query;
  return call.path;
}

/** Puts `replacement` where the match stands: a prefix, or (exact, regex) all of the path. */
function replaceMatched(matched: PathMatch, replacement: string, pathname: string): string {
  const { kind, value } = matched;
  return kind === 'prefix' || kind === 'separatedPrefix' ? replacement + pathname.slice(value.length) : replacement;
}
