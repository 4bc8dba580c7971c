import type { z } from 'zod';
import { Report, type RuleName } from './problem.ts';

/** What the schema of a kind says of `spec`: the part of the API server. */
export function validateStructure(report: Report, schema: z.ZodType, spec: unknown): void {
  const result = schema.safeParse(spec);
  if (result.success) return;
  for (const issue of result.error.issues) reportIssue(report, issue);
}

function reportIssue(report: Report, issue: z.core.$ZodIssue): void {
  const field = pathText(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys)
        report.error(
          'unknownField',
          `${field}.${key}`,
          `the field ${key} does not exist here`,
          'check its spelling and where it stands',
        );
      return;
    case 'invalid_type':
      if (issue.input === undefined)
        report.error('missingField', field, `the field ${String(issue.path.at(-1))} must be given`);
      else report.error('wrongType', field, `must be ${withArticle(issue.expected)}`);
      return;
    case 'invalid_value':
      report.error('unknownValue', field, `must be one of ${issue.values.map(String).join(', ')}`);
      return;
    case 'too_small':
      report.error('outOfRange', field, `must be at least ${issue.minimum}${unitOf(issue.origin)}`);
      return;
    case 'too_big':
      report.error('outOfRange', field, `must be at most ${issue.maximum}${unitOf(issue.origin)}`);
      return;
    case 'custom':
      report.error(ruleOf(issue.params), field, issue.message);
      return;
    default:
      report.error('wrongForm', field, issue.message);
  }
}

function ruleOf(params: Readonly<Record<string, unknown>> | undefined): RuleName {
  return (params?.['rule'] as RuleName | undefined) ?? 'wrongForm';
}

function withArticle(type: string): string {
  if (type === 'record' || type === 'object') return 'a map';
  if (type === 'array') return 'a list';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries' : '';
}

/** `['http', 0, 'route']` -> `spec.http[0].route`. */
function pathText(path: readonly PropertyKey[]): string {
  let text = 'spec';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += /^[A-Za-z_][\w-]*$/.test(String(part)) ? `.${String(part)}` : `[${JSON.stringify(part)}]`;
  }
  return text;
}
