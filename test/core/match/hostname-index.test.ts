import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostnameIndex } from '../../../src/core/match/hostname-index.ts';

function indexOf(...patterns: string[]): HostnameIndex<string> {
  const index = new HostnameIndex<string>();
  for (const pattern of patterns) index.add(pattern, pattern);
  return index;
}

describe('HostnameIndex', () => {
  it.each([
    ['a.example.com', 'a.example.com'],
    ['b.example.com', '*.example.com'],
    ['x.y.example.com', '*.y.example.com'],
    ['example.com', '*.com'],
    ['localhost', '*'],
    ['notexample.com', '*.com'],
  ])('%s is found by %s', (host, pattern) => {
    expect(indexOf('*', '*.com', '*.example.com', '*.y.example.com', 'a.example.com').get(host)).toBe(pattern);
  });

  it('does not take the apex for a part of the wildcard', () => {
    expect(indexOf('*.example.com').get('example.com')).toBeUndefined();
    expect(indexOf('*.example.com').get('evilexample.com')).toBeUndefined();
  });

  it('knows suffixes that begin inside a label', () => {
    expect(indexOf('*foo.com', '*.com').get('barfoo.com')).toBe('*foo.com');
    expect(indexOf('*oo.com', '*.a.foo.com').get('x.a.foo.com')).toBe('*.a.foo.com');
  });

  it('keeps the first of equal patterns and counts each once', () => {
    const index = new HostnameIndex<number>();
    for (const pattern of ['*.a', 'b', '*', '*c', '*.a', 'b', '*', '*c']) index.add(pattern, index.size);
    expect(index.size).toBe(4);
    expect(['x.a', 'b', 'zz', 'abc'].map((host) => index.get(host))).toEqual([0, 1, 2, 3]);
  });

  it('tells exact names and wildcards apart', () => {
    const index = indexOf('a.example.com', '*.example.com');
    expect(index.getExact('b.example.com')).toBeUndefined();
    expect(index.getWildcard('a.example.com')).toBe('*.example.com');
  });

  it('agrees with a linear search', () => {
    const label = fc.stringMatching(/^[ab]{1,2}$/);
    const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
    const pattern = fc.oneof(
      host,
      host.map((name) => `*.${name}`),
      host.map((name) => `*${name}`),
      fc.constant('*'),
    );
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 20 }), host, (patterns, name) => {
        const wildcards = patterns.filter((each) => each.startsWith('*') && name.endsWith(each.slice(1)));
        const longest = wildcards.sort((a, b) => b.length - a.length)[0];
        expect(indexOf(...patterns).get(name)).toBe(patterns.includes(name) ? name : longest);
      }),
      { numRuns: 2_000 },
    );
  });
});
