import type { HeaderOperations, Headers } from '../model/virtual-service.ts';

/** A header to be written. `append` false replaces what is there. */
export interface HeaderValue {
  readonly name: string;
  readonly value: string;
  readonly append: boolean;
}

/** Istio's `HeadersOperations` of one level: route or destination. */
export interface HeaderChanges {
  readonly requestAdd: readonly HeaderValue[];
  readonly requestRemove: readonly string[];
  readonly responseAdd: readonly HeaderValue[];
  readonly responseRemove: readonly string[];
  /** Of `host` or `:authority`; `set` before `add`. */
  readonly authority: string;
}

export const NO_HEADER_CHANGES: HeaderChanges = Object.freeze({
  requestAdd: [],
  requestRemove: [],
  responseAdd: [],
  responseRemove: [],
  authority: '',
});

/** Istio's `TranslateHeadersOperations`: `set` then `add`, by name; the authority is no header. */
export function translateHeaderOperations(headers: Headers | undefined): HeaderChanges {
  if (headers === undefined) return NO_HEADER_CHANGES;
  const { request, response } = headers;
  return {
    requestAdd: [...headerValues(request?.set, false), ...headerValues(request?.add, true)],
    requestRemove: withoutInternal(request),
    responseAdd: [...headerValues(response?.set, false), ...headerValues(response?.add, true)],
    responseRemove: withoutInternal(response),
    authority: authorityOf(request?.set) || authorityOf(request?.add),
  };
}

/** The changes of a single destination come after those of its route, on the same level. */
export function mergeHeaderChanges(route: HeaderChanges, destination: HeaderChanges): HeaderChanges {
  if (destination === NO_HEADER_CHANGES) return route;
  return {
    requestAdd: [...route.requestAdd, ...destination.requestAdd],
    requestRemove: [...route.requestRemove, ...destination.requestRemove],
    responseAdd: [...route.responseAdd, ...destination.responseAdd],
    responseRemove: [...route.responseRemove, ...destination.responseRemove],
    authority: route.authority || destination.authority,
  };
}

function headerValues(values: Readonly<Record<string, string>> | undefined, append: boolean): HeaderValue[] {
  return Object.entries(values ?? {})
    .filter(([name]) => !isInternal(name))
    .map(([name, value]) => ({ name, value, append }))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function authorityOf(values: Readonly<Record<string, string>> | undefined): string {
  let authority = '';
  for (const [name, value] of Object.entries(values ?? {})) {
    const lowered = name.toLowerCase();
    if (lowered === ':authority' || lowered === 'host') authority = value;
  }
  return authority;
}

function withoutInternal(operations: HeaderOperations | undefined): readonly string[] {
  return (operations?.remove ?? []).filter((name) => !isInternal(name));
}

function isInternal(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}
