import { stringify } from 'node:querystring';
import type { ParsedUrlQueryInput } from 'node:querystring';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { serverNameOf } from './connection-snapshot.ts';
import { hiddenField } from './hidden-field.ts';
import { agentOptions, parseOrigin } from './undici-dispatcher.ts';
import type { DispatchOptions, Origin } from './undici-dispatcher.ts';
import { isOneShot, readRequestHeaders, toHeaderRecord } from './undici-headers.ts';

export type Named = Connection & { readonly host: string; readonly request: HttpRequest };

/** What one dispatch asks for, read once. */
export interface AskedDispatch {
  /** To be dispatched in place of those that were read. */
  readonly options: DispatchOptions;
  readonly origin: Origin;
  readonly connection: Named;
  readonly headers: HeaderList;
}

/** Undefined: it names no origin that undici would take. */
export function readDispatch(dispatcher: object | undefined, given: DispatchOptions): AskedDispatch | undefined {
  const options: DispatchOptions = { ...given };
  const origin = parseOrigin(originOf(dispatcher) ?? options.origin);
  if (origin === undefined) return undefined;
  if (options.origin !== undefined) options.origin = origin.text;
  const headers = readRequestHeaders(options.headers);
  if (isOneShot(options.headers)) options.headers = headers.flat();
  settleQuery(options);
  const named = headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
  return { options, origin, connection: connectionTo(origin, options, headers, named), headers };
}

/** One request to an origin. `named`: its Host header, where it has one of its own. */
export function connectionTo(
  origin: Origin,
  { method, path, servername }: Pick<DispatchOptions, 'method' | 'path' | 'servername'>,
  headers: HeaderList,
  named: string | undefined,
): Named {
  const secure = origin.protocol === 'https:';
  const authority = named ?? origin.authority;
  const sni = secure ? serverNameOf(servername, origin.host, authority) : undefined;
  return {
    host: origin.host,
    port: origin.port,
    transport: secure ? 'tls' : 'tcp',
    protocol: 'http1',
    authority,
    ...(sni !== undefined && { sni }),
    request: {
      method: typeof method === 'string' ? method : 'GET',
      path: typeof path === 'string' ? path : '/',
      scheme: secure ? 'https' : 'http',
      headers: toHeaderRecord(headers),
    },
  };
}

interface Carries {
  readonly origin: string | undefined;
  readonly asIs: boolean;
}

const carried = new WeakMap<object, Carries>();

function carriesOf(dispatcher: object): Carries {
  let carries = carried.get(dispatcher);
  if (carries === undefined) {
    const url = hiddenField(dispatcher, 'url');
    const origin = url instanceof URL ? url.origin : undefined;
    carries = { origin, asIs: origin !== undefined || agentOptions(dispatcher) !== undefined };
    carried.set(dispatcher, carries);
  }
  return carries;
}

/** Pools and Clients connect to their own origin, whatever the options say; other dispatchers have none. */
export function originOf(dispatcher: object | undefined): string | undefined {
  return dispatcher && carriesOf(dispatcher).origin;
}

/** Whether it is an Agent, a Pool or a Client: others (a ProxyAgent) send another request than they were given. */
export function carriesAsIs(dispatcher: object): boolean {
  return carriesOf(dispatcher).asIs;
}

/** The path as undici will send it, its `query` option included. */
function settleQuery(options: DispatchOptions): void {
  if (typeof options.query !== 'object' || options.query === null) return;
  const path = typeof options.path === 'string' ? options.path : '/';
  const query = stringify(options.query as ParsedUrlQueryInput);
  options.query = undefined;
  options.path = query === '' ? path : `${path}?${query}`;
}
