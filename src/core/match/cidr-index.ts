import { ipv4, ipv6, isIpv4Mapped, parseIp, type Ip } from './ip-address.ts';

/** A block of addresses; a bare address is the block of its full length. */
export interface Cidr {
  /** As written, host bits included. */
  readonly address: Ip;
  readonly network: Ip;
  /** 0-32 for IPv4, 0-128 for IPv6. */
  readonly prefix: number;
  /** Canonical: host bits cleared. */
  readonly text: string;
  /** The address as written had host bits set. */
  readonly hostBits: boolean;
}

/** Reads `address/length` or a bare address, strictly; undefined for anything else. Host bits are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = address.family === 4 ? 32 : 128;
  const prefix = slash < 0 ? bits : parsePrefix(text, slash + 1, bits);
  if (prefix === undefined) return undefined;
  const network = maskIp(address, prefix);
  return { address, network, prefix, text: `${network.text}/${prefix}`, hostBits: network.text !== address.text };
}

/** A block of IPv4-mapped addresses as the IPv4 block that is dialled; undefined when a mapped one is too wide for that. */
export function unmapCidr(cidr: Cidr): Cidr | undefined {
  if (!isIpv4Mapped(cidr.address)) return cidr;
  return cidr.prefix < 96 ? undefined : parseCidr(`${ipv4(cidr.address.low).text}/${cidr.prefix - 96}`);
}

/** Whether the address lies in the block. Families do not mix: unmap first. */
export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  const { network, prefix } = cidr;
  if (network.family !== ip.family) return false;
  if (ip.family === 4) return (ip.low & wordMask(prefix)) >>> 0 === network.low;
  return (
    (ip.high & wordMask(prefix)) >>> 0 === network.high &&
    (ip.middle & wordMask(prefix - 32)) >>> 0 === network.middle &&
    (ip.lower & wordMask(prefix - 64)) >>> 0 === network.lower &&
    (ip.low & wordMask(prefix - 96)) >>> 0 === network.low
  );
}

interface Entry<T> {
  readonly network: Ip;
  readonly value: T;
  next: Entry<T> | undefined;
}

/** All blocks of one length, by hash of the masked address. */
interface Level<T> {
  readonly prefix: number;
  readonly entries: Map<number, Entry<T>>;
}

/**
 * Values by block, longest prefix first. `get` costs one Map lookup per distinct prefix length and allocates nothing.
 * Of equal blocks the first added wins.
 */
export class CidrIndex<T> {
  /** Longest prefix first. */
  readonly #levels4: Level<T>[] = [];
  readonly #levels6: Level<T>[] = [];

  /** Returns what the block stands for now: `value`, unless it was there before. */
  add(cidr: Cidr, value: T): T {
    const { network, prefix } = cidr;
    const level = levelOf(network.family === 4 ? this.#levels4 : this.#levels6, prefix);
    const hash = hashMasked(network, prefix);
    for (let held = level.entries.get(hash); held !== undefined; held = held.next) {
      if (sameMasked(held.network, network, prefix)) return held.value;
    }
    level.entries.set(hash, { network, value, next: level.entries.get(hash) });
    return value;
  }

  /** The value of the longest block that holds the address. */
  get(ip: Ip): T | undefined {
    for (const level of ip.family === 4 ? this.#levels4 : this.#levels6) {
      const { prefix } = level;
      for (let entry = level.entries.get(hashMasked(ip, prefix)); entry !== undefined; entry = entry.next) {
        if (sameMasked(entry.network, ip, prefix)) return entry.value;
      }
    }
    return undefined;
  }

  /** Whether some block holds the address. */
  has(ip: Ip): boolean {
    return this.get(ip) !== undefined;
  }
}

function levelOf<T>(levels: Level<T>[], prefix: number): Level<T> {
  const at = levels.findIndex((level) => level.prefix <= prefix);
  const found = levels[at];
  if (found?.prefix === prefix) return found;
  const level: Level<T> = { prefix, entries: new Map() };
  levels.splice(at < 0 ? levels.length : at, 0, level);
  return level;
}

/** The leading `bits` of a 32-bit word; all for more than 32, none for less than 1. */
function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/** A small integer, equal for all addresses of one block. */
function hashMasked(ip: Ip, prefix: number): number {
  if (ip.family === 4) return spread(ip.low & wordMask(prefix)) & 0x3fffffff;
  let hash = spread(ip.high & wordMask(prefix));
  hash = spread(hash ^ (ip.middle & wordMask(prefix - 32)));
  hash = spread(hash ^ (ip.lower & wordMask(prefix - 64)));
  return spread(hash ^ (ip.low & wordMask(prefix - 96))) & 0x3fffffff;
}

/** Multiplies, and folds the upper half into the lower, so that neighbouring blocks do not share a hash. */
function spread(word: number): number {
  const product = Math.imul(word, 0x9e3779b1);
  return product ^ (product >>> 15);
}

function sameMasked(a: Ip, b: Ip, prefix: number): boolean {
  if (a.family === 4) return ((a.low ^ b.low) & wordMask(prefix)) === 0;
  return (
    ((a.high ^ b.high) & wordMask(prefix)) === 0 &&
    ((a.middle ^ b.middle) & wordMask(prefix - 32)) === 0 &&
    ((a.lower ^ b.lower) & wordMask(prefix - 64)) === 0 &&
    ((a.low ^ b.low) & wordMask(prefix - 96)) === 0
  );
}

function maskIp(ip: Ip, prefix: number): Ip {
  if (ip.family === 4) return ipv4((ip.low & wordMask(prefix)) >>> 0);
  return ipv6(
    (ip.high & wordMask(prefix)) >>> 0,
    (ip.middle & wordMask(prefix - 32)) >>> 0,
    (ip.lower & wordMask(prefix - 64)) >>> 0,
    (ip.low & wordMask(prefix - 96)) >>> 0,
  );
}

/** One to three decimal digits without a leading zero, at most `bits`. */
function parsePrefix(text: string, from: number, bits: number): number | undefined {
  const digits = text.slice(from);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const prefix = Number(digits);
  return prefix <= bits ? prefix : undefined;
}
