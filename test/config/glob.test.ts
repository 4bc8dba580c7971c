import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findByGlob, isGlob } from '../../src/config/glob.ts';

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sidecarless-'));
  for (const name of [
    'a.yaml',
    'b.json',
    '.hidden.yaml',
    'x/c.yaml',
    'x/y/d.yaml',
    'x/y/e+1.yml',
    'node_modules/n/f.yaml',
  ]) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), '');
  }
  symlinkSync(root, join(root, 'x/y/loop'));
});

afterAll(() => rmSync(root, { recursive: true }));

describe('findByGlob', () => {
  it.each([
    ['*.yaml', ['a.yaml']],
    ['*.{yaml,json}', ['a.yaml', 'b.json']],
    ['**/*.yaml', ['a.yaml', 'x/c.yaml', 'x/y/d.yaml']],
    ['x/**', ['x/c.yaml', 'x/y/d.yaml', 'x/y/e+1.yml']],
    ['x/*/?.yaml', ['x/y/d.yaml']],
    ['x/y/e+[0-9].y*ml', ['x/y/e+1.yml']],
    ['x/y/[!d]*', ['x/y/e+1.yml']],
    ['.h*', ['.hidden.yaml']],
    ['{x/y,nowhere}/{d,e}.yaml', ['x/y/d.yaml']],
    ['nowhere/*', []],
  ])('finds %s', (pattern, names) => {
    expect(findByGlob(join(root, pattern)).map((file) => file.slice(root.length + 1))).toEqual(names);
  });

  it('knows a pattern when it sees one', () => {
    expect(['a.yaml', 'a/b-c', 'a*', 'a?', '[ab]', '{a,b}'].map(isGlob)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
  });
});
