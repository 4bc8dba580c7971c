import { flatHeaders, type HeaderList } from '../upstream/header-operations.ts';

type HeaderValue = string | readonly string[] | undefined;

/**
 * Request headers in any shape that undici takes: a flat array of names and values, pairs, or an object; a value may
 * be a list. Anything else is left to undici's own complaint.
 */
export function readRequestHeaders(headers: unknown): HeaderList {
  const list: HeaderList = [];
  if (headers === null || typeof headers !== 'object') return list;
  if (Array.isArray(headers)) {
    for (let at = 0; at + 1 < headers.length; at += 2) append(list, headers[at], headers[at + 1]);
  } else if (Symbol.iterator in headers) {
    for (const pair of headers as Iterable<unknown>) if (Array.isArray(pair)) append(list, pair[0], pair[1]);
  } else for (const name of Object.keys(headers)) append(list, name, (headers as Record<string, unknown>)[name]);
  return list;
}

function append(list: HeaderList, name: unknown, value: unknown): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) for (const one of value) list.push([text(name), text(one)]);
  else list.push([text(name), text(value)]);
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
    : String(value);
}

/** Whether reading the headers used them up: then the list has to be sent in their place. */
export function isOneShot(headers: unknown): boolean {
  return typeof headers === 'object' && headers !== null && !Array.isArray(headers) && Symbol.iterator in headers;
}

/** Headers in the shape of `given`: dispatchers that hand requests on (ProxyAgent of undici 8) read no other than they gave. */
export function inShapeOf(given: unknown, list: HeaderList): unknown {
  if (Array.isArray(given) || isOneShot(given)) return list.flat();
  const names = new Map<string, string>();
  const shaped = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of list) {
    const lower = name.toLowerCase();
    const known = names.get(lower);
    const present = known === undefined ? undefined : shaped[known];
    if (known === undefined) names.set(lower, name);
    shaped[known ?? name] = present === undefined ? value : [present, value].flat();
  }
  return shaped;
}

/** By lower-case name; several values make a list. */
export function toHeaderRecord(list: HeaderList): Record<string, HeaderValue> {
  const record = Object.create(null) as Record<string, HeaderValue>;
  for (const [name, value] of list) {
    const lower = name.toLowerCase();
    const present = record[lower];
    record[lower] = present === undefined ? value : [...(typeof present === 'string' ? [present] : present), value];
  }
  return record;
}

/** Headers of an answer: raw (`[name, value, ...]`, as buffers or strings) and, in the newer API, also parsed. */
export interface ResponseHead {
  readonly raw: readonly unknown[] | null;
  readonly parsed: Readonly<Record<string, HeaderValue>> | null;
}

export function readResponseHead({ raw, parsed }: ResponseHead): HeaderList {
  const list: HeaderList = [];
  if (Array.isArray(raw)) for (let at = 0; at + 1 < raw.length; at += 2) append(list, raw[at], raw[at + 1]);
  else if (parsed !== null) for (const name of Object.keys(parsed)) append(list, name, parsed[name]);
  return list;
}

/** Names and values in turn, for a log. */
export function flatResponseHead({ raw, parsed }: ResponseHead): string[] {
  if (parsed !== null) return flatHeaders(parsed);
  return Array.isArray(raw) ? raw.map(text) : [];
}

/** Both forms of a list, so that either API can hand it on. */
export function toResponseHead(list: HeaderList): ResponseHead {
  const raw = list.flatMap(([name, value]) => [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')]);
  return { raw, parsed: { ...toHeaderRecord(list) } };
}
