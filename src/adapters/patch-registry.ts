/* eslint-disable @typescript-eslint/no-unsafe-function-type -- the functions of Node are wrapped whatever their shape */

/** Undoes one patch. */
interface Patch {
  readonly owner: object;
  readonly key: PropertyKey;
  readonly original: PropertyDescriptor | undefined;
  readonly wrapper: Function;
  readonly slot: 'value' | 'get';
}

/**
 * Every function of Node that is wrapped, so that all can be put back.
 *
 * A wrapper stays callable for ever: whoever patched after us keeps calling it. So each one falls through to the
 * original once it is released, and `restore` puts a slot back only while it still holds our wrapper: a naive restore
 * would throw away what others have put on top.
 */
export class PatchRegistry {
  readonly #patches: Patch[] = [];
  readonly #undo: (() => void)[] = [];
  readonly #after: (() => void)[] = [];
  #released = false;

  /**
   * Replaces `owner[key]` by what `wrap` makes of the present function. Keeps attributes, name and length, so that
   * code which looks at them sees no difference. False when there is no function to wrap.
   */
  wrap<F extends Function>(owner: object, key: PropertyKey, wrap: (original: F) => F): boolean {
    return this.#replace(owner, key, 'value', (original: F) => this.#whileHeld(original, wrap));
  }

  /** The same with the function that gives the value of an accessor. */
  wrapGetter<F extends Function>(owner: object, key: PropertyKey, wrap: (original: F) => F): boolean {
    return this.#replace(owner, key, 'get', (original: F) => this.#whileHeld(original, wrap));
  }

  /** The same, for what runs with every request: what `make` gives is called itself, and has to look at {@link released}. */
  replace<F extends Function>(owner: object, key: PropertyKey, make: (original: F) => F): boolean {
    return this.#replace(owner, key, 'value', make);
  }

  #whileHeld<F extends Function>(original: F, wrap: (original: F) => F): F {
    const wrapped = wrap(original);
    const isReleased = (): boolean => this.#released;
    return function (this: unknown, ...args: unknown[]): unknown {
      return Reflect.apply(isReleased() ? original : wrapped, this, args);
    } as unknown as F;
  }

  #replace<F extends Function>(
    owner: object,
    key: PropertyKey,
    slot: Patch['slot'],
    make: (original: F) => F,
  ): boolean {
    const descriptor = descriptorOf(owner, key);
    const original: unknown = descriptor && Reflect.get(descriptor, slot);
    if (typeof original !== 'function') return false;
    const wrapper = make(original as F);
    copyIdentity(original, wrapper);
    const own = Object.getOwnPropertyDescriptor(owner, key);
    if (own?.configurable === false && (slot === 'get' || own.writable !== true)) return false;
    Object.defineProperty(owner, key, { ...descriptor, [slot]: wrapper });
    this.#patches.push({ owner, key, original: own, wrapper, slot });
    return true;
  }

  /** Everything was put back: whoever still calls a wrapper means the original. */
  get released(): boolean {
    return this.#released;
  }

  /** What else has to be taken back, beside wrapped functions. */
  onRestore(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** What is left to do once everything is put back. */
  afterRestore(action: () => void): void {
    this.#after.push(action);
  }

  /** Puts back every slot that still holds our wrapper, the latest first. */
  restore(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    this.#released = true;
    for (const { owner, key, original, wrapper, slot } of this.#patches.splice(0).reverse()) {
      if (Object.getOwnPropertyDescriptor(owner, key)?.[slot] !== wrapper) continue;
      if (original) Object.defineProperty(owner, key, original);
      else Reflect.deleteProperty(owner, key);
    }
    for (const action of this.#after.splice(0)) action();
  }

  /** Slots that no longer hold our wrapper: someone patched on top, or took us away. By name, as a reader would look for them. */
  replaced(): readonly string[] {
    // One slot may hold several of ours, one over the other.
    const isOnTop = (patch: Patch, at: number): boolean =>
      !this.#patches.slice(at + 1).some(({ owner, key }) => owner === patch.owner && key === patch.key);
    return this.#patches
      .filter(isOnTop)
      .filter(({ owner, key, wrapper, slot }) => Object.getOwnPropertyDescriptor(owner, key)?.[slot] !== wrapper)
      .map(({ owner, key }) => slotName(owner, key));
  }
}

/** `Socket.prototype.connect`; of other objects only the key. */
function slotName(owner: object, key: PropertyKey): string {
  const type = Object.getOwnPropertyDescriptor(owner, 'constructor')?.value as Function | undefined;
  return typeof type === 'function' && type.prototype === owner ? `${type.name}.prototype.${String(key)}` : String(key);
}

function descriptorOf(owner: object, key: PropertyKey): PropertyDescriptor | undefined {
  for (let at: object | null = owner; at; at = Object.getPrototypeOf(at) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(at, key);
    if (descriptor) return descriptor;
  }
  return undefined;
}

/** Name, length, and what else was put on the function (`util.promisify.custom` of `dns.lookup`). */
function copyIdentity(original: Function, wrapper: Function): void {
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key);
    const present = Object.getOwnPropertyDescriptor(wrapper, key);
    if (descriptor && key !== 'prototype' && present?.configurable !== false)
      Object.defineProperty(wrapper, key, descriptor);
  }
}
