/**
 * An IP address as numbers. IPv4 is one unsigned 32-bit word in `low`; IPv6 four, the most significant first:
 * `high`, `middle`, `lower`, `low`.
 */
export interface Ip {
  readonly family: 4 | 6;
  /** Dotted quad, or IPv6 as RFC 5952 writes it. */
  readonly text: string;
  readonly high: number;
  readonly middle: number;
  readonly lower: number;
  readonly low: number;
}

const DOT = 46;
const COLON = 58;

/**
 * Reads one IP literal, strictly: four decimal octets without leading zeros, or IPv6 as RFC 4291 writes it, without
 * brackets and zone. Whatever else a resolver would take for an address gives undefined. `::ffff:a.b.c.d` stays IPv6;
 * see {@link toDialledIp}.
 */
export function parseIp(text: string): Ip | undefined {
  const length = text.length;
  if (length < 2 || length > 45) return undefined;
  for (let at = 0; at < 5 && at < length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === DOT) return parseIpv4(text);
    if (unit === COLON) return parseIpv6(text);
  }
  return undefined;
}

/** An IPv4-mapped address becomes the IPv4 address that the kernel connects to; others stay. */
export function toDialledIp(ip: Ip): Ip {
  return isIpv4Mapped(ip) ? ipv4(ip.low) : ip;
}

/** Whether it lies in ::ffff:0:0/96. */
export function isIpv4Mapped(ip: Ip): boolean {
  return ip.family === 6 && ip.lower === 0xffff && ip.middle === 0 && ip.high === 0;
}

/** 127.0.0.0/8, `::1`, and the unspecified addresses, which the kernel dials as loopback. Mapped addresses count. */
export function isLoopback(ip: Ip): boolean {
  const dialled = toDialledIp(ip);
  if (dialled.family === 4) return dialled.low >>> 24 === 127 || dialled.low === 0;
  return dialled.low <= 1 && dialled.lower === 0 && dialled.middle === 0 && dialled.high === 0;
}

/** The IPv4 address of an unsigned 32-bit word. */
export function ipv4(word: number): Ip {
  const text = `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  return { family: 4, text, high: 0, middle: 0, lower: 0, low: word };
}

/** The IPv6 address of four unsigned 32-bit words. */
export function ipv6(high: number, middle: number, lower: number, low: number): Ip {
  return { family: 6, text: formatIpv6([high, middle, lower, low]), high, middle, lower, low };
}

function parseIpv4(text: string): Ip | undefined {
  const word = readQuad(text, 0);
  return word < 0 ? undefined : { family: 4, text, high: 0, middle: 0, lower: 0, low: word };
}

/** The dotted quad that fills `text` from `start`, as an unsigned word; -1 when it is none. */
function readQuad(text: string, start: number): number {
  let word = 0;
  let octet = -1;
  let dots = 0;
  for (let at = start; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === DOT) {
      if (octet < 0) return -1;
      word = word * 256 + octet;
      octet = -1;
      dots += 1;
    } else if (unit >= 48 && unit <= 57) {
      // A zero before another digit would be octal to some readers and decimal to others.
      if (octet === 0) return -1;
      octet = octet < 0 ? unit - 48 : octet * 10 + unit - 48;
      if (octet > 255) return -1;
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? word * 256 + octet : -1;
}

function parseIpv6(text: string): Ip | undefined {
  const groups: number[] = [];
  let gap = -1;
  let at = 0;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    if (groups.length === 8) return undefined;
    const end = endOfGroup(text, at);
    if (text.charCodeAt(end) === DOT) {
      const word = readQuad(text, at);
      if (word < 0 || groups.length > 6) return undefined;
      groups.push(word >>> 16, word & 0xffff);
      break;
    }
    if (end === at || end - at > 4) return undefined;
    groups.push(Number.parseInt(text.slice(at, end), 16));
    at = end;
    if (at === text.length) break;
    if (text.charCodeAt(at) !== COLON) return undefined;
    at += 1;
    if (at === text.length) return undefined;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = groups.length;
      at += 1;
    }
  }
  return fromGroups(groups, gap);
}

/** Where the hexadecimal digits from `at` end. */
function endOfGroup(text: string, at: number): number {
  let end = at;
  for (; end < text.length; end += 1) {
    const unit = text.charCodeAt(end) | 32;
    if (!((unit >= 48 && unit <= 57) || (unit >= 97 && unit <= 102)) || text.charCodeAt(end) < 48) break;
  }
  return end;
}

/** `gap`: where `::` stands for the missing groups; -1: nowhere. It stands for at least one. */
function fromGroups(groups: number[], gap: number): Ip | undefined {
  if (gap < 0 ? groups.length !== 8 : groups.length > 7) return undefined;
  const missing = 8 - groups.length;
  const group = (index: number): number => {
    if (gap < 0 || index < gap) return groups[index] ?? 0;
    return index < gap + missing ? 0 : (groups[index - missing] ?? 0);
  };
  const word = (index: number): number => group(2 * index) * 65536 + group(2 * index + 1);
  return ipv6(word(0), word(1), word(2), word(3));
}

/** RFC 5952: lower case, no leading zeros, `::` for the longest (then first) run of two or more zero groups. */
function formatIpv6(words: readonly number[]): string {
  const groups = words.flatMap((word) => [Math.floor(word / 65536), word % 65536]);
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from += 1) {
    let to = from;
    while (to < 8 && groups[to] === 0) to += 1;
    if (to - from > length) {
      start = from;
      length = to - from;
    }
    from = Math.max(from, to - 1);
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
