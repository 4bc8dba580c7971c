import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadingCodes } from '../../src/config/diagnostics.ts';
import { ruleCodes } from '../../src/config/validate/rule-codes.ts';
import * as limits from '../../src/config/yaml-limits.ts';

const pageOf = (name: string): string => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');

const rules = Object.values(ruleCodes).map(({ code, meaning }) => ({ code, level: 'rule', meaning }));
const entries = Object.entries(loadingCodes).map(([code, { level, meaning }]) => ({ code, level, meaning }));

/** Cells of the rows of a page's tables that begin with a code. */
const rows = pageOf('diagnostics')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, code]) => /^`SCL\d{4}`$/.test(code ?? ''));

describe('docs/diagnostics.md', () => {
  it('has a row for every code, and for no other', () => {
    const codes = [...entries, ...rules].map(({ code }) => `\`${code}\``);
    expect(rows.map(([, code]) => code).sort()).toEqual(codes.sort());
  });

  it.each([...entries, ...rules])('says of $code what the code says', ({ code, level, meaning }) => {
    const [, , pageLevel, pageMeaning] = rows.find(([, cell]) => cell === `\`${code}\``) ?? [];
    expect(pageMeaning).toBe(meaning);
    if (level !== 'rule') expect(pageLevel).toBe(level);
  });
});

describe('the codes', () => {
  it('are all different', () => {
    const codes = [...entries, ...rules].map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('have a meaning that is a sentence', () => {
    for (const { meaning } of [...entries, ...rules]) expect(meaning).toMatch(/\.$/);
  });
});

describe('docs/configuration.md', () => {
  it.each([
    limits.MAX_SOURCE_LENGTH,
    limits.MAX_DOCUMENT_LENGTH,
    limits.MAX_NESTING,
    limits.MAX_ALIASES,
    limits.MAX_VALUES,
  ])('names the limit %d', (limit) => {
    expect(pageOf('configuration')).toContain(`| ${limit.toLocaleString('en')} `);
  });
});
