import { describe, expect, it } from 'vitest';
import { VirtualServiceIndex } from '../../../src/core/compile/virtual-service-index.ts';
import { mergeHttpRoutes, stringMatchConflict } from '../../../src/core/compile/virtual-service-delegate.ts';
import type { HTTPRoute, VirtualServiceSpec } from '../../../src/core/model/virtual-service.ts';
import { mesh, meta } from './mesh.ts';

const route = [{ destination: { host: 'a.test' } }];
const root = { metadata: meta('default/root'), spec: { hosts: ['a.test'], http: [{ delegate: { name: 'leaf' } }] } };

function leaf(path: string, spec: Partial<VirtualServiceSpec> = {}) {
  return { metadata: meta(path), spec: { http: [{ name: 'leaf', route }], ...spec } };
}

function merged(...virtualServices: readonly { metadata: ReturnType<typeof meta>; spec: VirtualServiceSpec }[]) {
  const [found] = new VirtualServiceIndex(mesh({ virtualServices })).forGateway('default', 'mesh');
  return found?.spec.http;
}

describe('a delegate', () => {
  it('gives its routes to the root, and is no rule of its own', () => {
    expect(merged(root, leaf('default/leaf'))).toEqual([{ name: 'leaf', route }]);
    expect(merged(leaf('default/leaf'))).toBeUndefined();
  });

  it('may live in another namespace if the root names it', () => {
    const elsewhere = { ...root, spec: { ...root.spec, http: [{ delegate: { name: 'leaf', namespace: 'team' } }] } };
    expect(merged(elsewhere, leaf('team/leaf'))).toHaveLength(1);
    expect(merged(root, leaf('team/leaf'))).toEqual([]);
  });

  it('takes the route with it when it is missing or hidden from the root', () => {
    const elsewhere = {
      ...root,
      spec: { ...root.spec, http: [{ delegate: { name: 'leaf', namespace: 'team' } }, { route }] },
    };
    expect(merged(elsewhere)).toEqual([{ route }]);
    expect(merged(elsewhere, leaf('team/leaf', { exportTo: ['.'] }))).toEqual([{ route }]);
    expect(merged(elsewhere, leaf('team/leaf', { exportTo: ['default'] }))).toHaveLength(2);
  });
});

describe('merging routes', () => {
  const merge = (above: HTTPRoute, below: HTTPRoute) => mergeHttpRoutes(above, [below]);

  it('keeps what the delegate says and fills in what it does not', () => {
    const above = { timeout: '3s', retries: { attempts: 1 }, headers: { request: { remove: ['a'] } } };
    expect(merge(above, { route, timeout: '1s' })).toEqual([{ ...above, route, timeout: '1s' }]);
  });

  it('joins names', () => {
    expect(merge({ name: 'root' }, { name: 'leaf', route })).toMatchObject([{ name: 'root-leaf' }]);
    expect(merge({ name: 'root' }, { route })).toMatchObject([{ name: 'root' }]);
  });

  it('pairs every match of the delegate with each of the root that it fits', () => {
    const above = { match: [{ uri: { prefix: '/a' } }, { uri: { prefix: '/a/b' }, port: 80 }] };
    const [found] = merge(above, { route, match: [{ uri: { prefix: '/a/b/c' } }] });
    expect(found?.match).toEqual([{ uri: { prefix: '/a/b/c' } }, { uri: { prefix: '/a/b/c' }, port: 80 }]);
  });

  it('drops a route one of whose matches fits none of the root', () => {
    const above = { match: [{ uri: { prefix: '/a' } }] };
    expect(merge(above, { route, match: [{ uri: { prefix: '/a/b' } }, { uri: { prefix: '/z' } }] })).toEqual([]);
  });

  it('drops a route that differs in case handling, port, gateways or source', () => {
    expect(merge({ match: [{ ignoreUriCase: true }] }, { route, match: [{}] })).toEqual([]);
    expect(merge({ match: [{ port: 80 }] }, { route, match: [{ port: 81 }] })).toEqual([]);
    expect(merge({ match: [{ gateways: ['mesh'] }] }, { route, match: [{ gateways: ['a/b'] }] })).toEqual([]);
    expect(merge({ match: [{ sourceNamespace: 'a' }] }, { route, match: [{}] })).toEqual([]);
    expect(
      merge({ match: [{ sourceLabels: { app: 'a' } }] }, { route, match: [{ sourceLabels: { app: 'b' } }] }),
    ).toEqual([]);
  });
});

describe('string matches of root and delegate', () => {
  it('conflict unless the delegate is within the root', () => {
    expect(stringMatchConflict({ prefix: '/a' }, { prefix: '/a/b' })).toBe(false);
    expect(stringMatchConflict({ prefix: '/a' }, { exact: '/a' })).toBe(false);
    expect(stringMatchConflict({ prefix: '/a/b' }, { prefix: '/a' })).toBe(true);
    expect(stringMatchConflict({ exact: '/a' }, { exact: '/a' })).toBe(false);
    expect(stringMatchConflict({ exact: '/a' }, { prefix: '/a' })).toBe(true);
  });

  it('always conflict where a regex meets anything, and never where one of them is absent', () => {
    expect(stringMatchConflict({ regex: '.*' }, { exact: '/a' })).toBe(true);
    expect(stringMatchConflict({ prefix: '/' }, { regex: '/a' })).toBe(true);
    expect(stringMatchConflict(undefined, { regex: '/a' })).toBe(false);
  });
});
