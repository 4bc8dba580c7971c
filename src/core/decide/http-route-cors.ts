import type { CorsRules } from '../model/decision.ts';
import { compileStringMatch } from '../match/string-match.ts';
import type { NormalizedCall } from './http-call.ts';

type OriginTest = (origin: string) => boolean;

const originTests = new WeakMap<CorsRules, OriginTest>();

/** What a route with CORS rules does to a request, before it is forwarded. */
export type CorsVerdict =
  | { readonly kind: 'forward' }
  /** Answered here, with these headers. */
  | { readonly kind: 'preflight'; readonly headers: readonly (readonly [string, string])[] };

const FORWARD: CorsVerdict = Object.freeze({ kind: 'forward' });
const NO_HEADERS: readonly (readonly [string, string])[] = Object.freeze([]);

/**
 * Envoy's CORS filter: an OPTIONS request with an origin and a requested method is a preflight. One from an allowed
 * origin is answered; another goes on, or with `unmatchedPreflights: IGNORE` is answered without permission.
 */
export function corsVerdict(cors: CorsRules, call: NormalizedCall): CorsVerdict {
  if (call.method !== 'OPTIONS') return FORWARD;
  const origin = call.header('origin');
  if (origin === undefined || origin === '') return FORWARD;
  const allowed = isAllowedOrigin(cors, origin);
  if (!allowed && cors.forwardUnmatchedPreflights) return FORWARD;
  if ((call.header('access-control-request-method') ?? '') === '') return FORWARD;
  return { kind: 'preflight', headers: allowed ? preflightHeaders(cors, origin) : NO_HEADERS };
}

/** Whether an origin may read the answers of the route. */
export function isAllowedOrigin(cors: CorsRules, origin: string): boolean {
  let test = originTests.get(cors);
  if (test === undefined) {
    test = compileOrigins(cors);
    originTests.set(cors, test);
  }
  return test(origin);
}

function compileOrigins({ allowOrigins }: CorsRules): OriginTest {
  const tests = allowOrigins.map((origin): OriginTest => {
    try {
      return compileStringMatch(origin);
    } catch {
      return () => false;
    }
  });
  // A rule that takes `*` for an origin takes every origin.
  return (origin) => tests.some((matches) => matches('*') || matches(origin));
}

function preflightHeaders(cors: CorsRules, origin: string): [string, string][] {
  const headers: [string, string][] = [['access-control-allow-origin', origin]];
  if (cors.allowCredentials === true) headers.push(['access-control-allow-credentials', 'true']);
  if (cors.allowMethods !== undefined) headers.push(['access-control-allow-methods', cors.allowMethods]);
  if (cors.allowHeaders !== undefined) headers.push(['access-control-allow-headers', cors.allowHeaders]);
  if (cors.maxAge !== undefined) headers.push(['access-control-max-age', cors.maxAge]);
  return headers;
}
