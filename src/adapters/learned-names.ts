/** How many addresses are remembered, and for how long, in milliseconds. */
const MAX_ADDRESSES = 10_000;
const TTL_MS = 10 * 60_000;
const MAX_NAMES_PER_ADDRESS = 4;

interface Learned {
  readonly name: string;
  readonly until: number;
}

/**
 * Which name an address was looked up as, for clients that resolve for themselves and then dial the address (grpc-js,
 * nodemailer). Bounded, and forgotten after a while. It never makes an address reachable that its name is not.
 */
export class LearnedNames {
  readonly #byAddress = new Map<string, Learned[]>();
  readonly #ordinary = new Map<string, number>();

  learn(asked: string, addresses: readonly string[], now: number): void {
    const name = asked.toLowerCase();
    for (const address of addresses) {
      const others = (this.#byAddress.get(address) ?? []).filter((known) => known.name !== name && known.until > now);
      this.#byAddress.delete(address);
      this.#byAddress.set(address, [{ name, until: now + TTL_MS }, ...others].slice(0, MAX_NAMES_PER_ADDRESS));
    }
    while (this.#byAddress.size > MAX_ADDRESSES) {
      const [oldest] = this.#byAddress.keys();
      if (oldest === undefined) break;
      this.#byAddress.delete(oldest);
    }
  }

  /** The latest first. */
  namesOf(address: string, now: number): readonly string[] {
    const learned = this.#byAddress.get(address);
    return learned ? learned.filter(({ until }) => until > now).map(({ name }) => name) : [];
  }

  /** Notes that a name had an address that is not one of this machine's own. */
  noteOrdinary(asked: string, now: number): void {
    const name = asked.toLowerCase();
    this.#ordinary.delete(name);
    this.#ordinary.set(name, now + TTL_MS);
    if (this.#ordinary.size <= MAX_ADDRESSES) return;
    const [oldest] = this.#ordinary.keys();
    if (oldest !== undefined) this.#ordinary.delete(oldest);
  }

  hadOrdinary(name: string, now: number): boolean {
    return (this.#ordinary.get(name.toLowerCase()) ?? 0) > now;
  }

  get size(): number {
    return this.#byAddress.size;
  }
}
