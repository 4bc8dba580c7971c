import { describe, expect, it } from 'vitest';
import { formatFieldPath, resolveFieldPath } from '../../src/config/field-path.ts';

describe('formatFieldPath', () => {
  it.each([
    [['spec', 'http', 0, 'route', 1, 'weight'], 'spec.http[0].route[1].weight'],
    [['spec', 'headers', 'x-user'], 'spec.headers["x-user"]'],
    [['metadata', 'annotations', 'a.b/c'], 'metadata.annotations["a.b/c"]'],
    [[], ''],
  ])('writes %j', (path, text) => {
    expect(formatFieldPath(path)).toBe(text);
  });
});

describe('resolveFieldPath', () => {
  const value = {
    spec: { http: [{ headers: { 'x-user': 1, 'a.b': { c: 1 }, a: 2 }, 0: 'zero' }], ports: { 'http-valid': 1 } },
  };

  it.each([
    ['spec.http[0].headers["x-user"]', ['spec', 'http', 0, 'headers', 'x-user']],
    ['spec.http[0].headers.x-user', ['spec', 'http', 0, 'headers', 'x-user']],
    ['spec.http[0].headers.a.b.c', ['spec', 'http', 0, 'headers', 'a.b', 'c']],
    ['spec.http[0].headers.a', ['spec', 'http', 0, 'headers', 'a']],
    ['spec.ports[http-valid]', ['spec', 'ports', 'http-valid']],
    ['spec.http[3].missing.field', ['spec', 'http', 3, 'missing', 'field']],
    ['', []],
  ])('reads %s', (text, path) => {
    expect(resolveFieldPath(text, value)).toEqual(path);
  });
});
