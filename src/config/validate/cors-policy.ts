import { parseDurationNanoseconds, SECOND } from '../schema/duration.ts';
import type { CorsFields, StringMatchFields } from '../schema/virtual-service.ts';
import { corsHeaderProblem } from './http-header.ts';
import type { Report } from './problem.ts';
import { REGEX_FIX, regexProblem } from './regex.ts';
import { validateDuration } from './time.ts';

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
]);

export function validateCorsPolicy(report: Report, field: string, cors: CorsFields | undefined): void {
  if (cors === undefined) return;
  for (const [index, origin] of (cors.allowOrigins ?? []).entries())
    validateOrigin(report, `${field}.allowOrigins[${index}]`, origin);
  for (const [index, method] of (cors.allowMethods ?? []).entries()) {
    report.check('corsMethod', `${field}.allowMethods[${index}]`, methodProblem(method));
  }
  for (const list of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [index, name] of (cors[list] ?? []).entries())
      report.check('headerName', `${field}.${list}[${index}]`, corsHeaderProblem(name));
  }
  if (cors.maxAge === undefined) return;
  validateDuration(report, `${field}.maxAge`, cors.maxAge);
  if ((parseDurationNanoseconds(cors.maxAge) ?? 0n) % SECOND > 0n)
    report.error('duration', `${field}.maxAge`, 'maxAge is in whole seconds');
}

export function methodProblem(method: string): string | undefined {
  return METHODS.has(method) ? undefined : `${JSON.stringify(method)} is not an HTTP method`;
}

export function validateOrigin(report: Report, field: string, origin: StringMatchFields): void {
  const { exact, prefix, regex } = origin;
  if ((exact ?? prefix ?? regex ?? '') === '')
    report.error('corsOrigin', field, 'an origin must not be empty', 'set exact, prefix or regex');
  else if (regex !== undefined) report.check('regex', `${field}.regex`, regexProblem(regex), REGEX_FIX);
}
