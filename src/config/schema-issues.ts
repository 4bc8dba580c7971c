/** The issues that zod found, as problems that a person can act on. */
import type * as z from 'zod/mini';
import { type DiagnosticCode, loadingCodes } from './diagnostics.ts';
import { camelCase } from './camel-case.ts';
import { formatFieldPath } from './field-path.ts';
import type { FieldSchema } from './field-spelling.ts';
import type { FieldPath } from './parse-yaml.ts';
import type { SchemaProblem } from './schema-problems.ts';
import { codeOfRule } from './validate/rule-codes.ts';

type Issue = z.core.$ZodIssue;

/** All problems of a value that does not have the form of its schema. `whole` names it. */
export function problemsOfIssues(
  issues: readonly Issue[],
  value: unknown,
  schema: FieldSchema,
  whole: string,
): readonly SchemaProblem[] {
  return issues.flatMap((issue) => toProblems(issue, value, schema, whole));
}

function toProblems(issue: Issue, value: unknown, schema: FieldSchema, whole: string): readonly SchemaProblem[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(key, path, schema, whole));
    case 'invalid_type':
      return [wrongType(issue.expected, path, valueAt(value, path))];
    case 'invalid_value':
      return [wrongValue(issue.values, path, valueAt(value, path))];
    case 'invalid_union':
      return [wrongType('number or string', path, valueAt(value, path))];
    case 'too_big':
      return [{ code: 'SCL0405', path, message: `${sizeOf(issue.origin)} is more than ${String(issue.maximum)}` }];
    case 'too_small':
      return [{ code: 'SCL0405', path, message: `${sizeOf(issue.origin)} is less than ${String(issue.minimum)}` }];
    case 'custom':
      return [{ code: codeOf(issue.params), path, message: issue.message }];
    default:
      return [{ code: 'SCL0406', path, message: 'the value does not have the form of this field' }];
  }
}

/** Rules inside a schema name themselves, or the code that they lead to. */
function codeOf(params: Readonly<Record<string, unknown>> | undefined): DiagnosticCode {
  const name = String(params?.['rule']);
  return codeOfRule(name) ?? (Object.hasOwn(loadingCodes, name) ? (name as DiagnosticCode) : 'SCL0406');
}

function unknownField(key: string, path: FieldPath, schema: FieldSchema, whole: string): SchemaProblem {
  const known = fieldNames(schemaAt(schema, path));
  const meant = nearest(key, known);
  const parent = path.length === 0 ? whole : `\`${formatFieldPath(path)}\``;
  const fix = meant === undefined ? `remove it; ${parent} has ${listed(known)}` : `did you mean \`${meant}\`?`;
  return { code: 'SCL0401', path: [...path, key], message: `\`${key}\` is not a field of ${parent}`, fix };
}

function wrongType(expected: string, path: FieldPath, actual: unknown): SchemaProblem {
  if (actual === undefined) return { code: 'SCL0404', path, message: 'this field must be given' };
  const message = `expected ${describeType(expected)}, got ${describeValue(actual)}`;
  const problem = { code: 'SCL0402', path, message } as const;
  if (expected !== 'string' || typeof actual === 'object') return problem;
  return { ...problem, fix: 'quote it: YAML reads it as something other than text' };
}

function wrongValue(values: readonly unknown[], path: FieldPath, actual: unknown): SchemaProblem {
  if (actual === undefined) return { code: 'SCL0404', path, message: 'this field must be given' };
  if (typeof actual !== 'string') return wrongType('string', path, actual);
  const options = values.map(String);
  const meant = options.find((option) => option.toLowerCase() === actual.toLowerCase());
  const message = `\`${actual}\` is not one of ${listed(options)}`;
  return { code: 'SCL0403', path, message, ...(meant === undefined ? {} : { fix: `write \`${meant}\`` }) };
}

function sizeOf(origin: string): string {
  if (origin === 'string') return 'the number of characters';
  if (origin === 'array') return 'the number of items';
  return 'the number';
}

function describeType(expected: string): string {
  switch (expected) {
    case 'object':
    case 'record':
      return 'a map';
    case 'array':
      return 'a list';
    case 'int':
      return 'an integer';
    case 'boolean':
      return '`true` or `false`';
    default:
      return `a ${expected}`;
  }
}

function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return value.length > 40 ? 'a string' : `the string \`${value}\``;
  return `the ${typeof value} \`${JSON.stringify(value)}\``;
}

function listed(options: readonly string[]): string {
  return options.length === 0 ? 'no fields' : options.map((option) => `\`${option}\``).join(', ');
}

function valueAt(value: unknown, path: FieldPath): unknown {
  let inside = value;
  for (const step of path) {
    if (typeof inside !== 'object' || inside === null) return undefined;
    inside = (inside as Record<string | number, unknown>)[step];
  }
  return inside;
}

type Definition = Readonly<Record<string, FieldSchema | undefined>>;

function schemaAt(schema: FieldSchema | undefined, path: FieldPath): FieldSchema | undefined {
  if (schema === undefined) return undefined;
  const definition = schema._zod.def as unknown as Definition;
  const inner = definition['innerType'];
  if (inner !== undefined) return schemaAt(inner, path);
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const shape = definition['shape'] as unknown as Definition | undefined;
  return schemaAt(shape?.[String(step)] ?? definition['element'] ?? definition['valueType'], rest);
}

function fieldNames(schema: FieldSchema | undefined): readonly string[] {
  const shape = (schema?._zod.def as { shape?: object } | undefined)?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

/** A name at most two edits away, whatever its case. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = camelCase(name).toLowerCase();
  const scored = known.map((option) => ({ option, distance: editDistance(wanted, option.toLowerCase()) }));
  const best = scored.sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.min(2, wanted.length / 2) ? best.option : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_unused, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
