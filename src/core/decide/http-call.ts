import type { HttpCall } from '../compile/http-route-predicate.ts';
import { normalizePath } from '../match/path-normalization.ts';
import { lowerAscii } from '../match/string-match.ts';
import type { Connection, HttpRequest } from '../model/connection.ts';
import type { PathNormalizationType } from '../model/mesh-config.ts';

/** Why a request does not come as far as its routes. */
export type CallRefusal = 'codec_error' | 'missing_host' | 'invalid_authority' | 'path_normalization_failed';

const ROOT_REQUEST: HttpRequest = Object.freeze({ method: 'GET', path: '/', headers: Object.freeze({}) });

/** What Envoy's HTTP/1 parser takes for a method. */
const HTTP1_METHODS: ReadonlySet<string> = new Set([
  ...['ACL', 'BIND', 'CHECKOUT', 'CONNECT', 'COPY', 'DELETE', 'GET', 'HEAD', 'LINK', 'LOCK', 'MERGE', 'MKACTIVITY'],
  ...['MKCALENDAR', 'MKCOL', 'MOVE', 'MSEARCH', 'NOTIFY', 'OPTIONS', 'PATCH', 'POST', 'PROPFIND', 'PROPPATCH'],
  ...['PURGE', 'PUT', 'REBIND', 'REPORT', 'SEARCH', 'SOURCE', 'SUBSCRIBE', 'TRACE', 'UNBIND', 'UNLINK', 'UNLOCK'],
  ...['UNSUBSCRIBE'],
]);

/** Tab and form feed pass Envoy's parser; other controls, the space and what is not ASCII do not. */
const INVALID_TARGET = /[^\t\f!-~]/;
/** RFC 3986: what an authority is made of. */
const INVALID_AUTHORITY = /[^A-Za-z0-9!$%&'()*+,\-.:;=@[\]_~]/;
const ABSOLUTE_TARGET = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i;

/** A request as its routes see it, normalised once; headers and query are taken apart when a route asks. */
export class NormalizedCall implements HttpCall {
  readonly authority: string;
  /** The authority in lower case, without its port. */
  readonly host: string;
  readonly method: string;
  readonly scheme: string;
  /** Normalised path and query: what goes on when no route rewrites it. */
  readonly path: string;
  readonly pathname: string;
  readonly request: HttpRequest;
  /** HTTP/1.1 unless the connection says otherwise. */
  readonly protocol: Connection['protocol'];
  /** The target named the authority itself: `GET http://host/path`. */
  readonly absolute: boolean;
  #headers: Map<string, string> | undefined;

  constructor(
    request: HttpRequest,
    protocol: Connection['protocol'],
    authority: string,
    path: string,
    scheme: string,
    absolute: boolean,
  ) {
    this.absolute = absolute;
    this.request = request;
    this.protocol = protocol;
    this.authority = authority;
    this.host = lowerAscii(withoutPort(authority));
    this.method = request.method;
    this.scheme = scheme;
    this.path = path;
    const question = path.indexOf('?');
    this.pathname = question < 0 ? path : path.slice(0, question);
  }

  header(name: string): string | undefined {
    this.#headers ??= joinHeaders(this.request.headers);
    return this.#headers.get(name);
  }

  queryParameter(name: string): string | undefined {
    const question = this.path.indexOf('?');
    if (question < 0) return undefined;
    for (const pair of this.path.slice(question + 1).split('&')) {
      const equals = pair.indexOf('=');
      if ((equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : pair.slice(equals + 1);
    }
    return undefined;
  }

  /** By the content type, as Envoy knows gRPC. */
  get isGrpc(): boolean {
    const type = this.header('content-type');
    if (type === undefined) return this.protocol === 'grpc';
    return type === 'application/grpc' || type.startsWith('application/grpc+');
  }
}

/** Reads a request as Envoy's codec and connection manager do, in the order of their checks. `tls`: TLS ended here. */
export function readCall(
  connection: Connection,
  normalization: PathNormalizationType,
  tls: boolean,
): NormalizedCall | CallRefusal {
  const request = connection.request ?? ROOT_REQUEST;
  const http1 = connection.protocol !== 'http2' && connection.protocol !== 'grpc';
  let { path } = request;
  let authority = authorityOf(connection, tls ? 443 : 80);
  let absolute = false;
  let scheme = (http1 ? forwardedScheme(request) : request.scheme) ?? (tls ? 'https' : 'http');
  if (http1) {
    if (!HTTP1_METHODS.has(request.method) || path === '' || INVALID_TARGET.test(path)) return 'codec_error';
    const target = path.charCodeAt(0) === 47 ? null : ABSOLUTE_TARGET.exec(path);
    if (target !== null) {
      const [whole, targetScheme = '', targetAuthority = ''] = target;
      absolute = true;
      scheme = targetScheme.toLowerCase();
      authority = targetAuthority;
      const rest = path.slice(whole.length);
      path = rest.startsWith('/') ? rest : `/${rest}`;
    } else if (path.charCodeAt(0) !== 47 && path !== '*' && request.method !== 'CONNECT') {
      return 'codec_error';
    }
  }
  if (authority === undefined) return 'missing_host';
  if (INVALID_AUTHORITY.test(authority)) return 'invalid_authority';
  const normalized = path === '*' ? path : normalizePath(path, normalization);
  if (normalized === undefined) return 'path_normalization_failed';
  return new NormalizedCall(request, connection.protocol, authority, normalized, scheme, absolute);
}

function authorityOf({ authority, request, host, port }: Connection, defaultPort: number): string | undefined {
  const header = request === undefined ? undefined : hostHeader(request);
  // Envoy joins a second Host header to the first, and then knows no such host.
  if (authority !== undefined)
    return header === undefined || header === authority ? authority : `${authority},${header}`;
  if (header !== undefined) return header;
  // A client that says nothing else sends what it dialled.
  if (host === undefined) return undefined;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return port === defaultPort ? bracketed : `${bracketed}:${port}`;
}

function hostHeader({ headers }: HttpRequest): string | undefined {
  for (const name in headers) {
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    const value = headers[name];
    if (value !== undefined) return typeof value === 'string' ? value : value.join(',');
  }
  return undefined;
}

/** The scheme of a request whose first line does not tell it: what a client says it came by. */
function forwardedScheme({ headers }: HttpRequest): string | undefined {
  for (const name in headers) {
    if (name.length !== 17 || name.toLowerCase() !== 'x-forwarded-proto') continue;
    const value = headers[name];
    if (value === 'http' || value === 'https') return value;
  }
  return undefined;
}

/** Whatever follows the last colon is the port, unless it stands inside brackets. */
function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.lastIndexOf(']') > colon ? authority : authority.slice(0, colon);
}

function joinHeaders(headers: HttpRequest['headers']): Map<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const lowered = lowerAscii(name);
    const text = typeof value === 'string' ? value : value.join(',');
    const before = joined.get(lowered);
    joined.set(lowered, before === undefined ? text : `${before},${text}`);
  }
  return joined;
}
