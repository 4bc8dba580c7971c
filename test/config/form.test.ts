import { describe, expect, it } from 'vitest';
import * as form from '../../src/config/schema/form.ts';

const found = (value: unknown, of: form.Form): string[] =>
  form.findingsAbout(value, of).map(({ path, code }) => `${path.join('.')}: ${code}`);

const even = form.uint32().refine((value) => value % 2 === 0, { rule: 'even', message: 'is odd' });

describe('a form', () => {
  it('finds every value of another type, each at its place', () => {
    const pod = form.strictObject({ name: form.string(), ports: form.array(even), labels: form.record(form.string()) });
    expect(found({ name: 'a', ports: [2], labels: { a: 'b' } }, pod)).toEqual([]);
    expect(found({ name: 1, ports: [2, 'x', 1.5], labels: { a: 1 } }, pod)).toEqual([
      'name: type',
      'ports.1: type',
      'ports.2: type',
      'labels.a: type',
    ]);
    expect(found([], pod)).toEqual([': type']);
    expect(found({ ports: {}, labels: [] }, pod)).toEqual(['name: type', 'ports: type', 'labels: type']);
  });

  it('refuses fields that it does not name, unless it is open; inherited ones are none', () => {
    const shape = { a: form.boolean().optional() };
    expect(found({ a: true, b: 1, c: 2 }, form.strictObject(shape))).toEqual([': unknown-field', ': unknown-field']);
    expect(found({ b: 1 }, form.looseObject(shape))).toEqual([]);
    expect(found(Object.create({ a: 'no boolean' }), form.strictObject(shape))).toEqual([]);
  });

  it('asks all its rules, and only when all types are right', () => {
    const pair = form
      .array(even)
      .min(2)
      .refine((list) => list[0] !== 1, { rule: 'first', message: '' });
    expect(found([1], pair)).toEqual(['0: rule', ': size', ': rule']);
    expect(found(['x'], pair)).toEqual(['0: type']);
  });

  it('keeps the form it was made from', () => {
    const text = form.string();
    const short = text.max(1);
    expect(found('ab', text)).toEqual([]);
    expect(found('ab', short)).toEqual([': size']);
    expect(found('a', short)).toEqual([]);
  });

  it('tells integers and their limits from other numbers', () => {
    expect(found(2 ** 32, form.uint32())).toEqual([': size']);
    expect(found(-1, form.uint32())).toEqual([': size']);
    expect(found(2 ** 31, form.int32())).toEqual([': size']);
    expect(found(1e300, form.int())).toEqual([': size']);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '1', null, undefined])
      expect(found(value, form.number())).toEqual([': type']);
  });

  it('lets absent, null and either of two through where it says so', () => {
    const either = form.either(form.int().max(10), form.string());
    expect([undefined, 'a', 3].map((value) => found(value, either.optional()))).toEqual([[], [], []]);
    expect(found(11, either)).toEqual([': size']);
    expect(found(null, either)).toEqual([': type']);
    expect(found(null, either.nullable())).toEqual([]);
    expect(found('c', form.oneWordOf(['a', 'b']))).toEqual([': word']);
  });

  it('lets a message tell of the value', () => {
    const odd = form.string().refine(() => false, { rule: 'x', message: (value) => `is ${value}` });
    expect(form.findingsAbout('y', odd)).toEqual([{ code: 'rule', rule: 'x', message: 'is y', path: [] }]);
  });
});
