/**
 * The forms that a value may have, and what is found against one. Hundreds of parts are made at every start of a program
 * and asked a few times only. General libraries prepare each part for millions of values; here making one costs next to
 * nothing.
 */

/** Something against a value. `path` leads there from the whole. */
export type Finding = Found & { readonly path: readonly (string | number)[] };

export type Found =
  | { readonly code: 'type'; readonly expected: string }
  | { readonly code: 'word'; readonly words: readonly string[] }
  | { readonly code: 'unknown-field'; readonly field: string }
  | {
      readonly code: 'size';
      readonly of: 'string' | 'array' | 'number';
      readonly limit: number;
      readonly over: boolean;
    }
  | { readonly code: 'rule'; readonly rule: string; readonly message: string };

/** A rule beyond the type. `rule` becomes the problem's code; the message may tell of the value. */
export interface Rule<T> {
  readonly rule: string;
  readonly message: string | ((value: T) => string);
}

/** Everything against the value; empty: it has the form. */
export function findingsAbout(value: unknown, form: Form): readonly Finding[] {
  const walk = new Walk();
  form.check(value, walk);
  return walk.findings;
}

/** What a form is made of, for those who walk a value along with its form. */
export type Form<T = unknown> = AnyForm<T>;
export type Infer<F> = F extends AnyForm<infer T> ? T : never;

/** One walk through a value. */
export class Walk {
  readonly path: (string | number)[] = [];
  readonly findings: Finding[] = [];

  report(found: Found): void {
    this.findings.push({ ...found, path: [...this.path] });
  }

  wrongType(expected: string): false {
    this.report({ code: 'type', expected });
    return false;
  }

  into(step: string | number, form: Form, value: unknown): boolean {
    this.path.push(step);
    const typed = form.check(value, this);
    this.path.pop();
    return typed;
  }
}

/** Of a value whose type is known already. */
type Check = (value: never, walk: Walk) => void;

export abstract class AnyForm<T> {
  /** For the compiler alone. */
  declare readonly _type: T;
  readonly checks: readonly Check[] = [];

  protected abstract hasType(value: unknown, walk: Walk): boolean;

  /** Whether the value, with all that is in it, has its type: only then its own rules, and those around it, are asked. */
  check(value: unknown, walk: Walk): boolean {
    if (!this.hasType(value, walk)) return false;
    for (const check of this.checks) check(value as never, walk);
    return true;
  }

  protected also(check: Check): this {
    const copy = Object.create(Object.getPrototypeOf(this) as object) as this;
    return Object.assign(copy, this, { checks: [...this.checks, check] });
  }

  refine(holds: (value: T) => boolean, { rule, message }: Rule<T>): this {
    return this.also((value: T, walk) => {
      if (holds(value)) return;
      walk.report({ code: 'rule', rule, message: typeof message === 'string' ? message : message(value) });
    });
  }

  optional(): OptionalForm<T> {
    return new OptionalForm(this);
  }

  nullable(): NullableForm<T> {
    return new NullableForm(this);
  }
}

/** Strings by their length, lists by their items, numbers by themselves. */
export abstract class SizedForm<T extends string | number | readonly unknown[]> extends AnyForm<T> {
  min(limit: number): this {
    return this.also((value: T, walk) => {
      const [of, size] = sizeOf(value);
      if (size < limit) walk.report({ code: 'size', of, limit, over: false });
    });
  }

  max(limit: number): this {
    return this.also((value: T, walk) => {
      const [of, size] = sizeOf(value);
      if (size > limit) walk.report({ code: 'size', of, limit, over: true });
    });
  }
}

function sizeOf(value: string | number | readonly unknown[]): ['string' | 'array' | 'number', number] {
  if (typeof value === 'number') return ['number', value];
  return [typeof value === 'string' ? 'string' : 'array', value.length];
}

export class StringForm extends SizedForm<string> {
  protected hasType(value: unknown, walk: Walk): boolean {
    return typeof value === 'string' || walk.wrongType('string');
  }
}

export class NumberForm extends SizedForm<number> {
  readonly integer: boolean;

  constructor(integer: boolean) {
    super();
    this.integer = integer;
  }

  protected hasType(value: unknown, walk: Walk): boolean {
    if (typeof value !== 'number' || !Number.isFinite(value)) return walk.wrongType('number');
    return !this.integer || Number.isInteger(value) || walk.wrongType('int');
  }
}

export class BooleanForm extends AnyForm<boolean> {
  protected hasType(value: unknown, walk: Walk): boolean {
    return typeof value === 'boolean' || walk.wrongType('boolean');
  }
}

export class UnknownForm extends AnyForm<unknown> {
  protected hasType(): boolean {
    return true;
  }
}

/** One of a closed list of words. */
export class WordForm<Word extends string = string> extends AnyForm<Word> {
  readonly words: readonly Word[];

  constructor(words: readonly Word[]) {
    super();
    this.words = words;
  }

  protected hasType(value: unknown, walk: Walk): boolean {
    if (this.words.includes(value as Word)) return true;
    walk.report({ code: 'word', words: this.words });
    return false;
  }
}

/** A form around another one. */
export abstract class WrappedForm<T, Inner = T> extends AnyForm<T> {
  readonly inner: AnyForm<Inner>;

  constructor(inner: AnyForm<Inner>) {
    super();
    this.inner = inner;
  }
}

export class OptionalForm<T> extends WrappedForm<T | undefined, T> {
  protected hasType(value: unknown, walk: Walk): boolean {
    return value === undefined || this.inner.check(value, walk);
  }
}

export class NullableForm<T> extends WrappedForm<T | null, T> {
  protected hasType(value: unknown, walk: Walk): boolean {
    return value === null || this.inner.check(value, walk);
  }
}

/** A list whose items have one form. */
export class ListForm<T> extends SizedForm<T[]> {
  readonly item: AnyForm<T>;

  constructor(item: AnyForm<T>) {
    super();
    this.item = item;
  }

  protected hasType(value: unknown, walk: Walk): boolean {
    if (!Array.isArray(value)) return walk.wrongType('array');
    let typed = true;
    for (const [index, item] of value.entries()) if (!walk.into(index, this.item, item)) typed = false;
    return typed;
  }
}

/** A map from any name to values of one form. */
export class MapForm<T> extends AnyForm<Record<string, T>> {
  readonly value: AnyForm<T>;

  constructor(value: AnyForm<T>) {
    super();
    this.value = value;
  }

  protected hasType(value: unknown, walk: Walk): boolean {
    if (!isFields(value)) return walk.wrongType('record');
    let typed = true;
    for (const [name, inner] of Object.entries(value)) if (!walk.into(name, this.value, inner)) typed = false;
    return typed;
  }
}

export type Shape = Readonly<Record<string, AnyForm<unknown>>>;

/** Fields that may be left out are those whose form takes `undefined`. */
type Fields<S extends Shape> = {
  -readonly [K in keyof S as undefined extends Infer<S[K]> ? never : K]: Infer<S[K]>;
} & {
  -readonly [K in keyof S as undefined extends Infer<S[K]> ? K : never]?: Infer<S[K]>;
};
type Flat<T> = { [K in keyof T]: T[K] };

/** A map with named fields; a closed one has no others. */
export class ObjectForm<S extends Shape = Shape, T = Flat<Fields<S>>> extends AnyForm<T> {
  readonly shape: S;
  readonly closed: boolean;

  constructor(shape: S, closed: boolean) {
    super();
    this.shape = shape;
    this.closed = closed;
  }

  protected hasType(value: unknown, walk: Walk): boolean {
    if (!isFields(value)) return walk.wrongType('object');
    let typed = true;
    for (const [name, form] of Object.entries(this.shape))
      if (!walk.into(name, form, Object.hasOwn(value, name) ? value[name] : undefined)) typed = false;
    if (!this.closed) return typed;
    for (const field of Object.keys(value)) {
      if (Object.hasOwn(this.shape, field)) continue;
      walk.report({ code: 'unknown-field', field });
      typed = false;
    }
    return typed;
  }
}

/** A number or a string: where Kubernetes takes either. */
export class EitherForm<T> extends AnyForm<T> {
  readonly choices: readonly AnyForm<T>[];

  constructor(choices: readonly AnyForm<T>[]) {
    super();
    this.choices = choices;
  }

  protected hasType(value: unknown, walk: Walk): boolean {
    for (const choice of this.choices) {
      const apart = new Walk();
      if (!choice.check(value, apart)) continue;
      for (const finding of apart.findings) walk.findings.push({ ...finding, path: [...walk.path, ...finding.path] });
      return true;
    }
    return walk.wrongType('number or string');
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const string = (): StringForm => new StringForm();
export const number = (): NumberForm => new NumberForm(false);
export const boolean = (): BooleanForm => new BooleanForm();
export const unknown = (): UnknownForm => new UnknownForm();
/** Up to what a double holds exactly. */
export const int = (): NumberForm => new NumberForm(true).min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
export const int32 = (): NumberForm => new NumberForm(true).min(-(2 ** 31)).max(2 ** 31 - 1);
export const uint32 = (): NumberForm => new NumberForm(true).min(0).max(2 ** 32 - 1);
export const oneWordOf = <const Word extends string>(words: readonly Word[]): WordForm<Word> => new WordForm(words);
export const array = <T>(item: AnyForm<T>): ListForm<T> => new ListForm(item);
export const record = <T>(value: AnyForm<T>): MapForm<T> => new MapForm(value);
export const either = <T extends readonly AnyForm<unknown>[]>(...choices: T): AnyForm<Infer<T[number]>> =>
  new EitherForm(choices as unknown as readonly AnyForm<Infer<T[number]>>[]);
/** Closed: a field that is not named here is refused. */
export const strictObject = <S extends Shape>(shape: S): ObjectForm<S> => new ObjectForm(shape, true);
/** Open: fields that are not named here are let go. */
export const looseObject = <S extends Shape>(shape: S): ObjectForm<S, Flat<Fields<S>> & Record<string, unknown>> =>
  new ObjectForm(shape, false);
