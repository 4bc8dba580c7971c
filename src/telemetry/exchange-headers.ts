import type { HttpRequest } from '../core/model/connection.ts';
import type { HeaderOperation } from '../core/model/decision.ts';
import type { HeaderLookup } from './access-log-entry.ts';

/** A request that tells single headers, by name in lower case, without listing all. */
type TellingRequest = HttpRequest & { header?(name: string): string | readonly string[] | undefined };

/** Headers as they left. */
export class RequestHeaders implements HeaderLookup {
  readonly #request: TellingRequest;
  readonly #operations: readonly HeaderOperation[];

  constructor(request: HttpRequest, operations: readonly HeaderOperation[]) {
    this.#request = request;
    this.#operations = operations;
  }

  get(name: string): string | undefined {
    const request = this.#request;
    const value = request.header ? firstOf(request.header(name)) : findHeader(request.headers, name);
    return this.#operations.length === 0 ? value : afterOperations(name, value, this.#operations);
  }
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** First value of a header whose name may be written in any case. */
function findHeader(headers: Headers, name: string): string | undefined {
  const own = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (own !== undefined) return firstOf(own);
  for (const key of Object.keys(headers))
    if (key.length === name.length && key.toLowerCase() === name) return firstOf(headers[key]);
  return undefined;
}

function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value;
}

/** The value as it left, after the route's header operations. */
function afterOperations(
  name: string,
  value: string | undefined,
  operations: readonly HeaderOperation[],
): string | undefined {
  let result = value;
  for (const { op, name: changed, value: next } of operations) {
    if (changed.toLowerCase() !== name) continue;
    if (op === 'remove') result = undefined;
    else if (op === 'set' || result === undefined) result = next;
  }
  return result;
}

/** Headers as they came: name, value, name, value. */
export function rawLookup(raw: readonly string[] | undefined): HeaderLookup | undefined {
  if (raw === undefined) return undefined;
  return {
    get: (name) => {
      for (let index = 0; index + 1 < raw.length; index += 2)
        if (raw[index]?.length === name.length && raw[index]?.toLowerCase() === name) return raw[index + 1];
      return undefined;
    },
  };
}
