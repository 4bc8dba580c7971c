/** What a schema has against a value, in the words of this loader. */
import * as z from 'zod/mini';
import type { DiagnosticCode } from './diagnostics.ts';
import type { FieldSchema } from './field-spelling.ts';
import type { FieldPath } from './parse-yaml.ts';
import { problemsOfIssues } from './schema-issues.ts';

export interface SchemaProblem {
  readonly code: DiagnosticCode;
  readonly path: FieldPath;
  readonly message: string;
  readonly fix?: string;
}

/** All problems, an unknown field each its own. Empty: the value has the form that the schema asks for. `whole` names it. */
export function schemaProblems(value: unknown, schema: FieldSchema, whole = 'the resource'): readonly SchemaProblem[] {
  const result = z.safeParse(schema, value);
  return result.success ? [] : problemsOfIssues(result.error.issues, value, schema, whole);
}
