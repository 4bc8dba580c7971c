import { isWildcard } from './hostname.ts';

interface Suffix<T> {
  /** `.example.com` of `*.example.com`. */
  readonly text: string;
  value: T;
  /** Another suffix of the same hash. */
  next: Suffix<T> | undefined;
}

const DOT = 46;
/** How many names an index remembers the wildcard of. */
const REMEMBERED = 8_192;
/** Keeps hashes small integers, which a Map finds without boxing. */
const HASH_BITS = 0x3fffffff;

/**
 * Values by host pattern. `get` costs one Map lookup for an exact name and a second for one that a wildcard covers; a name
 * that was not asked for lately costs one walk over it, from its end, whatever the number of patterns. Of equal patterns
 * the first added wins. Case-sensitive: callers lower the case first.
 */
export class HostnameIndex<T> {
  readonly #exact = new Map<string, T>();
  readonly #suffixes = new Map<number, Suffix<T>>();
  /** Suffixes that begin inside a label, such as that of `*foo.com`: Istio allows them in few places. */
  readonly #ragged: Suffix<T>[] = [];
  /** Bit n: a suffix with n dots exists (bit 31: 31 or more). */
  #depths = 0;
  #any: { readonly value: T } | undefined;
  /** What names came to. A service talks to few hosts, and to them often. */
  #remembered: Map<string, Suffix<T> | undefined> | undefined;

  /** How many patterns are held. */
  get size(): number {
    let suffixes = this.#ragged.length + (this.#any === undefined ? 0 : 1);
    for (const head of this.#suffixes.values()) {
      for (let entry: Suffix<T> | undefined = head; entry !== undefined; entry = entry.next) suffixes += 1;
    }
    return this.#exact.size + suffixes;
  }

  /** `pattern`: a name, `*.suffix`, or `*`. Returns what the pattern stands for now: `value`, unless it was there before. */
  add(pattern: string, value: T): T {
    if (!isWildcard(pattern)) {
      const held = this.#exact.get(pattern);
      if (held !== undefined) return held;
      this.#exact.set(pattern, value);
      return value;
    }
    this.#remembered = undefined;
    if (pattern.length > 1) return this.#addSuffix(pattern.slice(1), value).value;
    this.#any ??= { value };
    return this.#any.value;
  }

  /** Gives another value to a pattern that is held. */
  replace(pattern: string, value: T): void {
    if (!isWildcard(pattern)) this.#exact.set(pattern, value);
    else if (pattern.length === 1) this.#any = { value };
    else this.#addSuffix(pattern.slice(1), value).value = value;
  }

  /** The value of the exact name, else of the longest wildcard that covers it. */
  get(host: string): T | undefined {
    return this.#exact.get(host) ?? this.getWildcard(host);
  }

  /** The value that was added for this very pattern. */
  getPattern(pattern: string): T | undefined {
    if (!isWildcard(pattern)) return this.#exact.get(pattern);
    if (pattern.length === 1) return this.#any?.value;
    const text = pattern.slice(1);
    return this.#heldSuffix(text, hashOf(text))?.value;
  }

  /** The value of the exact name only. */
  getExact(host: string): T | undefined {
    return this.#exact.get(host);
  }

  /** The value of the longest wildcard that covers the name, whether or not the name itself is held. */
  getWildcard(host: string): T | undefined {
    if (this.#depths === 0 && this.#ragged.length === 0) return this.#any?.value;
    const remembered = (this.#remembered ??= new Map<string, Suffix<T> | undefined>());
    let suffix = remembered.get(host);
    if (suffix === undefined && !remembered.has(host)) {
      suffix = this.#longest(host);
      if (remembered.size >= REMEMBERED) remembered.clear();
      remembered.set(host, suffix);
    }
    return suffix === undefined ? this.#any?.value : suffix.value;
  }

  #longest(host: string): Suffix<T> | undefined {
    const suffix = this.#longestSuffix(host);
    const ragged = this.#ragged.length === 0 ? undefined : this.#longestRagged(host);
    return ragged !== undefined && ragged.text.length > (suffix?.text.length ?? 0) ? ragged : suffix;
  }

  /** The entry of that text: the new one, unless it was there before. */
  #addSuffix(text: string, value: T): Suffix<T> {
    const hash = hashOf(text);
    const held = this.#heldSuffix(text, hash);
    if (held !== undefined) return held;
    const entry: Suffix<T> = { text, value, next: undefined };
    if (text.charCodeAt(0) === DOT) {
      entry.next = this.#suffixes.get(hash);
      this.#suffixes.set(hash, entry);
      this.#depths |= 1 << Math.min(dotsIn(text), 31);
    } else {
      this.#ragged.push(entry);
    }
    return entry;
  }

  #heldSuffix(text: string, hash: number): Suffix<T> | undefined {
    if (text.charCodeAt(0) !== DOT) return this.#ragged.find((held) => held.text === text);
    let entry = this.#suffixes.get(hash);
    while (entry !== undefined && entry.text !== text) entry = entry.next;
    return entry;
  }

  #longestSuffix(host: string): Suffix<T> | undefined {
    if (this.#depths === 0) return undefined;
    let best: Suffix<T> | undefined;
    let hash = 0;
    let dots = 0;
    for (let at = host.length - 1; at >= 0; at -= 1) {
      const unit = host.charCodeAt(at);
      hash = (Math.imul(hash, 31) + unit) & HASH_BITS;
      if (unit !== DOT) continue;
      dots += 1;
      if ((this.#depths & (1 << Math.min(dots, 31))) === 0) continue;
      let entry = this.#suffixes.get(hash);
      while (entry !== undefined && !host.endsWith(entry.text)) entry = entry.next;
      if (entry !== undefined && entry.text.length === host.length - at) best = entry;
    }
    return best;
  }

  #longestRagged(host: string): Suffix<T> | undefined {
    let best: Suffix<T> | undefined;
    for (const entry of this.#ragged) {
      if (host.endsWith(entry.text) && (best === undefined || entry.text.length > best.text.length)) best = entry;
    }
    return best;
  }
}

/** As the walk over a name, from its end, finds it. */
function hashOf(text: string): number {
  let hash = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) & HASH_BITS;
  return hash;
}

function dotsIn(text: string): number {
  let dots = 0;
  for (let at = text.indexOf('.'); at >= 0; at = text.indexOf('.', at + 1)) dots += 1;
  return dots;
}
