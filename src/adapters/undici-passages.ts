import { isPlainHeader, isPlainTarget } from '../core/index.ts';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import { requestRetries } from '../upstream/retry-conditions.ts';
import type { Guard, Passage } from './seam.ts';
import { carriesAsIs, originOf } from './undici-connection.ts';
import type { AskedDispatch } from './undici-connection.ts';
import type { DispatchOptions } from './undici-dispatcher.ts';
import { readRequestHeaders, toHeaderRecord } from './undici-headers.ts';
import type { CreatedRequest } from './undici-unseen.ts';

/** How many origins are kept before all are asked for anew. */
const MAX_ORIGINS = 1024;

const SLASH = 47;

/** The passage of one origin, for requests whose Host header is the origin's own. */
export class UndiciPassage {
  readonly passage: Passage;
  readonly #origin: string;
  readonly #authority: string;
  /** Without the request. */
  readonly #destination: Connection & { readonly host: string };
  /** The last path that was plain: mostly it is looked at again at once. */
  #plainPath: unknown;

  constructor(
    origin: string,
    authority: string,
    destination: Connection & { readonly host: string },
    passage: Passage,
  ) {
    this.#origin = origin;
    this.#authority = authority;
    this.#destination = destination;
    this.passage = passage;
  }

  /** Whether a request to its origin goes by it. */
  takes({ method, path, headers, query, upgrade, servername }: DispatchOptions): boolean {
    if (query || upgrade || servername) return false;
    return this.#isPlain(method ?? 'GET', path) && this.#takesHeaders(headers);
  }

  /** The same of what undici made of it, which is what will be written. */
  admits({ origin, method, path, host, upgrade }: CreatedRequest): boolean {
    if (origin !== this.#origin || upgrade || !this.#isPlain(method, path)) return false;
    return host === undefined || host === null || host === '' || host === this.#authority;
  }

  /** What was decided, for those who want to know it of one request. */
  connectionOf({ method = 'GET', path, headers }: DispatchOptions): Connection {
    const { host, port, sni } = this.#destination;
    const transport = sni === undefined ? 'tcp' : 'tls';
    const scheme = sni === undefined ? 'http' : 'https';
    const request = new PassingRequest(method as string, path as string, scheme, headers);
    const authority = this.#authority;
    if (sni === undefined) return { host, port, transport, protocol: 'http1', authority, request };
    return { host, port, transport, protocol: 'http1', authority, sni, request };
  }

  #isPlain(method: unknown, path: unknown): boolean {
    // What a forward proxy is asked to carry is for its own destination to admit.
    if (typeof path !== 'string' || path.charCodeAt(0) !== SLASH || method === 'CONNECT') return false;
    if (this.passage.requests === 'all') return true;
    if (path === this.#plainPath && method === 'GET') return true;
    if (typeof method !== 'string' || !isPlainTarget(method, path)) return false;
    this.#plainPath = path;
    return true;
  }

  #takesHeaders(headers: unknown): boolean {
    if (headers === undefined || headers === null) return true;
    if (typeof headers !== 'object') return false;
    let hosts = 0;
    const takes = (name: unknown, value: unknown): boolean => {
      if (typeof name !== 'string') return false;
      const lower = name.toLowerCase();
      // More than one Host is nobody's host.
      if (lower === 'host') return value === this.#authority && (hosts += 1) === 1;
      return this.passage.requests === 'all' || isPlainHeader(lower, value, this.#authority);
    };
    if (Array.isArray(headers)) {
      for (let at = 0; at < headers.length; at += 2) if (!takes(headers[at], headers[at + 1])) return false;
      return true;
    }
    // What can be read only once is read where it is decided.
    if (Symbol.iterator in headers) return false;
    for (const name of Object.keys(headers)) if (!takes(name, (headers as Record<string, unknown>)[name])) return false;
    return true;
  }
}

/** A request by a passage: its headers are read when they are asked for. */
class PassingRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly #given: unknown;
  #headers: HttpRequest['headers'] | undefined;

  constructor(method: string, path: string, scheme: string, given: unknown) {
    this.method = method;
    this.path = path;
    this.scheme = scheme;
    this.#given = given;
  }

  get headers(): HttpRequest['headers'] {
    return (this.#headers ??= toHeaderRecord(readRequestHeaders(this.#given)));
  }
}

/**
 * The passages of the origins that this process talks to. Most requests are decided here: by what was decided for the same
 * origin before, and by a look at their own method, path and headers, twice: when they are dispatched, and when undici has
 * made its own request of them.
 */
export class UndiciPassages {
  readonly #guard: Guard;
  readonly #byOrigin = new Map<string, UndiciPassage | undefined>();
  #generation = 0;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /** The passage that a request goes by, if it does. */
  find(dispatcher: object | undefined, options: DispatchOptions): UndiciPassage | undefined {
    if (this.#generation !== this.#guard.generation) return undefined;
    if (dispatcher !== undefined && !carriesAsIs(dispatcher)) return undefined;
    const origin = originOf(dispatcher) ?? options.origin;
    if (typeof origin !== 'string' || (options.origin !== undefined && options.origin !== origin)) return undefined;
    const found = this.#byOrigin.get(origin);
    return found?.takes(options) === true ? found : undefined;
  }

  /** Asks, once for each origin, whether there is a passage for the requests that follow. */
  learn({ connection, origin: asked }: AskedDispatch): void {
    if (this.#generation !== this.#guard.generation) {
      this.#byOrigin.clear();
      this.#generation = this.#guard.generation;
    }
    const { protocol, host, authority } = asked;
    const origin = `${protocol}//${authority}`;
    const sni = protocol === 'https:' ? host : undefined;
    if (this.#byOrigin.has(origin) || connection.authority !== authority || connection.sni !== sni) return;
    if (this.#byOrigin.size >= MAX_ORIGINS) this.#byOrigin.clear();
    this.#byOrigin.set(origin, this.#ask(origin, authority, connection));
  }

  #ask(origin: string, authority: string, connection: AskedDispatch['connection']): UndiciPassage | undefined {
    const passage = this.#guard.passage(connection);
    if (passage === undefined) return undefined;
    if (passage.plan.target !== undefined || requestRetries(passage.plan) !== undefined) return undefined;
    const { request: _request, ...destination } = connection;
    return new UndiciPassage(origin, authority, destination, passage);
  }
}
