import type { PathNormalizationType } from '../model/mesh-config.ts';

const PERCENT = 37;
const DOT = 46;
const SLASH = 47;
const SEMICOLON = 59;
const QUESTION = 63;
const BACKSLASH = 92;

/** What a path may hold as it is: RFC 3986's `pchar`, the slash, and the brackets that Envoy lets pass. */
const KEPT = unitTable("!$&'()*+,-./0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~");
/** Of these, what means nothing of its own. */
const PLAIN = KEPT.map((kept, unit) => (unit === SLASH || unit === DOT ? 0 : kept));
/** Letters, digits, `-._~`: the same with and without their escape. */
const UNRESERVED = unitTable('-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');

/**
 * The path by which a request is routed and with which it goes on, as Envoy rewrites it for MeshConfig's
 * `pathNormalization`. Takes path and query; the query stays as it is, a fragment is dropped. Undefined: refused with
 * 400, for it holds an escaped NUL.
 */
export function normalizePath(path: string, type: PathNormalizationType): string | undefined {
  if (isPlainPath(path)) return path;
  const fragment = path.indexOf('#');
  const whole = fragment < 0 ? path : path.slice(0, fragment);
  if (type === 'NONE') return whole;
  const question = whole.indexOf('?');
  const query = question < 0 ? '' : whole.slice(question);
  let pathname = question < 0 ? whole : whole.slice(0, question);
  // In this order: slashes that were hidden in escapes take part in what follows.
  if (type === 'DECODE_AND_MERGE_SLASHES') pathname = unescapeSlashes(pathname);
  const resolved = resolvePath(pathname);
  if (resolved === undefined) return undefined;
  const merged = type === 'MERGE_SLASHES' || type === 'DECODE_AND_MERGE_SLASHES' ? mergeSlashes(resolved) : resolved;
  return merged + query;
}

/**
 * Whether the path goes on as it is: nothing to resolve, decode, escape or merge up to the query, and no fragment. So it
 * is with most; it costs one pass and no memory.
 */
export function isPlainPath(path: string): boolean {
  for (let at = 0; at < path.length; at += 1) {
    const unit = path.charCodeAt(at);
    if (PLAIN[unit] === 1) continue;
    if (unit === QUESTION) return at > 0 && !path.includes('#', at);
    if (unit !== SLASH && unit !== DOT) return false;
    // A slash or a dot behind a slash has something to merge or to resolve.
    if (at === 0 ? unit === DOT : path.charCodeAt(at - 1) === SLASH) return false;
  }
  return path.length > 0;
}

function unescapeSlashes(path: string): string {
  return path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
}

/** Envoy's `mergeSlashes`: a path of slashes alone keeps its first and its last. */
function mergeSlashes(path: string): string {
  if (!path.includes('//')) return path;
  const segments = path.split('/').filter((segment) => segment !== '');
  return `${path.startsWith('/') ? '/' : ''}${segments.join('/')}${path.endsWith('/') ? '/' : ''}`;
}

/**
 * Resolves `.` and `..` (also escaped, and with path parameters), turns backslashes into slashes, decodes the escapes
 * of unreserved characters, and escapes what a path may not hold. Undefined: an escaped NUL.
 */
function resolvePath(path: string): string | undefined {
  let output = path.charCodeAt(0) === SLASH || path.charCodeAt(0) === BACKSLASH ? '' : '/';
  let brokenEscape = -1;
  let at = 0;
  while (at < path.length) {
    const unit = path.charCodeAt(at);
    const dot = dotLength(path, at);
    if (dot > 0) {
      const segment = output.endsWith('/') ? dotSegment(path, at) : undefined;
      if (segment?.up === true) output = parentOf(output);
      else if (segment === undefined) output += '.';
      at = segment === undefined ? at + dot : segment.end;
    } else if (unit === BACKSLASH) {
      output += '/';
      at += 1;
    } else if (unit !== PERCENT) {
      output += KEPT[unit] === 1 ? path[at] : escapeUnit(path, at);
      at += isLeadSurrogate(path, at) ? 2 : 1;
    } else {
      const byte = escapedByte(path, at);
      if (byte === 0) return undefined;
      if (byte === undefined) {
        // Not an escape: it stays, but nothing decoded later may complete it.
        brokenEscape = output.length;
        output += '%';
        at += 1;
      } else if (UNRESERVED[byte] === 1) {
        output += String.fromCharCode(byte);
        at += 3;
        if (brokenEscape >= 0 && output.length - brokenEscape <= 3)
          output = guardEscape(output, brokenEscape, path, at);
      } else {
        output += path.slice(at, at + 3);
        at += 3;
      }
    }
  }
  return output;
}

/** A segment of one or two dots that begins at `start`: where it ends, its slash included, and whether it leads up. */
function dotSegment(path: string, start: number): { readonly up: boolean; readonly end: number } | undefined {
  const first = start + dotLength(path, start);
  const second = first + dotLength(path, first);
  let end = second;
  if (path.charCodeAt(end) === SEMICOLON) while (end < path.length && !isSlash(path, end)) end += 1;
  if (end < path.length && !isSlash(path, end)) return undefined;
  return { up: second > first, end: Math.min(end + 1, path.length) };
}

/** `/a/b/` to `/a/`; the root is its own parent. */
function parentOf(path: string): string {
  const slash = path.lastIndexOf('/', path.length - 2);
  return slash < 0 ? '/' : path.slice(0, slash + 1);
}

/** Characters that a dot takes here: 1, 3 when escaped, 0 for something else. */
function dotLength(path: string, at: number): number {
  const unit = path.charCodeAt(at);
  if (unit === DOT) return 1;
  return unit === PERCENT && escapedByte(path, at) === DOT ? 3 : 0;
}

function isSlash(path: string, at: number): boolean {
  const unit = path.charCodeAt(at);
  return unit === SLASH || unit === BACKSLASH;
}

function escapedByte(path: string, at: number): number | undefined {
  const digits = path.slice(at + 1, at + 3);
  return /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/**
 * A broken escape followed by a decoded character may have become a whole one (`%2%31` to `%21`): then its percent
 * sign is escaped, so that the next reader does not decode what this one did not.
 */
function guardEscape(output: string, broken: number, path: string, next: number): string {
  const seen = output.length - broken === 2 ? output + path.slice(next, next + 1) : output;
  if (escapedByte(seen, broken) === undefined) return output;
  return `${output.slice(0, broken)}%25${output.slice(broken + 1)}`;
}

function isLeadSurrogate(path: string, at: number): boolean {
  return (path.codePointAt(at) ?? 0) > 0xffff;
}

/** UTF-8 bytes as escapes. */
function escapeUnit(path: string, at: number): string {
  const point = path.codePointAt(at) ?? 0;
  if (point >= 0x80) {
    const scalar = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    return encodeURIComponent(String.fromCodePoint(scalar));
  }
  return `%${point.toString(16).toUpperCase().padStart(2, '0')}`;
}

function unitTable(letters: string): Uint8Array {
  const table = new Uint8Array(128);
  for (let at = 0; at < letters.length; at += 1) table[letters.charCodeAt(at)] = 1;
  return table;
}
