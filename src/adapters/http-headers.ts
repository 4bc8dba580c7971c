import { OutgoingMessage } from 'node:http';
import type { HttpRequest } from '../core/model/connection.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import type { NodeRequest } from './http-connection.ts';

export type HeaderValue = string | readonly string[] | undefined;

/** The symbol under which Node keeps headers that are not rendered yet: lower-case name -> [name, value]. */
const HEADERS = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === 'kOutHeaders',
);

/** Headers as they stand now, names lower-case; those of an already rendered block are read from it. */
export function headersOf(request: NodeRequest): Record<string, HeaderValue> {
  const headers = Object.create(null) as Record<string, HeaderValue>;
  if (request._header) {
    for (const [name, value] of renderedHeaders(request._header)) {
      const lower = name.toLowerCase();
      const present = headers[lower];
      headers[lower] = present === undefined ? value : [...(typeof present === 'string' ? [present] : present), value];
    }
    return headers;
  }
  const kept = keptHeaders(request);
  if (kept) for (const name in kept) headers[name] = headerText(kept[name]?.[1]);
  else for (const [name, value] of Object.entries(request.getHeaders())) headers[name] = headerText(value);
  return headers;
}

/** Headers that Node keeps until it renders them, and afterwards: lower-case name -> [name, value]. */
export function keptHeaders(request: NodeRequest): Record<string, [string, unknown]> | null | undefined {
  return (
    HEADERS && ((request as unknown as Record<symbol, unknown>)[HEADERS] as Record<string, [string, unknown]> | null)
  );
}

/** Whether headers are still what they were when they were read: on the path of every request, so nothing is copied. */
export function sameHeaders(request: NodeRequest, before: HttpRequest['headers']): boolean {
  const kept = request._header ? undefined : keptHeaders(request);
  const now = kept ?? headersOf(request);
  let names = 0;
  for (const name in now) {
    const entry = now[name];
    const value = kept ? headerText(kept[name]?.[1]) : (entry as HeaderValue);
    const former = before[name];
    if (
      value !== former &&
      (typeof value !== 'object' || value.join('\n') !== String((former as string[])?.join?.('\n')))
    )
      return false;
    names += 1;
  }
  return names === Object.keys(before).length;
}

/** Headers that are not rendered yet, with names as the application wrote them. */
export function unrenderedHeaders(request: NodeRequest): HeaderList {
  return request.getRawHeaderNames().map((name) => [name, request.getHeader(name) as string]);
}

export function renderedHeaders(block: string): HeaderList {
  return block
    .split('\r\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}

export function headerText(value: unknown): HeaderValue {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(String) : String(value);
}
