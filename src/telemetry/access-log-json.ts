import type { AccessLogEntry, MetadataValue } from './access-log-entry.ts';
import { toByteString, toJsonString } from './byte-string.ts';

/** Writes its part of a JSON line; undefined: to be left out. */
export type JsonTemplate = (entry: AccessLogEntry) => string | undefined;

/** JSON of a value whose strings are byte strings: keys in byte order, compact. */
export function jsonText(value: MetadataValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return toJsonString(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(jsonText).join(',')}]`;
  return `{${sortedKeys(value)
    .map((key) => `${toJsonString(toByteString(key))}:${jsonText(value[key] ?? null)}`)
    .join(',')}}`;
}

export function isList(value: object): value is readonly MetadataValue[] {
  return Array.isArray(value);
}

/** Byte order, not JavaScript's order of numbers before names. */
function sortedKeys(value: object): string[] {
  return Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The shortest digits that read back the same; exponents have two digits at least. */
function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return `${value}`;
  if (!Number.isFinite(value)) return 'null';
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/**
 * Compiles a JSON format: strings through `compileString`, everything else as it stands. With `omit` an object member
 * or list element without a value is left out, and so is an object that has become empty, but not a list.
 */
export function compileJsonTemplate(
  format: MetadataValue,
  compileString: (text: string) => JsonTemplate,
  omit: boolean,
): JsonTemplate {
  if (typeof format === 'string') return compileString(format);
  if (typeof format !== 'object' || format === null) {
    const text = jsonText(format);
    return () => text;
  }
  if (isList(format)) {
    const items = format.map((item) => compileJsonTemplate(item, compileString, omit));
    return (entry) => `[${present(items, entry).join(',')}]`;
  }
  const members = sortedKeys(format).map((key): JsonTemplate => {
    const name = toJsonString(toByteString(key));
    const member = compileJsonTemplate(format[key] ?? null, compileString, omit);
    return (entry) => {
      const value = member(entry);
      return value === undefined ? undefined : `${name}:${value}`;
    };
  });
  return (entry) => {
    const written = present(members, entry);
    return omit && written.length === 0 ? undefined : `{${written.join(',')}}`;
  };
}

function present(templates: readonly JsonTemplate[], entry: AccessLogEntry): string[] {
  const written: string[] = [];
  for (const template of templates) {
    const text = template(entry);
    if (text !== undefined) written.push(text);
  }
  return written;
}
