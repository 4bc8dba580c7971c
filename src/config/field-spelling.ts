/**
 * Brings a value into the spelling that the schemas know, by walking value and schema together: `snake_case` names become
 * camelCase, fields set to null go (the API server drops them too), and for values that no CRD guards, enum numbers become
 * names and quoted numbers become numbers. Keys of maps (labels, headers) are never touched.
 */
import { camelCase } from './camel-case.ts';
import type { FieldPath } from './parse-yaml.ts';
import { type Form, ListForm, MapForm, NumberForm, ObjectForm, WordForm, WrappedForm } from './schema/form.ts';
import { outboundTrafficPolicyModes } from './schema/mesh-config.ts';

export interface SpellingOptions {
  /** Proto JSON alone, as for MeshConfig: enum numbers, quoted numbers. */
  readonly protoJson?: boolean;
  /** Called for each name that was spelt in snake_case. */
  onSnakeCase?(path: FieldPath, camelCase: string): void;
}

/** Parts without a schema, or of another type than their schema says, stay as they are: the schema will say so. */
export function respell(value: unknown, schema: Form, options: SpellingOptions, path: FieldPath = []): unknown {
  if (schema instanceof WrappedForm) return respell(value, schema.inner, options, path);
  if (schema instanceof ObjectForm)
    return isFields(value) ? respellFields(value, schema as ObjectForm, options, path) : value;
  if (schema instanceof MapForm) return isFields(value) ? respellMap(value, schema.value, options, path) : value;
  if (schema instanceof ListForm)
    return Array.isArray(value)
      ? value.map((item, index) => respell(item, schema.item, options, [...path, index]))
      : value;
  return options.protoJson === true ? respellScalar(value, schema) : value;
}

function respellFields(
  value: Readonly<Record<string, unknown>>,
  schema: ObjectForm,
  options: SpellingOptions,
  path: FieldPath,
): unknown {
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner === null || inner === undefined) continue;
    const known = knownName(name, schema, value);
    if (known !== name && !Object.hasOwn(schema.shape, name)) options.onSnakeCase?.([...path, name], known);
    const inside = schema.shape[known];
    result[known] = inside === undefined ? inner : respell(inner, inside, options, [...path, known]);
  }
  return result;
}

/** A snake_case name beside its own camelCase one stays, and is then an unknown field: one of the two must go. */
function knownName(name: string, schema: ObjectForm, value: Readonly<Record<string, unknown>>): string {
  if (!name.includes('_')) return name;
  const camel = camelCase(name);
  return Object.hasOwn(schema.shape, camel) && !Object.hasOwn(value, camel) ? camel : name;
}

function respellMap(
  value: Readonly<Record<string, unknown>>,
  schema: Form,
  options: SpellingOptions,
  path: FieldPath,
): unknown {
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== null && inner !== undefined) result[name] = respell(inner, schema, options, [...path, name]);
  }
  return result;
}

function respellScalar(value: unknown, schema: Form): unknown {
  if (schema instanceof WordForm && typeof value === 'number')
    return (
      (schema as WordForm).words.find((name, index) => (outboundTrafficPolicyModeNumber(name) ?? index) === value) ??
      value
    );
  const isNumber = typeof value === 'string' && /^-?[0-9]+(?:\.[0-9]+)?$/.test(value);
  return schema instanceof NumberForm && isNumber ? Number(value) : value;
}

/** The one enum here whose numbers have a gap; the schemas list the names of all others in the order of their numbers. */
function outboundTrafficPolicyModeNumber(name: string): number | undefined {
  return (outboundTrafficPolicyModes as Readonly<Record<string, number>>)[name];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
