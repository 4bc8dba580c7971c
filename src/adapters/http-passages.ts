import { isPlainHeader, isPlainTarget, LEADING_HEADERS } from '../core/index.ts';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import { DECIDED, type DecidedSocket } from './decided-socket.ts';
import { destinationOf, type NodeAgent, type NodeRequest } from './http-connection.ts';
import { headerText, keptHeaders, type HeaderValue } from './http-headers.ts';
import type { HttpPools } from './http-pools.ts';
import type { Guard, Passage, RequestPlan } from './seam.ts';

/** How many hosts are kept, and how many destinations of each, before all are asked for anew. */
const MAX_HOSTS = 1024;
const MAX_PER_HOST = 8;

const SLASH = 47;

/** The passage of one destination, under the options and the Host header with which it was asked for. */
export class HttpPassage {
  /** Without the request. */
  readonly connection: Connection & { readonly host: string };
  readonly passage: Passage | undefined;
  readonly mark: DecidedSocket;
  readonly port: unknown;
  readonly servername: unknown;

  constructor(
    connection: Connection & { readonly host: string },
    passage: Passage | undefined,
    mark: DecidedSocket,
    port: unknown,
    servername: unknown,
  ) {
    this.connection = connection;
    this.passage = passage;
    this.mark = mark;
    this.port = port;
    this.servername = servername;
  }

  /**
   * Whether a request whose head is not rendered yet goes where it leads, as its headers, method and path stand now. Headers
   * that only change how it leaves are looked for when the head is rendered: see {@link takes}.
   */
  leads(request: NodeRequest): boolean {
    const kept = this.#headersOf(request);
    if (kept === undefined) return false;
    if (this.passage?.requests === 'all') return true;
    if (!isPlainTarget(request.method, request.path)) return false;
    for (const name of LEADING_HEADERS) {
      const header = kept[name];
      if (header !== undefined && !isPlainHeader(name, header[1], this.connection.authority)) return false;
    }
    return true;
  }

  /** Whether such a request goes by it just as it stands now. */
  takes(request: NodeRequest): boolean {
    const kept = this.#headersOf(request);
    if (kept === undefined) return false;
    if (this.passage?.requests === 'all') return true;
    if (!isPlainTarget(request.method, request.path)) return false;
    const { authority } = this.connection;
    for (const name of Object.keys(kept)) if (!isPlainHeader(name, kept[name]?.[1], authority)) return false;
    return true;
  }

  /** Unless the request is not one for this host, whatever the others are. */
  #headersOf(request: NodeRequest): Exclude<ReturnType<typeof keptHeaders>, null> {
    const kept = request._header ? undefined : keptHeaders(request);
    const { authority } = this.connection;
    if (!kept || authority === undefined || kept['host']?.[1] !== authority) return undefined;
    // What a forward proxy is asked to carry is for its own destination to admit.
    return request.method === 'CONNECT' || request.path.charCodeAt(0) !== SLASH ? undefined : kept;
  }

  /** What was decided, for those who want to know it of one request. */
  connectionOf(request: NodeRequest): Connection & { readonly host: string } {
    const { host, port, transport, sni, authority } = this.connection;
    const asked = new PassingRequest(request, transport === 'tls' ? 'https' : 'http');
    const protocol = 'http1';
    if (sni === undefined)
      return { host, port, transport: transport ?? 'tcp', protocol, authority: authority ?? '', request: asked };
    return { host, port, transport: transport ?? 'tcp', protocol, authority: authority ?? '', request: asked, sni };
  }
}

/** A request by a passage. Nothing was decided by its headers but what makes it plain: they are read when they are asked for. */
class PassingRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly #request: NodeRequest;

  constructor(request: NodeRequest, scheme: string) {
    this.method = request.method;
    this.path = request.path;
    this.scheme = scheme;
    this.#request = request;
  }

  get headers(): HttpRequest['headers'] {
    const headers = Object.create(null) as Record<string, HeaderValue>;
    const kept = keptHeaders(this.#request);
    for (const name in kept) headers[name] = headerText(kept[name]?.[1]);
    return headers;
  }

  /** One header, by its name in lower case. */
  header(name: string): HeaderValue {
    const kept = keptHeaders(this.#request)?.[name];
    return kept && headerText(kept[1]);
  }
}

/**
 * The passages of the destinations that this process talks to. Most requests are decided here: by what was decided for the
 * same destination before, and by a look at their own method, path and headers, twice: when they are handed to their agent,
 * and when their head is rendered.
 */
export class HttpPassages {
  readonly #guard: Guard;
  readonly #pools: HttpPools;
  readonly #byHost = new Map<string, HttpPassage[]>();
  #generation = 0;

  constructor(guard: Guard, pools: HttpPools) {
    this.#guard = guard;
    this.#pools = pools;
  }

  /** The passage that a request goes by, if it does. */
  find(
    agent: NodeAgent,
    request: NodeRequest,
    options: Readonly<Record<PropertyKey, unknown>>,
  ): HttpPassage | undefined {
    if (this.#generation !== this.#guard.generation) return undefined;
    const { host, port, socketPath, servername } = destinationOf(agent, options);
    if (typeof host !== 'string' || socketPath) return undefined;
    const known = this.#byHost.get(host);
    if (known === undefined) return undefined;
    const transport = request.protocol === 'https:' ? 'tls' : 'tcp';
    for (const one of known)
      if (one.port === port && one.servername === servername && one.connection.transport === transport)
        if (one.passage !== undefined && one.leads(request)) return one;
    return undefined;
  }

  /** Asks, once for each destination, whether there is a passage for those that follow. */
  learn(
    agent: NodeAgent,
    options: Readonly<Record<PropertyKey, unknown>>,
    connection: Connection & { readonly host: string },
    plan: RequestPlan,
  ): void {
    if (this.#generation !== this.#guard.generation) {
      this.#byHost.clear();
      this.#generation = this.#guard.generation;
    }
    const { host, port, servername } = destinationOf(agent, options);
    const { authority, transport } = connection;
    if (typeof host !== 'string' || host !== connection.host || authority === undefined) return;
    const known = this.#byHost.get(host) ?? [];
    const isKnown = known.some(
      (one) =>
        one.port === port &&
        one.servername === servername &&
        one.connection.transport === transport &&
        one.connection.authority === authority,
    );
    if (isKnown) return;
    if (this.#byHost.size >= MAX_HOSTS || known.length >= MAX_PER_HOST) this.#byHost.clear();
    const passage = this.#guard.passage(connection);
    const mark = this.#pools.mark(connection, passage?.plan ?? plan, undefined);
    const { request: _request, ...destination } = connection;
    this.#byHost.set(host, [
      ...known.slice(1 - MAX_PER_HOST),
      new HttpPassage(destination, passage, mark, port, servername),
    ]);
  }
}

/** The options are Node's own copy, made for this request: a field may be put on them, which a spread would cost. */
export function withMark(options: Record<PropertyKey, unknown>, mark: DecidedSocket): Record<PropertyKey, unknown> {
  try {
    options[DECIDED] = mark;
    return options;
  } catch {
    return { ...options, [DECIDED]: mark };
  }
}
