import { errorMonitor, type EventEmitter } from 'node:events';

/** What Node tells for its own bookkeeping, for those who only watch, or when the server gets to it; and what comes in pieces. */
const SILENT: ReadonlySet<PropertyKey> = new Set(['newListener', 'removeListener', 'keylog', 'session', errorMonitor]);
const IN_PIECES: ReadonlySet<PropertyKey> = new Set(['data', 'readable']);

/**
 * Everything that happens, in order. Emitters are watched by an `emit` of their own: a listener would change what Node does
 * (a `response` listener keeps it from dumping bodies, an `error` listener from throwing).
 */
export class Trace {
  readonly lines: string[] = [];
  readonly #names = new WeakMap<object, string>();
  readonly #counts = new Map<string, number>();
  /** How often data comes, and in turn with whose, is the network's: once between two other events. */
  readonly #pieces = new Set<string>();
  readonly #waiting: { readonly event: string; left: number; readonly resolve: () => void }[] = [];

  /** Records each event of `emitter` from now on. The second `socket` is called `socket2`. */
  watch<T>(name: string, emitter: T): T {
    const target = emitter as T & EventEmitter;
    if (this.#names.has(target)) return emitter;
    const numbered = this.name(name, target);
    const emit = target.emit.bind(target) as (event: PropertyKey, ...args: unknown[]) => boolean;
    const value = (event: PropertyKey, ...args: unknown[]): boolean => {
      this.#emitted(numbered, event, args);
      return emit(event, ...args);
    };
    Object.defineProperty(target, 'emit', { value, writable: true, configurable: true, enumerable: false });
    return emitter;
  }

  /** What an object is called in the lines. */
  name(name: string, object: object): string {
    const present = this.#names.get(object);
    if (present !== undefined) return present;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const numbered = count === 1 ? name : `${name}${count}`;
    this.#names.set(object, numbered);
    return numbered;
  }

  nameOf(object: unknown): string | undefined {
    return typeof object === 'object' && object !== null ? this.#names.get(object) : undefined;
  }

  /** A remark of the behaviour itself. */
  note(text: string, ...values: readonly unknown[]): void {
    this.#add(values.length === 0 ? text : `${text}: ${values.map((value) => this.show(value)).join(', ')}`, text);
  }

  /** Resolves once `name event` (or a note) was recorded so many times from now on. */
  seen(event: string, times = 1): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ event, left: times, resolve }));
  }

  show(value: unknown): string {
    return JSON.stringify(reduce(value, this, 4)) ?? 'undefined';
  }

  #emitted(name: string, event: PropertyKey, args: readonly unknown[]): void {
    if (SILENT.has(event)) return;
    const what = `${name} ${String(event)}`;
    // The events that carry others: who comes with them is watched before anybody listens.
    for (const arg of args) {
      if (event === 'socket' && isEmitter(arg)) this.watch('socket', arg);
      if (event === 'response' && isEmitter(arg) && 'statusCode' in arg) this.watch('response', arg);
    }
    if (IN_PIECES.has(event)) {
      if (!this.#pieces.has(what)) this.#add(what, what);
      this.#pieces.add(what);
      return;
    }
    this.#pieces.clear();
    if (args.length === 0) this.#add(what, what);
    else this.#add(`${what}(${args.map((arg) => this.show(arg)).join(', ')})`, what);
  }

  #add(line: string, what: string): void {
    // When settings arrive is up to the other side.
    if (!/^session\d* (local|remote)Settings/.test(what)) this.lines.push(line);
    for (const waiting of [...this.#waiting]) {
      if (waiting.event !== what || (waiting.left -= 1) > 0) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }
}

function isEmitter(value: unknown): value is EventEmitter {
  return typeof (value as EventEmitter | undefined)?.emit === 'function';
}

const ERROR_FIELDS = [
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'hostname',
  'host',
  'reason',
  'rawPacket',
  'bytesParsed',
] as const;

/** What is stable of a value: no stacks, no identities, bytes as text. */
export function reduce(value: unknown, trace: Trace | undefined, depth: number): unknown {
  if (value === undefined) return '<undefined>';
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return `<function ${value.name}>`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return value;
  const name = trace?.nameOf(value);
  if (name !== undefined) return `<${name}>`;
  if (value instanceof Error) return reduceError(value, trace, depth);
  if (value instanceof Uint8Array) return summary(Buffer.from(value).toString('latin1'));
  if (value instanceof URL) return value.href;
  if (depth === 0) return '<deep>';
  if (Array.isArray(value)) return value.map((entry) => reduce(entry, trace, depth - 1));
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  if (prototype && prototype !== Object.prototype) return `<${prototype.constructor?.name ?? 'object'}>`;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, reduce(entry, trace, depth - 1)]));
}

function reduceError(error: Error, trace: Trace | undefined, depth: number): unknown {
  const fields = error as Error & { readonly [key: string]: unknown; readonly errors?: readonly unknown[] };
  const shown: { [key: string]: unknown } = {
    error: error.name,
    class: error.constructor.name,
    message: error.message,
  };
  for (const key of ERROR_FIELDS) if (fields[key] !== undefined) shown[key] = reduce(fields[key], trace, 1);
  if (depth > 0 && error.cause !== undefined) shown['cause'] = reduce(error.cause, trace, depth - 1);
  if (depth > 0 && fields.errors) shown['errors'] = fields.errors.map((one) => reduce(one, trace, depth - 1));
  return shown;
}

/** Long texts by their length and both ends. */
export function summary(text: string): string {
  if (text.length <= 1500) return text;
  return `${text.slice(0, 700)} <${text.length} in all> ${text.slice(-200)}`;
}

/** The fields that Node's types do not tell of. */
export function inner(object: object): { [name: string]: unknown } {
  return object as { [name: string]: unknown };
}
