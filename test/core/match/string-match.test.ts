import { describe, expect, it } from 'vitest';
import { compileRegex, compileStringMatch, lowerAscii } from '../../../src/core/match/string-match.ts';

describe('compileStringMatch', () => {
  it.each([
    [{ exact: '/a' }, {}, '/a', true],
    [{ exact: '/a' }, {}, '/A', false],
    [{ exact: '/a' }, {}, '/a/', false],
    [{ exact: '/A' }, { ignoreCase: true }, '/a', true],
    [{ prefix: '/a' }, {}, '/ab', true],
    [{ prefix: '/a' }, {}, '/', false],
    [{ prefix: '/Ab' }, { ignoreCase: true }, '/aBc', true],
    [{ prefix: '' }, {}, '', true],
    [{ exact: '' }, {}, 'x', false],
    [{}, {}, 'anything', true],
    [{ regex: '/a+' }, {}, '/aaa', true],
    [{ regex: '/a+' }, {}, 'x/aaa', false],
    [{ regex: '/a+' }, {}, '/aaax', false],
    [{ regex: 'a|ab' }, {}, 'ab', true],
    [{ regex: '/A' }, { ignoreCase: true }, '/a', false],
    [{ regex: '(?i)/A' }, {}, '/a', true],
    [{ regex: '.*' }, {}, 'a\nb', false],
    [{ regex: '' }, {}, '', true],
    [{ exact: 'É' }, { ignoreCase: true }, 'é', false],
  ])('%j %j of %j: %s', (match, options, value, expected) => {
    expect(compileStringMatch(match, options)(value)).toBe(expected);
  });

  it('refuses what is no RE2 expression', () => {
    expect(() => compileRegex('(')).toThrow(RangeError);
    expect(() => compileRegex('(?=a)')).toThrow(RangeError);
    expect(() => compileRegex('(a)\\1')).toThrow(RangeError);
  });

  it('does not slow down with the value', () => {
    const matches = compileRegex('(a*)*b');
    expect(matches('a'.repeat(50_000))).toBe(false);
  });

  it('lowers ASCII letters only', () => {
    expect(lowerAscii('aBÉİ')).toBe('abÉİ');
    expect(lowerAscii('abc')).toBe('abc');
    expect(lowerAscii('ABC-é')).toBe('abc-é');
  });
});
