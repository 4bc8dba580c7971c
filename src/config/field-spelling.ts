/**
 * Brings a value into the spelling that the schemas know, by walking value and schema together: `snake_case` names become
 * camelCase, fields set to null go (the API server drops them too), and for values that no CRD guards, enum numbers become
 * names and quoted numbers become numbers. Keys of maps (labels, headers) are never touched.
 */
import type * as z from 'zod/mini';
import { camelCase } from './camel-case.ts';
import type { FieldPath } from './parse-yaml.ts';
import { outboundTrafficPolicyModes } from './schema/mesh-config.ts';

/** Any schema; the walk asks it about its structure. */
export type FieldSchema = z.core.$ZodType;

export interface SpellingOptions {
  /** Proto JSON alone, as for MeshConfig: enum numbers, quoted numbers. */
  readonly protoJson?: boolean;
  /** Called for each name that was spelt in snake_case. */
  onSnakeCase?(path: FieldPath, camelCase: string): void;
}

type Definition = { readonly type: string } & Record<string, unknown>;

/** Parts without a schema, or of another type than their schema says, stay as they are: the schema will say so. */
export function respell(value: unknown, schema: FieldSchema, options: SpellingOptions, path: FieldPath = []): unknown {
  const { type, ...definition } = schema._zod.def as unknown as Definition;
  switch (type) {
    case 'optional':
    case 'nullable':
      return respell(value, definition['innerType'] as FieldSchema, options, path);
    case 'object':
      return isFields(value) ? respellFields(value, schema as z.ZodMiniObject, options, path) : value;
    case 'record':
      return isFields(value) ? respellMap(value, definition['valueType'] as FieldSchema, options, path) : value;
    case 'array':
      return Array.isArray(value)
        ? value.map((item, index) => respell(item, definition['element'] as FieldSchema, options, [...path, index]))
        : value;
    default:
      return options.protoJson === true ? respellScalar(value, type, schema) : value;
  }
}

function respellFields(
  value: Readonly<Record<string, unknown>>,
  schema: z.ZodMiniObject,
  options: SpellingOptions,
  path: FieldPath,
): unknown {
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner === null || inner === undefined) continue;
    const known = knownName(name, schema, value);
    if (known !== name && !Object.hasOwn(schema.shape, name)) options.onSnakeCase?.([...path, name], known);
    const inside = schema.shape[known] as FieldSchema | undefined;
    result[known] = inside === undefined ? inner : respell(inner, inside, options, [...path, known]);
  }
  return result;
}

/** A snake_case name beside its own camelCase one stays, and is then an unknown field: one of the two must go. */
function knownName(name: string, schema: z.ZodMiniObject, value: Readonly<Record<string, unknown>>): string {
  if (!name.includes('_')) return name;
  const camel = camelCase(name);
  return Object.hasOwn(schema.shape, camel) && !Object.hasOwn(value, camel) ? camel : name;
}

function respellMap(
  value: Readonly<Record<string, unknown>>,
  schema: FieldSchema,
  options: SpellingOptions,
  path: FieldPath,
): unknown {
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== null && inner !== undefined) result[name] = respell(inner, schema, options, [...path, name]);
  }
  return result;
}

function respellScalar(value: unknown, type: string, schema: FieldSchema): unknown {
  if (type === 'enum' && typeof value === 'number') {
    const names = Object.keys((schema as z.ZodMiniEnum).def.entries);
    return names.find((name, index) => (outboundTrafficPolicyModeNumber(name) ?? index) === value) ?? value;
  }
  if (type === 'number' && typeof value === 'string' && /^-?[0-9]+(?:\.[0-9]+)?$/.test(value)) return Number(value);
  return value;
}

/** The one enum here whose numbers have a gap; the schemas list the names of all others in the order of their numbers. */
function outboundTrafficPolicyModeNumber(name: string): number | undefined {
  return (outboundTrafficPolicyModes as Readonly<Record<string, number>>)[name];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
