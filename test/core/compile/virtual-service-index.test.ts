import { describe, expect, it } from 'vitest';
import { destinationHosts, VirtualServiceIndex } from '../../../src/core/compile/virtual-service-index.ts';
import type { VirtualServiceSpec } from '../../../src/core/model/virtual-service.ts';
import { mesh, meta } from './mesh.ts';

function rule(path: string, spec: Partial<VirtualServiceSpec> = {}, minute?: number) {
  const http = [{ route: [{ destination: { host: 'a.test' } }] }];
  return { metadata: meta(path, minute), spec: { hosts: ['a.test'], http, ...spec } };
}

function order(rules: readonly ReturnType<typeof rule>[], gateway = 'mesh', namespace = 'default'): string[] {
  return new VirtualServiceIndex(mesh({ virtualServices: rules }))
    .forGateway(namespace, gateway)
    .map(({ metadata }) => metadata.name);
}

describe('the precedence of VirtualServices', () => {
  it('is by age, then by name', () => {
    expect(order([rule('default/c', {}, 2), rule('default/b', {}, 3), rule('other/a', {}, 3)])).toEqual([
      'c',
      'a',
      'b',
    ]);
  });

  it('puts private ones first, then those exported by name, then public ones, however young', () => {
    const rules = [
      rule('other/public', {}, 1),
      rule('other/named', { exportTo: ['default'] }, 2),
      rule('default/private', { exportTo: ['.'] }, 3),
    ];
    expect(order(rules)).toEqual(['private', 'named', 'public']);
  });

  it('hides what is exported elsewhere', () => {
    expect(order([rule('other/a', { exportTo: ['.'] }), rule('other/b', { exportTo: ['ops'] })])).toEqual([]);
  });

  it('gives rules that delegate the place of their own age', () => {
    const delegating = rule('default/root', { http: [{ delegate: { name: 'leaf' } }] }, 1);
    const leaf = rule('default/leaf', { hosts: [] }, 2);
    expect(order([delegating, leaf, rule('default/plain', {}, 9)])).toEqual(['root', 'plain']);
  });
});

describe('gateways', () => {
  it('are `mesh` where none is named', () => {
    const rules = [
      rule('default/a'),
      rule('default/b', { gateways: ['edge'] }),
      rule('default/c', { gateways: ['mesh', 'edge'] }),
    ];
    expect(order(rules)).toEqual(['a', 'c']);
    expect(order(rules, 'default/edge')).toEqual(['b', 'c']);
  });

  it('are of the namespace of the rule unless another is named', () => {
    expect(order([rule('team/a', { gateways: ['edge'] })], 'team/edge')).toEqual(['a']);
    expect(order([rule('team/a', { gateways: ['ops/edge'] })], 'ops/edge')).toEqual(['a']);
  });
});

describe('names without a dot', () => {
  const spec = {
    hosts: ['web', 'api.example.com'],
    http: [
      {
        match: [{ gateways: ['edge', 'mesh'] }],
        route: [{ destination: { host: 'web' } }],
        mirror: { host: 'shadow' },
      },
    ],
    tls: [{ match: [{ sniHosts: ['api.example.com'] }], route: [{ destination: { host: 'web' } }] }],
  };

  it('belong to the namespace of the rule and the domain of the cluster', () => {
    const [found] = new VirtualServiceIndex(mesh({ virtualServices: [rule('team/v', spec)] })).forGateway('x', 'mesh');
    const web = 'web.team.svc.cluster.local';
    expect(found?.spec.hosts).toEqual([web, 'api.example.com']);
    expect(found?.spec.http?.[0]?.route?.[0]?.destination.host).toBe(web);
    expect(found?.spec.http?.[0]?.mirror?.host).toBe('shadow.team.svc.cluster.local');
    expect(found?.spec.http?.[0]?.match?.[0]?.gateways).toEqual(['team/edge', 'mesh']);
    expect(found?.spec.tls?.[0]?.route?.[0]?.destination.host).toBe(web);
    expect(found?.spec.tls?.[0]?.match?.[0]?.sniHosts).toEqual(['api.example.com']);
  });

  it('get the namespace alone where resources came without a domain', () => {
    const config = mesh({ virtualServices: [rule('team/v', { hosts: ['web'] })], shortNameDomain: '' });
    expect(new VirtualServiceIndex(config).forGateway('x', 'mesh')[0]?.spec.hosts).toEqual(['web.team']);
  });
});

describe('the destinations of a VirtualService', () => {
  it('are those of routes and mirrors, with 0 for a port that is not named', () => {
    const destination = (host: string, number?: number) =>
      number === undefined ? { host } : { host, port: { number } };
    const found = destinationHosts(
      {
        kind: 'VirtualService',
        metadata: meta('default/v'),
        spec: {
          http: [
            { route: [{ destination: destination('a', 80) }, { destination: destination('a') }] },
            { route: [{ destination: destination('b', 80) }], mirrors: [{ destination: destination('c', 81) }] },
          ],
          tcp: [{ route: [{ destination: destination('d', 9000) }] }],
        },
      },
      'default',
    );
    expect([...found].map(([host, ports]) => [host, [...ports]])).toEqual([
      ['a', [80, 0]],
      ['b', [80]],
      ['c', [81]],
      ['d', [9000]],
    ]);
  });
});
