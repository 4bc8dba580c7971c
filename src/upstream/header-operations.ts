import type { HeaderOperation } from '../core/model/decision.ts';

/** Name and value, as they go over the wire, in order. */
export type HeaderList = [name: string, value: string][];

/**
 * Applies a route's header operations to a list of headers: `set` replaces every value, `add` appends one, `remove`
 * drops all, each by name without regard to case.
 */
export function applyHeaderOperations(headers: HeaderList, operations: readonly HeaderOperation[]): HeaderList {
  let list = headers;
  for (const { op, name, value = '' } of operations) {
    const lower = name.toLowerCase();
    const others = op === 'add' ? list : list.filter(([present]) => present.toLowerCase() !== lower);
    list = op === 'remove' ? others : [...others, [name, value]];
  }
  return list;
}

/** Replaces the Host header in its place, or puts one first. */
export function withAuthority(headers: HeaderList, authority: string): HeaderList {
  const at = headers.findIndex(([name]) => name.toLowerCase() === 'host');
  if (at < 0) return [['Host', authority], ...headers];
  return headers.map((header, index) => (index === at ? [header[0], authority] : header));
}

/** `[name, value, name, value]`, as Node gives raw headers, as a list. */
export function fromRawHeaders(raw: readonly string[]): HeaderList {
  const list: HeaderList = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return list;
}

/** An object of headers as Node gives raw ones: `[name, value, name, value]`. */
export function flatHeaders(
  headers: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): string[] {
  const flat: string[] = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (typeof value === 'string') flat.push(name, value);
    else if (typeof value === 'object') for (const one of value) flat.push(name, one);
    else if (value !== undefined) flat.push(name, String(value));
  }
  return flat;
}
