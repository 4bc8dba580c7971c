/** Cases of a table: an input, and what one of Istio's functions answered. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';

/** One line of a file. The fields beside `id` depend on the table. */
export interface TableCase {
  readonly id: string;
  readonly function?: string;
  readonly [field: string]: unknown;
}

export type Verdict =
  | { readonly kind: 'agreed' }
  | { readonly kind: 'differed'; readonly expected: unknown; readonly actual: unknown; readonly about?: string }
  /** The library has no such function and cannot be asked the question. */
  | { readonly kind: 'not applicable'; readonly reason: string };

/** A case may ask several questions. */
export type Table = (tableCase: TableCase) => readonly Verdict[];

export const agreed: Verdict = { kind: 'agreed' };

export function notApplicable(reason: string): Verdict {
  return { kind: 'not applicable', reason };
}

/** Compares what JSON can say of both. */
export function compare(expected: unknown, actual: unknown, about?: string): Verdict {
  const [recorded, ours] = [plain(expected), plain(actual)];
  if (isDeepStrictEqual(recorded, ours)) return agreed;
  return { kind: 'differed', expected: recorded, actual: ours, ...(about === undefined ? {} : { about }) };
}

function plain(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

export interface TableFile {
  readonly name: string;
  readonly cases: readonly TableCase[];
}

/** `.json` and `.json.gz` files, arrays of cases; folders are read without their subfolders. */
export function readTables(paths: readonly string[]): TableFile[] {
  return paths.flatMap(filesOf).flatMap((path) => {
    const bytes = readFileSync(path);
    const content: unknown = JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
    if (!Array.isArray(content)) return [];
    return [{ name: basename(path).replace(/\.json(\.gz)?$/, ''), cases: content.map(expand) as TableCase[] }];
  });
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.json(\.gz)?$/.test(name));
  return names.sort().map((name) => join(path, name));
}

/** Very long strings are written as `{ $repeat: { unit, times, tail } }`. */
function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== 'object' || value === null) return value;
  const repeat = (value as { $repeat?: { unit: string; times: number; tail: string } }).$repeat;
  if (repeat !== undefined) return repeat.unit.repeat(repeat.times) + repeat.tail;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expand(inner)]));
}

/** Protobuf's nil: the same as a field that is absent. Elements of lists stay. */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value))
    return value.map((element: unknown) => (element === null ? null : withoutNulls(element))) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutNulls<unknown>(inner)])) as T;
}
