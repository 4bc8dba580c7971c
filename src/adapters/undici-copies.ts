import Module from 'node:module';
import type { PatchRegistry } from './patch-registry.ts';

/** One copy of undici: the prototype on which all its dispatchers find `dispatch`. */
export interface UndiciCopy {
  readonly prototype: object;
}

type Found = (copy: UndiciCopy) => void;

/** Where copies keep their global dispatcher; the second is of undici 8. */
const SLOTS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')];

/** The global slots, and the copies that put a dispatcher into one. */
export class GlobalSlots {
  readonly #found: Found;
  readonly #known = SLOTS.map(() => undefined as unknown);

  constructor(found: Found) {
    this.#found = found;
  }

  /** Looks at what came into them since the last time. False: they are empty. */
  read(): boolean {
    let any = false;
    for (const [at, slot] of SLOTS.entries()) {
      const dispatcher = (globalThis as Record<symbol, unknown>)[slot];
      if (typeof dispatcher !== 'object' || dispatcher === null) continue;
      any = true;
      if (dispatcher === this.#known[at]) continue;
      this.#known[at] = dispatcher;
      const agent = agentOf(dispatcher);
      // The wrapper that undici 8 leaves in the first slot only hands on.
      const prototype = agent && dispatchOwner(agent);
      if (prototype !== undefined) this.#found({ prototype });
    }
    return any;
  }
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

/**
 * Calls `found` with each installed copy: those loaded before, and from now on each when it is loaded. Its requests may go
 * through a dispatcher that was in a slot already.
 */
export function whenCopyIsLoaded(patches: PatchRegistry, slots: GlobalSlots, found: Found): void {
  const loader = Module as unknown as { _load: Load; _cache: Record<string, { exports: unknown } | undefined> };
  for (const [path, module] of Object.entries(loader._cache)) if (/undici/.test(path)) inspect(module?.exports, found);
  patches.wrap<Load>(loader, '_load', (original) => {
    return function (this: unknown, request: string, ...rest: [unknown, boolean]): unknown {
      try {
        const exports = original.call(this, request, ...rest);
        if (typeof request === 'string' && request.includes('undici')) inspect(exports, found);
        return exports;
      } finally {
        // Also when it throws: undici 8 takes the slots on Node 20 before it does.
        slots.read();
      }
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
