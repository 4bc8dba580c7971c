import { compileRegex, lowerAscii } from '../match/string-match.ts';
import type { HeaderMatch, PathMatch, QueryParameterMatch, RouteMatch, ValueMatch } from './http-route-match.ts';

/** What of a request its routes look at, normalised. */
export interface HttpCall {
  /** As sent, with its port. */
  readonly authority: string;
  readonly method: string;
  readonly scheme: string;
  /** Normalised, with the query. */
  readonly path: string;
  /** Normalised, without the query. */
  readonly pathname: string;
  /** By name in lower case; several values joined with a comma. Undefined: not there. */
  header(name: string): string | undefined;
  /** The first value of a parameter of the query, as sent. */
  queryParameter(name: string): string | undefined;
}

export type RoutePredicate = (call: HttpCall) => boolean;

const ALWAYS: RoutePredicate = () => true;
const NEVER: RoutePredicate = () => false;
const anyPath: RoutePredicate = (call) => call.pathname.charCodeAt(0) === 47;

/** Whether every request with a path from the root is accepted. */
export function acceptsAnyPath(predicate: RoutePredicate): boolean {
  return predicate === ALWAYS || predicate === anyPath;
}

/** Compiles a match into one question. A regular expression that is none matches nothing. */
export function compileRoutePredicate(match: RouteMatch): RoutePredicate {
  const rest: RoutePredicate[] = [];
  for (const header of match.headers) rest.push(compileHeader(header));
  for (const parameter of match.queryParameters) rest.push(compileQueryParameter(parameter));
  for (const claim of match.claims) if (!claim.invert) rest.push(NEVER);
  const path = compilePath(match.path, match.ignoreCase === true);
  const [first, ...others] = rest;
  if (first === undefined) return path;
  if (others.length === 0) return (call) => path(call) && first(call);
  return (call) => path(call) && rest.every((holds) => holds(call));
}

function compilePath({ kind, value }: PathMatch, ignoreCase: boolean): RoutePredicate {
  if (kind === 'regex') {
    if (value === '.*') return ALWAYS;
    const matches = compileSafely(value);
    return (call) => matches(call.pathname);
  }
  if (kind === 'prefix' && value === '/') return anyPath;
  if (kind === 'prefix' && value === '') return ALWAYS;
  const matches = ignoreCase ? foldedPath(kind, lowerAscii(value)) : plainPath(kind, value);
  return (call) => matches(call.pathname);
}

function plainPath(kind: 'exact' | 'prefix' | 'separatedPrefix', value: string): (pathname: string) => boolean {
  switch (kind) {
    case 'exact':
      return (pathname) => pathname === value;
    case 'prefix':
      return (pathname) => pathname.startsWith(value);
    case 'separatedPrefix':
      return (pathname) =>
        pathname.startsWith(value) && (pathname.length === value.length || pathname.charCodeAt(value.length) === 47);
  }
}

function foldedPath(kind: 'exact' | 'prefix' | 'separatedPrefix', lowered: string): (pathname: string) => boolean {
  const matches = plainPath(kind, lowered);
  if (kind === 'exact') return (pathname) => pathname.length === lowered.length && lowerAscii(pathname) === lowered;
  return (pathname) => matches(lowerAscii(pathname.slice(0, lowered.length + 1)));
}

function compileHeader({ name, match, invert, missingAsEmpty }: HeaderMatch): RoutePredicate {
  const read = headerReader(name);
  if (match.kind === 'present') {
    return invert ? (call) => read(call) === undefined : (call) => read(call) !== undefined;
  }
  const holds = compileValue(match);
  if (!invert) {
    return (call) => {
      const value = read(call);
      return value !== undefined && holds(value);
    };
  }
  return (call) => {
    const value = read(call);
    // Envoy: a negated match on a header that is not there holds, unless the header counts as empty.
    if (value === undefined && !missingAsEmpty) return true;
    return !holds(value ?? '');
  };
}

function headerReader(name: string): (call: HttpCall) => string | undefined {
  const lowered = lowerAscii(name);
  switch (lowered) {
    case ':method':
      return (call) => call.method;
    case ':authority':
    case 'host':
      return (call) => call.authority;
    case ':path':
      return (call) => call.path;
    case ':scheme':
      return (call) => call.scheme;
    default:
      return (call) => call.header(lowered);
  }
}

function compileQueryParameter({ name, match }: QueryParameterMatch): RoutePredicate {
  if (match.kind === 'present') return (call) => call.queryParameter(name) !== undefined;
  const holds = compileValue(match);
  return (call) => {
    const value = call.queryParameter(name);
    return value !== undefined && holds(value);
  };
}

function compileValue(match: Exclude<ValueMatch, { kind: 'present' }>): (value: string) => boolean {
  const { kind, value: wanted } = match;
  if (kind === 'exact') return (value) => value === wanted;
  if (kind === 'prefix') return (value) => value.startsWith(wanted);
  return wanted === '.*' ? acceptLine : compileSafely(wanted);
}

/** `.*` without the cost of an engine: RE2's dot does not take a line feed. */
function acceptLine(value: string): boolean {
  return !value.includes('\n');
}

function compileSafely(regex: string): (value: string) => boolean {
  try {
    return compileRegex(regex);
  } catch {
    return () => false;
  }
}
