import type { HttpCall } from '../compile/http-route-predicate.ts';
import { isCanonicalName } from '../match/canonical-host.ts';
import { isPlainPath, normalizePath } from '../match/path-normalization.ts';
import { lowerAscii } from '../match/string-match.ts';
import type { Connection, HttpRequest } from '../model/connection.ts';
import type { PathNormalizationType } from '../model/mesh-config.ts';
import { headersAtRouting, scanHeaders, type HeaderScan } from './http-headers.ts';

/** Why a request does not come as far as its routes. */
export type CallRefusal =
  'codec_error' | 'unsupported_upgrade' | 'missing_host' | 'invalid_authority' | 'path_normalization_failed';

const ROOT_REQUEST: HttpRequest = Object.freeze({ method: 'GET', path: '/', headers: Object.freeze({}) });

/** What Envoy's HTTP/1 parser takes for a method. */
const HTTP1_METHODS: ReadonlySet<string> = new Set([
  ...['ACL', 'BIND', 'CHECKOUT', 'CONNECT', 'COPY', 'DELETE', 'GET', 'HEAD', 'LINK', 'LOCK', 'MERGE', 'MKACTIVITY'],
  ...['MKCALENDAR', 'MKCOL', 'MOVE', 'MSEARCH', 'NOTIFY', 'OPTIONS', 'PATCH', 'POST', 'PROPFIND', 'PROPPATCH'],
  ...['PURGE', 'PUT', 'REBIND', 'REPORT', 'SEARCH', 'SOURCE', 'SUBSCRIBE', 'TRACE', 'UNBIND', 'UNLINK', 'UNLOCK'],
  ...['UNSUBSCRIBE'],
]);

const SLASH = 47;
const COLON = 58;
const BRACKET = 93;
/** RFC 3986: what an authority is made of. */
const IN_AUTHORITY = unitTable("!$%&'()*+,-.0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~");
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
  readonly hasEnvoyHeader: boolean;
  readonly #contentType: string | undefined;
  #headers: ReadonlyMap<string, string> | undefined;

  constructor(
    request: HttpRequest,
    protocol: Connection['protocol'],
    { authority, host, path, scheme, absolute }: Target,
    { contentType, hasEnvoyHeader }: HeaderScan,
  ) {
    this.request = request;
    this.protocol = protocol;
    this.authority = authority;
    this.host = host;
    this.method = request.method;
    this.scheme = scheme;
    this.path = path;
    const question = path.indexOf('?');
    this.pathname = question < 0 ? path : path.slice(0, question);
    this.absolute = absolute;
    this.hasEnvoyHeader = hasEnvoyHeader;
    this.#contentType = contentType;
  }

  header(name: string): string | undefined {
    this.#headers ??= headersAtRouting(this.request.headers, this.scheme);
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

  /** It goes on as it came, from the root of the host that the connection names. */
  get isPlain(): boolean {
    const { path, absolute, hasEnvoyHeader } = this;
    return path === this.request.path && path.charCodeAt(0) === SLASH && !absolute && !hasEnvoyHeader;
  }

  /** By the content type, as Envoy knows gRPC. */
  get isGrpc(): boolean {
    const type = this.#contentType;
    if (type === undefined) return this.protocol === 'grpc';
    return type.startsWith('application/grpc') && (type.length === 16 || type.charCodeAt(16) === 43);
  }
}

interface Target {
  readonly authority: string;
  readonly host: string;
  readonly path: string;
  readonly scheme: string;
  readonly absolute: boolean;
}

/**
 * Reads a request as Envoy's codec and connection manager do, in the order of their checks. `tls`: TLS ended here.
 * `edge`: a gateway, which sees for itself how a client came.
 */
export function readCall(
  connection: Connection,
  normalization: PathNormalizationType,
  tls: boolean,
  edge = false,
): NormalizedCall | CallRefusal {
  const { request = ROOT_REQUEST, protocol } = connection;
  const http1 = protocol !== 'http2' && protocol !== 'grpc';
  const headers = scanHeaders(connection.request?.headers);
  let { path } = request;
  let authority = authorityOf(connection, headers.host, tls ? 443 : 80);
  let scheme = tls ? 'https' : 'http';
  let absolute = false;
  const question = path.indexOf('?');
  const plain = isPlainPath(path);
  if (http1) {
    const { method } = request;
    if (method !== 'GET' && !HTTP1_METHODS.has(method)) return 'codec_error';
    // A plain path holds nothing that a target may not; what follows it is still unread.
    if (!plain ? !isTarget(path, 0) : question >= 0 && !isTarget(path, question)) return 'codec_error';
    const { forwardedProto } = headers;
    // The first line of HTTP/1.1 does not tell the scheme: it is what the client says it came by.
    if (!edge && (forwardedProto === 'http' || forwardedProto === 'https')) scheme = forwardedProto;
    const target = path.charCodeAt(0) === SLASH ? null : ABSOLUTE_TARGET.exec(path);
    if (target !== null) {
      const [whole, targetScheme = '', targetAuthority = ''] = target;
      absolute = true;
      scheme = targetScheme.toLowerCase();
      authority = targetAuthority;
      const rest = path.slice(whole.length);
      path = rest.startsWith('/') ? rest : `/${rest}`;
    } else if (path.charCodeAt(0) !== SLASH && path !== '*' && request.method !== 'CONNECT') {
      return 'codec_error';
    }
  } else if (request.scheme !== undefined) {
    ({ scheme } = request);
  }
  if (authority === undefined) return 'missing_host';
  const host = hostOf(authority);
  if (host === undefined) return 'invalid_authority';
  const normalized = path === '*' || (plain && !absolute) ? path : normalizePath(path, normalization);
  if (normalized === undefined) return 'path_normalization_failed';
  if (http1 && isUnsupportedUpgrade(request.method, headers.upgrade)) return 'unsupported_upgrade';
  return new NormalizedCall(request, protocol, { authority, host, path: normalized, scheme, absolute }, headers);
}

/** Whether method and target are of the kind that goes on as it came, the query included. */
export function isPlainTarget(method: string, path: string): boolean {
  if (method !== 'GET' && (method === 'CONNECT' || !HTTP1_METHODS.has(method))) return false;
  if (typeof path !== 'string' || path.charCodeAt(0) !== SLASH || !isPlainPath(path)) return false;
  const question = path.indexOf('?');
  return question < 0 || isTarget(path, question);
}

/**
 * Whether an HTTP/1.1 request goes on as it came, to the host that its connection names: only a route that asks for a path, a
 * method or a header tells such requests apart. `authority`: that of the connection, which a Host header may repeat.
 */
export function isPlainRequest(request: HttpRequest, authority: string | undefined): boolean {
  if (typeof request !== 'object' || request === null || !isPlainTarget(request.method, request.path)) return false;
  const { host, contentType, forwardedProto, upgrade, hasEnvoyHeader } = scanHeaders(request.headers);
  if ((host !== undefined && host !== authority) || upgrade !== undefined) return false;
  if (forwardedProto !== undefined || hasEnvoyHeader) return false;
  return contentType === undefined || !contentType.startsWith('application/grpc');
}

function authorityOf(
  { authority, host, port }: Connection,
  header: string | undefined,
  defaultPort: number,
): string | undefined {
  if (authority !== undefined) {
    // Envoy joins a second Host header to the first, and then knows no such host.
    return header === undefined || header === authority ? authority : `${authority},${header}`;
  }
  if (header !== undefined) return header;
  // A client that says nothing else sends what it dialled.
  if (host === undefined) return undefined;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return port === defaultPort ? bracketed : `${bracketed}:${port}`;
}

/**
 * The authority in lower case without its port, which is whatever follows the last colon outside brackets. Undefined:
 * it holds what no authority may.
 */
function hostOf(authority: string): string | undefined {
  if (isCanonicalName(authority)) return authority;
  let end = authority.length;
  let upper = false;
  for (let at = 0; at < authority.length; at += 1) {
    const unit = authority.charCodeAt(at);
    if (IN_AUTHORITY[unit] !== 1) return undefined;
    if (unit === COLON) end = at;
    else if (unit === BRACKET) end = authority.length;
    else if (unit >= 65 && unit <= 90) upper = true;
  }
  const host = end === authority.length ? authority : authority.slice(0, end);
  return upper ? lowerAscii(host) : host;
}

/** Tab and form feed pass Envoy's parser; other controls, the space and what is not ASCII do not. */
function isTarget(path: string, from: number): boolean {
  for (let at = from; at < path.length; at += 1) {
    const unit = path.charCodeAt(at);
    if ((unit < 33 && unit !== 9 && unit !== 12) || unit > 126) return false;
  }
  return path.length > 0;
}

/** Envoy as Istio sets it up lets WebSockets through; an offer of HTTP/2 is not taken up, and does no harm. */
function isUnsupportedUpgrade(method: string, upgrade: string | undefined): boolean {
  if (method === 'CONNECT') return true;
  const wanted = upgrade?.toLowerCase();
  return wanted !== undefined && wanted !== 'websocket' && wanted !== 'h2c';
}

function unitTable(letters: string): Uint8Array {
  const table = new Uint8Array(128);
  for (let at = 0; at < letters.length; at += 1) table[letters.charCodeAt(at)] = 1;
  return table;
}
