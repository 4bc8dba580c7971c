import { describe, expect, it } from 'vitest';
import { DestinationRuleIndex } from '../../../src/core/compile/destination-rule-index.ts';
import type { DestinationRuleSpec } from '../../../src/core/model/destination-rule.ts';
import { mesh, meta } from './mesh.ts';

const policy = (maxConnections: number) => ({ connectionPool: { tcp: { maxConnections } } });

function rule(path: string, spec: Partial<DestinationRuleSpec> = {}, minute?: number) {
  return { metadata: meta(path, minute), spec: { host: 'a.test', trafficPolicy: policy(1), ...spec } };
}

type Rule = ReturnType<typeof rule>;

function chosen(rules: readonly Rule[], client = 'client', labels: Record<string, string> = {}) {
  const index = new DestinationRuleIndex(mesh({ destinationRules: rules }));
  return index.forWorkload({ namespace: client, labels }, 'a.test', 'service');
}

function nameOf(rules: readonly Rule[], client?: string, labels?: Record<string, string>): string | undefined {
  const found = chosen(rules, client, labels);
  return found === undefined ? undefined : `${found.ref.namespace}/${found.ref.name}`;
}

describe('the DestinationRule that applies', () => {
  it("is of the client's namespace, else of the service's, else of the root namespace", () => {
    const all = [rule('client/a'), rule('service/b'), rule('istio-system/c')];
    expect(nameOf(all)).toBe('client/a');
    expect(nameOf(all.slice(1))).toBe('service/b');
    expect(nameOf(all.slice(2))).toBe('istio-system/c');
    expect(nameOf([rule('other/d')])).toBeUndefined();
  });

  it('is the closest of its namespace; a wildcard of the client beats an exact one of the service', () => {
    const wildcard = rule('client/wide', { host: '*.test' });
    expect(nameOf([wildcard, rule('client/wider', { host: '*' }), rule('service/exact')])).toBe('client/wide');
    expect(nameOf([wildcard, rule('client/exact')])).toBe('client/exact');
  });

  it('is seen by others only where it is exported to them', () => {
    expect(nameOf([rule('service/b', { exportTo: ['.'] })])).toBeUndefined();
    expect(nameOf([rule('service/b', { exportTo: ['client'] })])).toBe('service/b');
    expect(nameOf([rule('service/b', { exportTo: ['other'] }), rule('istio-system/c')])).toBe('istio-system/c');
  });

  it('follows the mesh default where it names no export', () => {
    const config = mesh({ destinationRules: [rule('service/b')], defaultDestinationRuleExportTo: ['.'] });
    const index = new DestinationRuleIndex(config);
    expect(index.forWorkload({ namespace: 'client' }, 'a.test', 'service')).toBeUndefined();
    expect(index.forWorkload({ namespace: 'service' }, 'a.test', 'service')?.ref.name).toBe('b');
  });

  it('is none of the root namespace for clients there unless it is for that namespace alone', () => {
    const local = rule('istio-system/local', { exportTo: ['.'] });
    const shared = rule('istio-system/shared');
    expect(nameOf([shared, rule('service/b')], 'istio-system')).toBe('service/b');
    expect(nameOf([local, rule('service/b')], 'istio-system')).toBe('istio-system/local');
    expect(nameOf([shared], 'istio-system')).toBe('istio-system/shared');
  });

  it('completes a short host with its own namespace', () => {
    const index = new DestinationRuleIndex(mesh({ destinationRules: [rule('shop/r', { host: 'web' })] }));
    expect(index.forWorkload({ namespace: 'shop' }, 'web.shop.svc.cluster.local', 'shop')?.ref.name).toBe('r');
  });

  it('compares letters as they are written', () => {
    expect(nameOf([rule('client/a', { host: 'A.test' })])).toBeUndefined();
  });
});

describe('rules with a workloadSelector', () => {
  const selecting = rule('client/picky', { workloadSelector: { matchLabels: { app: 'web' } } }, 9);

  it('come before those without, for the workloads they select', () => {
    expect(nameOf([rule('client/all', {}, 1), selecting], 'client', { app: 'web', version: 'v1' })).toBe(
      'client/picky',
    );
    expect(nameOf([rule('client/all', {}, 1), selecting], 'client', { app: 'db' })).toBe('client/all');
  });

  it('act in their own namespace only', () => {
    const exported = rule('service/picky', { workloadSelector: { matchLabels: {} }, exportTo: ['service'] });
    expect(nameOf([exported])).toBeUndefined();
  });
});

describe('several rules of one host and namespace', () => {
  it('unite their subsets, of one name the older; the policy is the first there is', () => {
    const older = rule('client/a', { subsets: [{ name: 'v1', labels: { version: 'old' } }] }, 1);
    const younger = rule(
      'client/b',
      { trafficPolicy: policy(2), subsets: [{ name: 'v1', labels: { version: 'new' } }, { name: 'v2' }] },
      2,
    );
    const found = chosen([younger, older]);
    expect(found?.rule.spec.subsets).toEqual([{ name: 'v1', labels: { version: 'old' } }, { name: 'v2' }]);
    expect(found?.rule.spec.trafficPolicy).toEqual(policy(1));
    expect(found?.ref.name).toBe('a');
    expect(found?.from.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('take over a policy where the older has none', () => {
    const { trafficPolicy: _none, ...bare } = rule('client/a', {}, 1).spec;
    const found = chosen([
      { metadata: meta('client/a', 1), spec: bare as Rule['spec'] },
      rule('client/b', { trafficPolicy: policy(2) }, 2),
    ]);
    expect(found?.rule.spec.trafficPolicy).toEqual(policy(2));
  });

  it('stay apart where they are exported to different namespaces', () => {
    const subset = (name: string) => ({ subsets: [{ name }] });
    const rules = [
      rule('service/a', { ...subset('one'), exportTo: ['client'] }, 1),
      rule('service/b', { ...subset('two'), exportTo: ['other'] }, 2),
    ];
    expect(chosen(rules, 'client')?.rule.spec.subsets).toEqual([{ name: 'one' }]);
    expect(chosen(rules, 'other')?.rule.spec.subsets).toEqual([{ name: 'two' }]);
  });
});
