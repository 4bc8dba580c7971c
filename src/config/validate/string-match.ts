import type { StringMatchFields } from '../schema/virtual-service.ts';
import type { Report } from './problem.ts';
import { REGEX_FIX, regexProblem } from './regex.ts';

/** `emptyPrefix`: where "" as a prefix means any value, as Istio accepts for a URI. */
export function validateStringMatch(
  report: Report,
  field: string,
  match: StringMatchFields | undefined,
  { emptyPrefix = false } = {},
): void {
  if (match === undefined) return;
  if (match.prefix === '' && !emptyPrefix) {
    report.error(
      'stringMatch',
      `${field}.prefix`,
      'an empty prefix matches everything',
      'remove the match, or name a prefix',
    );
  }
  if (match.regex === undefined) return;
  if (match.regex === '')
    report.error(
      'stringMatch',
      `${field}.regex`,
      'an empty regex matches the empty string only',
      'remove the match, or write a regex',
    );
  else report.check('regex', `${field}.regex`, regexProblem(match.regex), REGEX_FIX);
}
