/** Objects made in code -> values of the loader's own, which it may freeze, and within the limits that texts have. */
import type { SourceLocation } from '../core/model/resource.ts';
import type { TextProblem } from './parse-yaml.ts';
import { FORBIDDEN_KEYS, MAX_NESTING } from './yaml-limits.ts';

export type PlainCopy = { readonly value: unknown } | { readonly problem: TextProblem };

/** A deep copy of what JSON can say. `undefined` fields are left out. */
export function copyPlain(value: unknown): PlainCopy {
  const location: SourceLocation = {};
  try {
    return { value: copy(value, 0) };
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    return { problem: { code: error.code, message: error.message, location } };
  }
}

class NotPlain extends Error {
  readonly code: TextProblem['code'];

  constructor(code: TextProblem['code'], message: string) {
    super(message);
    this.code = code;
  }
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
      throw new NotPlain('SCL0108', `a ${typeof value} cannot be part of a resource`);
    return value;
  }
  // A cycle ends here too.
  if (depth >= MAX_NESTING) throw new NotPlain('SCL0105', `objects are nested deeper than ${MAX_NESTING} levels`);
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (FORBIDDEN_KEYS.has(name)) throw new NotPlain('SCL0107', `the key \`${name}\` is refused`);
    if (inner !== undefined) result[name] = copy(inner, depth + 1);
  }
  return result;
}
