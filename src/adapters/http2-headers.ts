import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { applyHeaderOperations } from '../upstream/header-operations.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import type { HeaderOperation } from '../core/model/decision.ts';
import type { RequestPlan } from '../upstream/request-plan.ts';

/** What `session.request` takes: an object, or since Node 24 names and values in a row. */
export type RequestHeaders = OutgoingHttpHeaders | readonly unknown[] | null | undefined;

/** Read once, in either shape. Names lower-case; several values are several entries. */
export function readStreamHeaders(headers: RequestHeaders): HeaderList {
  const list: HeaderList = [];
  const append = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value])
      list.push([name.toLowerCase(), typeof one === 'string' ? one : String(one)]);
  };
  if (Array.isArray(headers))
    for (let at = 0; at + 1 < headers.length; at += 2) append(String(headers[at]), headers[at + 1]);
  else for (const [name, value] of Object.entries(headers ?? {})) append(name, value);
  return list;
}

/** As an object for `session.request`. What was marked sensitive stays so. */
export function toStreamHeaders(list: HeaderList, original: RequestHeaders): OutgoingHttpHeaders {
  const headers = Object.create(null) as Record<PropertyKey, unknown>;
  for (const [name, value] of list) {
    const present = headers[name];
    headers[name] =
      present === undefined ? value : [...(Array.isArray(present) ? (present as unknown[]) : [present]), value];
  }
  const sensitive = (original as Record<symbol, unknown> | null | undefined)?.[SENSITIVE];
  if (sensitive !== undefined) headers[SENSITIVE] = sensitive;
  return headers as OutgoingHttpHeaders;
}

const SENSITIVE = Symbol.for('nodejs.http2.sensitiveHeaders');

export function valueOf(list: HeaderList, name: string): string | undefined {
  return list.find(([other]) => other === name)?.[1];
}

/** Response headers are one object that all listeners are given: it is changed in place, before they see it. */
export function changeInPlace(headers: IncomingHttpHeaders, operations: readonly HeaderOperation[]): void {
  const before = readStreamHeaders(headers);
  const after = toStreamHeaders(
    applyHeaderOperations(before, operations).map(([name, value]) => [name.toLowerCase(), value]),
    null,
  );
  for (const name of Object.keys(headers)) if (!(name in after)) Reflect.deleteProperty(headers, name);
  const kept = headers as Record<string, unknown>;
  for (const name of Object.keys(after)) if (name !== ':status') kept[name] = after[name];
}

/** Whether the head leaves otherwise than the application gave it. */
export function changesHead(plan: RequestPlan): boolean {
  return plan.request !== undefined || plan.requestHeaders.length > 0;
}

/** The head as it leaves: header operations and rewrites of the route. */
export function rewritten(list: HeaderList, plan: RequestPlan): HeaderList {
  const changed = applyHeaderOperations(list, plan.requestHeaders).map(([name, value]): [string, string] => [
    name.toLowerCase(),
    value,
  ]);
  if (plan.request === undefined) return changed;
  const { method, path, authority } = plan.request;
  const rest = changed.filter(([name]) => ![':method', ':path', ':authority', 'host'].includes(name));
  const kept = authority === '' ? changed.filter(([name]) => name === ':authority') : [[':authority', authority]];
  return [[':method', method], [':path', path], ...(kept as HeaderList), ...rest];
}

/** On a session of another place the authority has to be said: what it would be by itself is that place's. */
export function withAuthorityOf({ authority }: { readonly authority?: string }, list: HeaderList): HeaderList {
  if (authority === undefined || list.some(([name]) => name === ':authority' || name === 'host')) return list;
  return [[':authority', authority], ...list];
}
