import Module from 'node:module';
import type { PatchRegistry } from './patch-registry.ts';

/** One copy of undici: the prototype on which all its dispatchers find `dispatch`. */
export interface UndiciCopy {
  readonly prototype: object;
}

type Found = (copy: UndiciCopy) => void;

/** Where copies keep their global dispatcher; the second is of undici 8. */
const SLOTS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')];

/** Node loads its own copy when one of these is first used. */
const ENTRANCES = ['fetch', 'WebSocket', 'EventSource'];

/**
 * Calls `found` with the copy inside Node, before its first request. Loading it costs more than anything else that is
 * done at start-up, so that it is left to the first use of `fetch` and its kin; these are put back right then.
 */
export function whenBuiltInIsLoaded(patches: PatchRegistry, found: Found): void {
  if (readSlots(found)) return;
  const undo: (() => void)[] = [];
  const load = (): void => {
    for (const one of undo.splice(0)) one();
    // Reading this global is what makes Node load it. A bundler would leave out a reading of which nothing is made.
    if (typeof globalThis.Response === 'function') readSlots(found);
  };
  for (const name of ENTRANCES) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    if (descriptor?.configurable !== true) continue;
    const kind = typeof descriptor.value === 'function' ? 'value' : 'get' in descriptor ? 'get' : undefined;
    if (kind === undefined) continue;
    const original: unknown = Reflect.get(descriptor, kind);
    if (typeof original !== 'function') continue;
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
    Object.defineProperty(globalThis, name, { ...descriptor, [kind]: entrance });
    undo.push(() => {
      if (Object.getOwnPropertyDescriptor(globalThis, name)?.[kind] === entrance)
        Object.defineProperty(globalThis, name, descriptor);
    });
  }
  patches.onRestore(() => {
    for (const one of undo.splice(0)) one();
  });
}

/** Calls `found` with the copies that have put a dispatcher into a slot by now. */
export function readSlots(found: Found): boolean {
  let any = false;
  for (const slot of SLOTS) {
    const dispatcher = (globalThis as Record<symbol, unknown>)[slot];
    if (typeof dispatcher !== 'object' || dispatcher === null) continue;
    const agent = agentOf(dispatcher);
    // The wrapper that undici 8 leaves in the first slot only hands on.
    const prototype = agent && dispatchOwner(agent);
    if (prototype === undefined) continue;
    any = true;
    found({ prototype });
  }
  return any;
}

/** The dispatcher itself, or the Agent in one that chooses a proxy by the environment (NODE_USE_ENV_PROXY). */
function agentOf(dispatcher: object): object | undefined {
  if (isAgent(dispatcher)) return dispatcher;
  for (const symbol of Object.getOwnPropertySymbols(dispatcher)) {
    const field = (dispatcher as Record<symbol, unknown>)[symbol];
    if (typeof field === 'object' && field !== null && isAgent(field)) return field;
  }
  return undefined;
}

function isAgent(dispatcher: object): boolean {
  return Object.getOwnPropertySymbols(dispatcher).some(({ description }) => description === 'clients');
}

/** The class above the concrete dispatchers: the farthest with a `dispatch` that does something. */
function dispatchOwner(dispatcher: object): object | undefined {
  const owners: object[] = [];
  for (let at = Object.getPrototypeOf(dispatcher) as object | null; at; at = Object.getPrototypeOf(at) as object | null)
    if (Object.hasOwn(at, 'dispatch')) owners.push(at);
  // Dispatcher itself only throws; DispatcherBase is the one below it.
  return owners.at(-2) ?? owners.at(-1);
}

type Load = (this: unknown, request: string, parent: unknown, isMain: boolean) => unknown;

/** Calls `found` with each installed copy: those loaded before, and from now on each when it is loaded. */
export function whenCopyIsLoaded(patches: PatchRegistry, found: Found): void {
  const loader = Module as unknown as { _load: Load; _cache: Record<string, { exports: unknown } | undefined> };
  for (const [path, module] of Object.entries(loader._cache)) if (/undici/.test(path)) inspect(module?.exports, found);
  patches.wrap<Load>(loader, '_load', (original) => {
    return function (this: unknown, request: string, ...rest: [unknown, boolean]): unknown {
      const exports = original.call(this, request, ...rest);
      if (typeof request === 'string' && request.includes('undici')) inspect(exports, found);
      return exports;
    };
  });
}

/** undici's own exports have an Agent; a single file of it may export one class. */
function inspect(exports: unknown, found: Found): void {
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return;
  const { Agent } = exports as { Agent?: unknown };
  const classes = typeof Agent === 'function' ? [Agent] : typeof exports === 'function' ? [exports] : [];
  for (const one of classes) {
    const prototype = (one as { prototype?: unknown }).prototype;
    if (typeof prototype !== 'object' || prototype === null || !('dispatch' in prototype)) continue;
    const owner = dispatchOwner(Object.create(prototype) as object);
    if (owner !== undefined && 'close' in owner) found({ prototype: owner });
  }
}
