/** What a schema has against a value, in the words of this loader. */
import { type DiagnosticCode, loadingCodes } from './diagnostics.ts';
import { camelCase } from './camel-case.ts';
import { formatFieldPath } from './field-path.ts';
import type { FieldPath } from './parse-yaml.ts';
import { type Finding, findingsAbout, type Form, ListForm, MapForm, ObjectForm, WrappedForm } from './schema/form.ts';
import { ruleCodes } from './validate/rule-codes.ts';

export interface SchemaProblem {
  readonly code: DiagnosticCode;
  readonly path: FieldPath;
  readonly message: string;
  readonly fix?: string;
}

/** All problems, an unknown field each its own. Empty: the value has the form that the schema asks for. `whole` names it. */
export function schemaProblems(value: unknown, schema: Form, whole = 'the resource'): readonly SchemaProblem[] {
  return findingsAbout(value, schema).map((finding) => toProblem(finding, value, schema, whole));
}

function toProblem(finding: Finding, value: unknown, schema: Form, whole: string): SchemaProblem {
  const { path } = finding;
  switch (finding.code) {
    case 'unknown-field':
      return unknownField(finding.field, path, schema, whole);
    case 'type':
      return wrongType(finding.expected, path, valueAt(value, path));
    case 'word':
      return wrongValue(finding.words, path, valueAt(value, path));
    case 'size': {
      const message = `${sizeOf(finding.of)} is ${finding.over ? 'more' : 'less'} than ${finding.limit}`;
      return { code: 'SCL0405', path, message };
    }
    case 'rule':
      return { code: codeOfRule(finding.rule), path, message: finding.message };
  }
}

/** Rules inside a schema name themselves, or the code that they lead to. */
function codeOfRule(name: string): DiagnosticCode {
  if (Object.hasOwn(ruleCodes, name)) return ruleCodes[name as keyof typeof ruleCodes].code;
  return Object.hasOwn(loadingCodes, name) ? (name as DiagnosticCode) : 'SCL0406';
}

function unknownField(key: string, path: FieldPath, schema: Form, whole: string): SchemaProblem {
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

function wrongValue(options: readonly string[], path: FieldPath, actual: unknown): SchemaProblem {
  if (actual === undefined) return { code: 'SCL0404', path, message: 'this field must be given' };
  if (typeof actual !== 'string') return wrongType('string', path, actual);
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

function schemaAt(schema: Form | undefined, path: FieldPath): Form | undefined {
  if (schema instanceof WrappedForm) return schemaAt(schema.inner, path);
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  if (schema instanceof ObjectForm) return schemaAt((schema as ObjectForm).shape[String(step)], rest);
  if (schema instanceof ListForm) return schemaAt(schema.item, rest);
  return schema instanceof MapForm ? schemaAt(schema.value, rest) : undefined;
}

function fieldNames(schema: Form | undefined): readonly string[] {
  return schema instanceof ObjectForm ? Object.keys((schema as ObjectForm).shape) : [];
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
