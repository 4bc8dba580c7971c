import http from 'node:http';
import type { PatchRegistry } from './patch-registry.ts';
import type { GlobalSlots } from './undici-copies.ts';

/** What requests of the copy inside Node begin with. */
const ENTRANCES = ['fetch', 'WebSocket', 'EventSource'];

/** Whichever of these somebody put something else in the place of: Node loads its copy when another is read. */
const PARTS = ['Response', 'Request', 'Headers', 'FormData', 'MessageEvent'];

/**
 * Looks into the slots once the copy inside Node is there, before its first request. Loading it costs more than anything
 * else that is done at start-up, so that it is left to the first use of `fetch` and its kin; these are put back right then.
 */
export function whenBuiltInIsLoaded(patches: PatchRegistry, slots: GlobalSlots): void {
  const isEmpty = !slots.read();
  if (isLoaded()) return;
  const untouched = isEmpty && process.mainModule === undefined;
  const undo: Undo[] = [];
  // Where somebody stands on top, there is another time: he may leave before we do.
  const putBack = (): void => void undo.push(...undo.splice(0).filter((one) => !one()));
  const load = (): void => {
    putBack();
    // A bundler would leave out a reading of which nothing is made.
    if (PARTS.map((name) => Reflect.get(globalThis, name) as unknown).length > 0) slots.read();
  };
  // Of Node 22 on, WebSocket is also found here.
  for (const name of ENTRANCES) guardEntrance(http, name, load, undo);
  for (const name of ENTRANCES)
    if (untouched && Object.hasOwn(globalThis, name) && Object.hasOwn(http, name)) guardLazy(name, load, undo);
    else guardEntrance(globalThis, name, load, undo);
  // A lazy global is made by reading it.
  slots.read();
  patches.onRestore(putBack);
}

/** Somebody else's dispatcher in a slot does not tell. Where Node does not either, it is taken not to be. */
function isLoaded(): boolean {
  const { moduleLoadList } = process as { readonly moduleLoadList?: readonly string[] };
  return moduleLoadList?.includes('NativeModule internal/deps/undici/undici') === true;
}

/** False: somebody else's is there now. */
type Undo = () => boolean;

/** Calls `load` before the function or the getter. */
function guardEntrance(owner: object, name: string, load: () => void, undo: Undo[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  if (descriptor?.configurable !== true) return;
  const kind = typeof descriptor.value === 'function' ? 'value' : 'get' in descriptor ? 'get' : undefined;
  if (kind === undefined) return;
  const original: unknown = Reflect.get(descriptor, kind);
  if (typeof original !== 'function') return;
  const entrance = function (this: unknown, ...args: unknown[]): unknown {
    load();
    if (new.target === undefined) return Reflect.apply(original, this, args);
    return Reflect.construct(original, args, new.target === entrance ? original : new.target) as unknown;
  };
  // A class that somebody has read before: its instances and statics are found as ever.
  const { prototype } = original as { readonly prototype?: unknown };
  if (kind === 'value' && prototype !== undefined) {
    entrance.prototype = prototype;
    Object.setPrototypeOf(entrance, original);
  }
  for (const key of ['name', 'length'] as const)
    Object.defineProperty(entrance, key, { value: Reflect.get(original, key), configurable: true });
  Object.defineProperty(owner, name, { ...descriptor, [kind]: entrance });
  undo.push(() => {
    if (Object.getOwnPropertyDescriptor(owner, name)?.[kind] !== entrance) return false;
    Object.defineProperty(owner, name, descriptor);
    return true;
  });
}

/**
 * A global of Node 22 and later that nobody has read yet: merely to look at it would load what it comes from, so that a
 * getter stands in for it, and `node:http` has the same class.
 */
function guardLazy(name: string, load: () => void, undo: Undo[]): void {
  const attributes = { configurable: true, enumerable: false };
  const settle = (value: unknown): void => {
    Object.defineProperty(globalThis, name, { ...attributes, writable: true, value });
  };
  const standIn = (beforeReading: () => void): (() => unknown) => {
    const get = (): unknown => {
      beforeReading();
      const value: unknown = Reflect.get(http, name);
      if (Object.getOwnPropertyDescriptor(globalThis, name)?.get !== undefined) settle(value);
      return value;
    };
    Object.defineProperty(globalThis, name, { ...attributes, get, set: settle });
    return get;
  };
  // Defined over, it would be made as well.
  if (!Reflect.deleteProperty(globalThis, name)) return;
  const guarding = standIn(load);
  undo.push(() => {
    // Still unread, it stays so: Node's own getter cannot be put back.
    if (Object.getOwnPropertyDescriptor(globalThis, name)?.get !== guarding) return false;
    standIn(() => undefined);
    return true;
  });
}
