import type { HeadersFields } from '../schema/virtual-service.ts';
import { headerValueProblem } from './header-value.ts';
import { keyed, type Report } from './problem.ts';

const HEADER_NAME = /^[-_A-Za-z0-9]+$/;
/** What Envoy takes as the name of a header to match: RFC 9110's token, a comma, and `:` in front for `:authority`. */
const MATCHED_NAME = /^:?[0-9a-zA-Z!#$%&'*+,\-.^_|~`]+$/;
const CLAIM_PREFIX = '@request.auth.claims';

/** Letters, digits, `-` and `_`: narrower than what HTTP allows. */
export function strictHeaderProblem(name: string): string | undefined {
  if (name === '') return 'a header name must not be empty';
  return HEADER_NAME.test(name) ? undefined : `${JSON.stringify(name)} is not a header name`;
}

/** A header to match: also `@request.auth.claims.group`, a claim of the request's token. */
export function matchedHeaderProblem(name: string): string | undefined {
  if (name === '') return 'a header name must not be empty';
  return isClaimRoute(name) || MATCHED_NAME.test(name) ? undefined : `${JSON.stringify(name)} is not a header name`;
}

/** CORS lists may hold `*`. */
export function corsHeaderProblem(name: string): string | undefined {
  return name === '*' ? undefined : strictHeaderProblem(name);
}

/** Whether Istio reads it as a token's claim, `@request.auth.claims.a` or `@request.auth.claims[a][b]`. */
export function isClaimRoute(name: string): boolean {
  if (!name.toLowerCase().startsWith(CLAIM_PREFIX)) return false;
  const claim = name.slice(CLAIM_PREFIX.length);
  if (claim.startsWith('.')) return claim.length > 1;
  return claim.length > 2 && claim.startsWith('[') && claim.endsWith(']');
}

export function isAuthorityHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === ':authority' || lower === 'host';
}

/** Headers that Envoy keeps to itself. */
export function isInternalHeader(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}

/** A request header to set or add: the authority is allowed. */
export function requestHeaderProblem(name: string): string | undefined {
  if (name === '') return 'a header name must not be empty';
  return isInternalHeader(name) && !isAuthorityHeader(name)
    ? `${JSON.stringify(name)} is a pseudo-header; it cannot be set`
    : undefined;
}

/** A header to remove, or a response header. */
export function changedHeaderProblem(name: string): string | undefined {
  if (name === '') return 'a header name must not be empty';
  if (name.toLowerCase() === 'host') return 'Host cannot be changed here';
  return isInternalHeader(name) ? `${JSON.stringify(name)} is a pseudo-header; it cannot be changed` : undefined;
}

/** `headers` of a route or of a destination. */
export function validateHeaders(report: Report, field: string, headers: HeadersFields | undefined): void {
  const sides = [
    ['request', requestHeaderProblem],
    ['response', changedHeaderProblem],
  ] as const;
  for (const [side, nameProblem] of sides) {
    const operations = headers?.[side];
    for (const operation of ['add', 'set'] as const) {
      for (const [name, value] of Object.entries(operations?.[operation] ?? {})) {
        const at = keyed(`${field}.${side}.${operation}`, name);
        report.check('headerName', at, nameProblem(name));
        report.check('headerValue', at, headerValueProblem(value), 'write %% for a percent sign');
      }
    }
    for (const [index, name] of (operations?.remove ?? []).entries()) {
      report.check('headerName', `${field}.${side}.remove[${index}]`, changedHeaderProblem(name));
    }
  }
}
