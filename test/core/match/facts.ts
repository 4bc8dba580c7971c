/** Reads the recorded facts of this folder. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export interface Fact {
  readonly function: string;
  readonly input: unknown;
  readonly result: unknown;
}

export function readFacts(name: string): unknown[] {
  const bytes = readFileSync(new URL(`data/${name}.json.gz`, import.meta.url));
  return JSON.parse(gunzipSync(bytes).toString('utf8')) as unknown[];
}

/** The facts of one function, with long strings written out. */
export function factsOf(facts: readonly unknown[], name: string): Fact[] {
  return (facts as Fact[])
    .filter((fact) => fact.function === name)
    .map((fact) => ({ ...fact, input: written(fact.input) }));
}

function written(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(written);
  if ('$repeat' in value) {
    const { unit, times, tail = '' } = value.$repeat as { unit: string; times: number; tail?: string };
    return unit.repeat(times) + tail;
  }
  return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, written(below)]));
}
