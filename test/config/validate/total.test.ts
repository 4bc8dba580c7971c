import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyzeMeshConfig } from '../../../src/config/analyze/analyze.ts';
import { type UncheckedResource, validateResource } from '../../../src/config/validate/validate-resource.ts';
import { readTables } from '../../conformance/table.ts';

const resources = readTables([fileURLToPath(new URL('../../conformance/tables/validation.json.gz', import.meta.url))])
  .flatMap(({ cases }) => cases.map((each) => each['input'] as UncheckedResource))
  .filter(({ apiVersion }) => apiVersion !== undefined);

/** Replaces one value somewhere inside. */
function damaged(value: unknown, path: readonly number[], replacement: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== 'object' || value === null) return replacement;
  if (Array.isArray(value)) {
    if (value.length === 0) return [replacement];
    return value.map((each: unknown, index) =>
      index === step % value.length ? damaged(each, rest, replacement) : each,
    );
  }
  const keys = Object.keys(value);
  const key = keys[step % Math.max(keys.length, 1)];
  if (key === undefined) return { damaged: replacement };
  return { ...value, [key]: damaged((value as Record<string, unknown>)[key], rest, replacement) };
}

describe('whatever a spec holds', () => {
  it('is answered, not thrown at', () => {
    const place = fc.array(fc.nat(9), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...resources), place, fc.jsonValue(), (resource, path, replacement) => {
        const spec = damaged(resource.spec, path, replacement);
        const problems = validateResource({ ...resource, spec });
        expect(() => analyzeMeshConfig([{ ...resource, spec }])).not.toThrow();
        for (const { field, message } of problems) expect(field.length * message.length).toBeGreaterThan(0);
      }),
      { numRuns: 3000 },
    );
  });

  it('has the same answer twice, and does not depend on what is beside it', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(resources, { minLength: 2, maxLength: 12 }), (some) => {
        const codes = (input: readonly UncheckedResource[]): string[] =>
          analyzeMeshConfig(input)
            .filter(({ code }) => code === 'IST0106')
            .map(({ field, message }) => `${field} ${message}`)
            .sort();
        expect(codes([...some].reverse())).toEqual(codes(some));
      }),
      { numRuns: 100 },
    );
  });
});
