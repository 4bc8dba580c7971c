import { describe, expect, it } from 'vitest';
import { parseYamlDocuments } from '../../src/config/parse-yaml.ts';
import { MAX_ALIASES, MAX_DOCUMENT_LENGTH, MAX_NESTING, MAX_SOURCE_LENGTH } from '../../src/config/yaml-limits.ts';

const valueOf = (text: string): unknown => {
  const { documents, problems } = parseYamlDocuments(text);
  expect(problems).toEqual([]);
  return documents[0]?.value;
};

const codesOf = (text: string): string[] => parseYamlDocuments(text).problems.map(({ code }) => code);

describe('values', () => {
  it('reads documents, comments and empty documents', () => {
    const { documents } = parseYamlDocuments('# head\n---\na: 1\n---\n---\n# nothing\n---\nb: [x, z]\n');
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { b: ['x', 'z'] }]);
  });

  it('reads JSON', () => {
    expect(valueOf('{"a": {"b": [1, true, null, "x"]}}')).toEqual({ a: { b: [1, true, null, 'x'] } });
  });

  it.each([
    ['yes', true],
    ['off', false],
    ['y', true],
    ['N', false],
    ['"off"', 'off'],
    ['0100', 64],
    ['1_000', 1000],
    ['0x1F', 31],
    ['1.50', 1.5],
    ['1:30', '1:30'],
    ['2026-08-01', '2026-08-01'],
    ['null', null],
    ['~', null],
    ['10.0.0.0/8', '10.0.0.0/8'],
  ])('reads the plain scalar %s as Kubernetes does', (text, value) => {
    expect(valueOf(`field: ${text}`)).toEqual({ field: value });
  });

  it.each(['!!binary aHR0cGJpbi5vcmc=', '!!binary |\n    aHR0cGJp\n    bi5vcmc=\n'])(
    'reads %j as the text it stands for',
    (text) => {
      expect(valueOf(`field: ${text}`)).toEqual({ field: 'httpbin.org' });
    },
  );

  it('writes keys that are no strings as strings', () => {
    expect(valueOf('8080: a\ntrue: b\n')).toEqual({ 8080: 'a', true: 'b' });
  });

  it('expands aliases and merge keys; own keys win', () => {
    const text = 'base: &base { a: 1, b: 2 }\nlist: [*base]\nmap:\n  <<: *base\n  b: 3\n';
    expect(valueOf(text)).toEqual({ base: { a: 1, b: 2 }, list: [{ a: 1, b: 2 }], map: { a: 1, b: 3 } });
  });
});

describe('what is refused', () => {
  it('a key given twice', () => {
    expect(codesOf('a: 1\nb: 2\na: 3\n')).toEqual(['SCL0102']);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('the key %s, wherever it stands', (key) => {
    expect(codesOf(`a: { b: { ${key}: 1 } }`)).toEqual(['SCL0107']);
  });

  it.each(['a: .inf', 'a: -.inf', 'a: .nan'])('%s: JSON has no such number', (text) => {
    expect(codesOf(text)).toEqual(['SCL0108']);
  });

  it('a key that is a list', () => {
    expect(codesOf('? [a, b]\n: 1\n')).toEqual(['SCL0108']);
  });

  it.each(['!!binary "%%%"', '!!binary aHR0cGJpbi5vcmc', '!!timestamp 2026-08-01', '!!merge <<'])('%s', (text) => {
    expect(codesOf(`field: ${text}`)).toEqual(['SCL0108']);
  });

  it('a tag that nobody knows', () => {
    expect(codesOf('a: !secret x\n')).toEqual(['SCL0108']);
  });

  it('an alias without anchor', () => {
    expect(codesOf('a: *nobody\n')).toEqual(['SCL0101']);
  });

  it.each([
    ['in a map', 'a: &x { b: *x }'],
    ['in a list', 'a: &x [1, *x]'],
    ['through a merge key', 'a: &x\n  <<: *x\n'],
  ])('a cycle %s', (_where, text) => {
    expect(codesOf(text)).toEqual(['SCL0103']);
  });
});

describe('limits', () => {
  it('on nesting, of maps and of lists', () => {
    const deep = (depth: number): string => '[[{a: '.repeat(depth / 3) + '1' + '}]]'.repeat(depth / 3);
    expect(codesOf(deep(MAX_NESTING - 1))).toEqual([]);
    expect(codesOf(deep(MAX_NESTING + 2))).toEqual(['SCL0105']);
    expect(codesOf('['.repeat(20_000) + ']'.repeat(20_000))).toEqual(['SCL0105']);
  });

  it('on aliases', () => {
    const aliases = (count: number): string => `a: &x 1\nb:\n${'  - *x\n'.repeat(count)}`;
    expect(codesOf(aliases(MAX_ALIASES))).toEqual([]);
    expect(codesOf(aliases(MAX_ALIASES + 1))).toEqual(['SCL0106']);
  });

  it('on what aliases expand to', () => {
    const levels = Array.from({ length: 9 }, (_unused, i) => {
      const list = i === 0 ? Array(10).fill('lol') : Array(10).fill(`*l${i - 1}`);
      return `l${i}: &l${i} [${list.join(', ')}]`;
    });
    expect(codesOf(levels.join('\n'))).toEqual(['SCL0106']);
  });

  it('on the size of a document, and of a text', () => {
    expect(codesOf(`a: ${'x'.repeat(MAX_DOCUMENT_LENGTH)}`)).toEqual(['SCL0104']);
    expect(codesOf('#'.repeat(MAX_SOURCE_LENGTH + 1))).toEqual(['SCL0104']);
  });

  it('on one document only: the others stay', () => {
    const { documents, problems } = parseYamlDocuments('a: 1\n---\na: 1\na: 2\n---\nb: [\n---\nc: 3\n');
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { c: 3 }]);
    expect(problems.map(({ code, location }) => [code, location.line])).toEqual([
      ['SCL0102', 4],
      ['SCL0101', 7],
    ]);
  });
});

describe('places', () => {
  const text = 'kind: A\nspec:\n  hosts:\n    - a\n    - b\n  sni_hosts: { "x.y": 1 }\n';
  const [document] = parseYamlDocuments(text, { file: 'mesh.yaml', line: 0, column: 0 }).documents;

  it.each([
    [['spec'], 2, 1],
    [['spec', 'hosts', 1], 5, 7],
    [['spec', 'sniHosts', 'x.y'], 6, 16],
    [['spec', 'sniHosts', 'missing'], 6, 3],
    [['spec', 'ports', 0, 'number'], 2, 1],
    [[], 1, 1],
  ])('finds %j, or its nearest ancestor', (path, line, column) => {
    expect(document?.locate(path)).toEqual({ file: 'mesh.yaml', line, column });
  });

  it('counts on from the file in YAML within YAML', () => {
    const outer = 'data:\n  mesh: |-\n    a: 1\n    outboundTrafficPolicy:\n      mode: X\n';
    const [parsed] = parseYamlDocuments(outer, { file: 'cm.yaml', line: 0, column: 0 }).documents;
    const origin = parsed?.embedded(['data', 'mesh']) ?? { line: 0, column: 0 };
    const inner = (parsed?.value as { data: { mesh: string } }).data.mesh;
    const [mesh] = parseYamlDocuments(inner, origin).documents;
    expect(mesh?.locate(['outboundTrafficPolicy', 'mode'])).toEqual({ file: 'cm.yaml', line: 5, column: 7 });
  });
});
