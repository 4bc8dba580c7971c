import { parseCidr } from '../../core/match/cidr-index.ts';
import { parseIp } from '../../core/match/ip-address.ts';

/** IPv6 may carry a zone. */
export function isIpAddress(text: string): boolean {
  const percent = text.indexOf('%');
  if (percent < 0) return parseIp(text) !== undefined;
  return percent < text.length - 1 && parseIp(text.slice(0, percent))?.family === 6;
}

export function ipProblem(text: string): string | undefined {
  return isIpAddress(text) ? undefined : `${JSON.stringify(text)} is not an IP address`;
}

/** An address, or a CIDR block. */
export function subnetProblem(text: string): string | undefined {
  if (text.split('/').length !== 2) return ipProblem(text);
  return parseCidr(text) === undefined ? `${JSON.stringify(text)} is not a CIDR block` : undefined;
}

export const UNIX_PREFIX = 'unix://';

/** A socket's path: absolute and no folder, or an abstract name after `@`. */
export function unixPathProblem(path: string): string | undefined {
  if (path === '') return 'the path of a unix socket must not be empty';
  if (path.startsWith('@') || (path.startsWith('/') && !path.endsWith('/'))) return undefined;
  return `${JSON.stringify(path)} is not an absolute path to a socket`;
}

/** `host:port` with an IPv6 host in brackets. The message says which part is wrong. */
export function hostPortOf(text: string): { readonly host: string; readonly port: string } | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return undefined;
  const port = text.slice(colon + 1);
  const before = text.slice(0, colon);
  if (!before.startsWith('['))
    return before.includes(':') || /[[\]]/.test(before + port) ? undefined : { host: before, port };
  const host = before.slice(1, -1);
  return before.endsWith(']') && !/[[\]]/.test(host + port) ? { host, port } : undefined;
}
