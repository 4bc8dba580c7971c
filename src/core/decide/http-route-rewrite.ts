import type { PathMatch } from '../compile/http-route-match.ts';
import type { Rewrite } from '../compile/http-route.ts';
import type { NormalizedCall } from './http-call.ts';

/** The path and query that a route's rewrite sends on. */
export function rewritePath({ matchedPath, prefix = '', regex }: Rewrite, call: NormalizedCall): string {
  const query = call.path.slice(call.pathname.length);
  if (regex !== undefined) return regex.apply(call.pathname) + query;
  return replaceMatched(matchedPath, prefix, call.pathname) + query;
}

/** Puts `replacement` where the match stands: a prefix, or (exact, regex) all of the path. */
export function replaceMatched(matched: PathMatch, replacement: string, pathname: string): string {
  const { kind, value } = matched;
  return kind === 'prefix' || kind === 'separatedPrefix' ? replacement + pathname.slice(value.length) : replacement;
}
