import { toASCII } from 'tr46';
import { ipv4, parseIp, toDialledIp, type Ip } from './ip-address.ts';

/** Why a host is refused whatever the policy says: the library could not say what it would be allowing. */
export type InvalidHostReason =
  | 'not-a-string'
  | 'forbidden-character'
  | 'empty'
  | 'empty-label'
  | 'label-too-long'
  | 'too-long'
  | 'bad-a-label'
  | 'idna-or-numeric-invalid'
  | 'ambiguous-numeric';

/** The one spelling that decisions are made on and that may be dialled. */
export type CanonicalHost =
  | { readonly type: 'dns'; readonly value: string; readonly implicit?: true }
  | { readonly type: 'ipv4' | 'ipv6'; readonly value: string; readonly ip: Ip; readonly zone?: string }
  | { readonly type: 'invalid'; readonly reason: InvalidHostReason };

const DOT = 46;
const MAX_NAME = 253;
const MAX_LABEL = 63;
const IN_LABEL = new Uint8Array(128);
for (const letter of 'abcdefghijklmnopqrstuvwxyz0123456789-_') IN_LABEL[letter.charCodeAt(0)] = 1;

/** Names found canonical before. A service talks to few hosts, and to them often. */
const known = new Set<string>();
const KNOWN_LIMIT = 8_192;

/**
 * Whether `host` is a DNS name that is canonical already: lower-case letters, digits, hyphens and underscores in labels
 * of 1-63, no trailing dot, no A-label, not ending in a number. It stands before {@link canonicalHost} on the path of
 * every decision.
 */
export function isCanonicalName(host: string): boolean {
  if (known.has(host)) return true;
  if (!isPlainName(host)) return false;
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.add(host);
  return true;
}

function isPlainName(host: string): boolean {
  const length = host.length;
  if (length === 0 || length > MAX_NAME) return false;
  let label = 0;
  for (let at = 0; at <= length; at += 1) {
    const unit = at === length ? DOT : host.charCodeAt(at);
    if (IN_LABEL[unit] === 1) continue;
    if (unit !== DOT || at === label || at - label > MAX_LABEL) return false;
    // Every A-label begins with an x.
    if (host.charCodeAt(label) === 120 && host.startsWith('xn--', label)) return false;
    if (at < length) label = at + 1;
  }
  // A last label that begins with a digit may be a number, and the name then an address.
  const first = host.charCodeAt(label);
  return !(first >= 48 && first <= 57);
}

/**
 * What an application's host option means to the operating system: a name in lower-case ASCII without trailing dot, or
 * the address that a resolver makes of it (`127.1`, `0x7f000001`, `::ffff:127.0.0.1`). Names beyond ASCII go through
 * UTS 46 ToASCII. Values that Node replaces by `localhost` are marked `implicit`. Brackets belong to URLs and are refused.
 */
export function canonicalHost(input: unknown): CanonicalHost {
  if (typeof input !== 'string') return isImplicit(input) ? localhost() : invalid('not-a-string');
  if (input === '') return localhost();
  if (isCanonicalName(input)) return { type: 'dns', value: input };
  const literal = input.charCodeAt(0) <= 57 ? parseIp(input) : undefined;
  if (literal?.family === 4) return { type: 'ipv4', value: literal.text, ip: literal };
  if (input.includes(':')) return canonicalIpv6(input);
  if (hasForbidden(input)) return invalid('forbidden-character');
  const ascii = toAscii(input);
  return typeof ascii === 'string' ? canonicalAscii(ascii) : ascii;
}

function localhost(): CanonicalHost {
  return { type: 'dns', value: 'localhost', implicit: true };
}

function invalid(reason: InvalidHostReason): CanonicalHost {
  return { type: 'invalid', reason };
}

function isImplicit(input: unknown): boolean {
  return input === undefined || input === null || input === false || input === 0 || Number.isNaN(input);
}

/** The zone says which interface, not which address: it does not take part in the decision. */
function canonicalIpv6(input: string): CanonicalHost {
  const percent = input.indexOf('%');
  const zone = percent < 0 ? undefined : input.slice(percent + 1);
  if (zone !== undefined && (zone === '' || hasForbidden(zone))) return invalid('forbidden-character');
  const ip = parseIp(percent < 0 ? input : input.slice(0, percent));
  if (ip === undefined) return invalid('forbidden-character');
  const dialled = toDialledIp(ip);
  return {
    type: dialled.family === 4 ? 'ipv4' : 'ipv6',
    value: dialled.text,
    ip: dialled,
    ...(zone === undefined ? {} : { zone }),
  };
}

/** Controls, space and delete, and what delimits hosts in URLs. */
function hasForbidden(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit <= 32 || unit === 127) return true;
    if (unit < 127 && '#%/:<>?@[\\]^|'.includes(text.charAt(at))) return true;
  }
  return false;
}

/** Lower-case ASCII by UTS 46 (non-transitional, as in URLs), also for names that contain an A-label: it may be none. */
function toAscii(input: string): string | CanonicalHost {
  let plain = true;
  for (let at = 0; at < input.length; at += 1) if (input.charCodeAt(at) > 127) plain = false;
  const lowered = plain ? input.toLowerCase() : input;
  if (plain && !lowered.includes('xn--')) return lowered;
  const ascii = toASCII(lowered, { checkBidi: true, checkJoiners: true });
  if (ascii === null) return invalid(plain ? 'bad-a-label' : 'idna-or-numeric-invalid');
  return hasForbidden(ascii) ? invalid('idna-or-numeric-invalid') : ascii;
}

function canonicalAscii(ascii: string): CanonicalHost {
  const absolute = ascii.endsWith('.');
  const name = absolute ? ascii.slice(0, -1) : ascii;
  if (name === '') return invalid('empty');
  const labels = name.split('.');
  if (isNumber(labels.at(-1) ?? '')) return canonicalNumber(labels, absolute);
  for (const label of labels) {
    if (label === '') return invalid('empty-label');
    if (label.length > MAX_LABEL) return invalid('label-too-long');
    if (!/^[a-z0-9_-]+$/.test(label)) return invalid('forbidden-character');
  }
  return name.length > MAX_NAME ? invalid('too-long') : { type: 'dns', value: name };
}

/** A label that the URL standard takes for a number, well formed or not. */
function isNumber(label: string): boolean {
  return /^(?:\d+|0x[\da-f]*)$/.test(label);
}

/**
 * An IPv4 address in one to four numbers, decimal, octal or hexadecimal, the last filling the remaining bytes. URLs and
 * getaddrinfo disagree on a trailing dot and on a bare `0x`: then nobody can say what would be dialled.
 */
function canonicalNumber(labels: readonly string[], absolute: boolean): CanonicalHost {
  const last = labels.length - 1;
  if (last > 3) return invalid('idna-or-numeric-invalid');
  let word = 0;
  let ambiguous = absolute;
  for (const [index, label] of labels.entries()) {
    const part = readNumber(label);
    const limit = index === last ? 256 ** (4 - last) : 256;
    if (part === undefined || part >= limit) return invalid('idna-or-numeric-invalid');
    ambiguous ||= label === '0x';
    word += index === last ? part : part * 256 ** (3 - index);
  }
  if (ambiguous) return invalid('ambiguous-numeric');
  const ip = ipv4(word);
  return { type: 'ipv4', value: ip.text, ip };
}

function readNumber(label: string): number | undefined {
  if (/^0x[\da-f]*$/.test(label)) return label === '0x' ? 0 : Number.parseInt(label.slice(2), 16);
  if (/^0[0-7]*$/.test(label)) return Number.parseInt(label, 8);
  return /^[1-9]\d*$/.test(label) ? Number(label) : undefined;
}
