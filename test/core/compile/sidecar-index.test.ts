import { describe, expect, it } from 'vitest';
import { buildScope } from '../../../src/core/compile/sidecar-index.ts';
import type { SidecarSpec } from '../../../src/core/model/sidecar.ts';
import { entry, mesh, meta, names } from './mesh.ts';

const client = { namespace: 'default', labels: { app: 'web', version: 'v1' } };

const serviceEntries = [
  entry('default/own', 'own.test'),
  entry('team/api', 'api.example.com', { ports: [{ number: 443, name: 'tls', protocol: 'TLS' }] }),
  entry('team/wild', '*.example.com', { resolution: 'NONE' }),
  entry('ops/metrics', 'metrics.ops.test'),
];

function rule(path: string, hosts: readonly string[], destination = 'own.test', minute?: number) {
  const route = [{ destination: { host: destination, port: { number: 80 } } }];
  return { metadata: meta(path, minute), spec: { hosts, http: [{ route }] } };
}

function importing(hosts: readonly string[], more: Partial<SidecarSpec> = {}) {
  return { metadata: meta('default/sidecar'), spec: { egress: [{ hosts }], ...more } };
}

function imported(hosts: readonly string[]): string[] {
  const [egress] = buildScope(mesh({ serviceEntries, sidecars: [importing(hosts)] }), client).egress;
  return names(egress?.services ?? []);
}

describe('the Sidecar that applies', () => {
  const sidecar = (path: string, minute: number, labels?: Record<string, string>) => ({
    metadata: meta(path, minute),
    spec: { egress: [{ hosts: ['~/*'] }], ...(labels === undefined ? {} : { workloadSelector: { labels } }) },
  });
  const chosen = (...sidecars: ReturnType<typeof sidecar>[]) => buildScope(mesh({ sidecars }), client).sidecar?.name;

  it('is one whose selector fits before one without, even an older one', () => {
    expect(chosen(sidecar('default/all', 1), sidecar('default/mine', 9, { app: 'web' }))).toBe('mine');
  });

  it('is the oldest of several', () => {
    expect(chosen(sidecar('default/b', 2), sidecar('default/a', 3))).toBe('b');
    expect(chosen(sidecar('default/b', 2, { app: 'web' }), sidecar('default/a', 1, { version: 'v1' }))).toBe('a');
  });

  it('is not one whose selector asks for more labels than the workload has', () => {
    expect(chosen(sidecar('default/other', 1, { app: 'web', tier: 'x' }))).toBeUndefined();
  });

  it('is that of the root namespace where the own namespace has none, and only without a selector', () => {
    expect(chosen(sidecar('istio-system/root', 1))).toBe('root');
    expect(chosen(sidecar('istio-system/root', 1, { app: 'web' }))).toBeUndefined();
    expect(chosen(sidecar('istio-system/root', 1), sidecar('default/own', 9))).toBe('own');
  });

  it('is none for a gateway, which sees everything exported', () => {
    const config = mesh({ serviceEntries, sidecars: [sidecar('default/all', 1)] });
    const scope = buildScope(config, { ...client, type: 'router' });
    expect(scope.sidecar).toBeUndefined();
    expect(scope.services).toHaveLength(4);
  });
});

describe('what an egress listener imports', () => {
  it('is everything that is exported where no Sidecar applies', () => {
    const [egress] = buildScope(mesh({ serviceEntries }), client).egress;
    expect(egress?.services).toHaveLength(4);
    expect(egress?.listener).toBeUndefined();
  });

  it('is named by the namespace of the resource and its host', () => {
    expect(imported(['./*'])).toEqual(['default/own']);
    expect(imported(['team/api.example.com'])).toEqual(['team/api']);
    expect(imported(['ops/*', 'default/own.test'])).toEqual(['ops/metrics', 'default/own']);
  });

  it('does not include a wildcard service under a narrower pattern', () => {
    expect(imported(['*/*.example.com'])).toEqual(['team/wild', 'team/api']);
    expect(imported(['*/*.api.example.com'])).toEqual([]);
  });

  it('is nothing with `~/*`, whatever stands beside it', () => {
    expect(imported(['~/*'])).toEqual([]);
    expect(imported(['./*', '~/*'])).toEqual([]);
  });

  it('lacks what an exclusion takes away', () => {
    expect(imported(['*/*', '~team/*'])).toEqual(['ops/metrics', 'default/own']);
    expect(imported(['*/*', '~*/*.example.com'])).toEqual(['ops/metrics', 'default/own']);
    expect(imported(['*/*', '~ops/metrics.ops.test', '~./own.test'])).toEqual(['team/wild', 'team/api']);
  });

  it('is limited to services with the port of the listener, reduced to that port', () => {
    const two = entry('default/two', 'two.test', {
      ports: [
        { number: 80, name: 'http', protocol: 'HTTP' },
        { number: 9090, name: 'grpc', protocol: 'GRPC' },
      ],
    });
    const port = { number: 9090, name: 'grpc', protocol: 'GRPC' };
    const sidecars = [{ metadata: meta('default/s'), spec: { egress: [{ port, hosts: ['*/*'] }] } }];
    const [egress] = buildScope(mesh({ serviceEntries: [...serviceEntries, two], sidecars }), client).egress;
    expect(egress?.services.map(({ hostname, ports }) => [hostname, ports.map((each) => each.port)])).toEqual([
      ['two.test', [9090]],
    ]);
  });

  it('is the VirtualService as a whole when one of its hosts overlaps an imported one', () => {
    const virtualServices = [
      rule('team/both', ['api.example.com', 'elsewhere.test']),
      rule('team/wide', ['*.com']),
      rule('ops/other', ['metrics.ops.test']),
    ];
    const config = mesh({ serviceEntries, virtualServices, sidecars: [importing(['team/*.example.com'])] });
    const [egress] = buildScope(config, client).egress;
    expect(egress?.virtualServices.map(({ metadata }) => metadata.name)).toEqual(['both', 'wide']);
  });
});

describe('a host of several namespaces', () => {
  it('is that of the own namespace, else of Kubernetes, else the oldest', () => {
    const host = 'web.team.svc.cluster.local';
    const old = entry('a/old', host, {}, 1);
    const own = entry('default/own', host, {}, 9);
    const kubernetes = { metadata: meta('team/web', 5), spec: { ports: [{ port: 80 }] } };
    const chosen = (config: Parameters<typeof mesh>[0]) =>
      names(buildScope(mesh(config), client).egress[0]?.services ?? []);
    expect(chosen({ serviceEntries: [old, own], services: [kubernetes] })).toEqual(['default/own']);
    expect(chosen({ serviceEntries: [old], services: [kubernetes] })).toEqual(['team/web']);
    expect(chosen({ serviceEntries: [old, entry('b/young', host, {}, 3)] })).toEqual(['a/old']);
  });

  it('unites the ports of entries of one namespace that are alike, and of no others', () => {
    const grpc = { ports: [{ number: 9090, name: 'grpc', protocol: 'GRPC' }] };
    const ports = (second: Parameters<typeof entry>[2]) =>
      buildScope(
        mesh({ serviceEntries: [entry('default/a', 'a.test', {}, 1), entry('default/b', 'a.test', second, 2)] }),
        client,
      )
        .servicesByHost.get('a.test')
        ?.ports.map(({ port }) => port);
    expect(ports(grpc)).toEqual([80, 9090]);
    expect(ports({ ...grpc, resolution: 'NONE' })).toEqual([80]);
    expect(ports({ ...grpc, exportTo: ['*'] })).toEqual([80]);
  });
});

describe('services that imported VirtualServices lead to', () => {
  const virtualServices = [rule('default/v', ['own.test'], 'metrics.ops.test')];
  const sidecars = [importing(['./*'])];

  it('have clusters although they are not imported', () => {
    const scope = buildScope(mesh({ serviceEntries, virtualServices, sidecars }), client);
    expect(scope.cluster('metrics.ops.test', 80, '')?.name).toBe('outbound|80||metrics.ops.test');
    expect(names(scope.egress[0]?.services ?? [])).toEqual(['default/own']);
    expect(scope.cluster('api.example.com', 443, '')).toBeUndefined();
  });

  it('have them only for the ports that are named', () => {
    const two = entry('ops/metrics', 'metrics.ops.test', {
      ports: [
        { number: 80, name: 'http', protocol: 'HTTP' },
        { number: 9090, name: 'grpc', protocol: 'GRPC' },
      ],
    });
    const scope = buildScope(mesh({ serviceEntries: [two], virtualServices, sidecars }), client);
    expect(scope.cluster('metrics.ops.test', 80, '')).toBeDefined();
    expect(scope.cluster('metrics.ops.test', 9090, '')).toBeUndefined();
  });

  it('are not reached where they are exported to others only', () => {
    const hidden = entry('ops/metrics', 'metrics.ops.test', { exportTo: ['ops'] });
    const scope = buildScope(mesh({ serviceEntries: [hidden], virtualServices, sidecars }), client);
    expect(scope.cluster('metrics.ops.test', 80, '')).toBeUndefined();
  });

  it('do not count for routes of other source namespaces', () => {
    const spec = {
      hosts: ['own.test'],
      http: [{ match: [{ sourceNamespace: 'team' }], route: [{ destination: { host: 'metrics.ops.test' } }] }],
    };
    const scoped = [{ metadata: meta('default/v'), spec }];
    const scope = buildScope(mesh({ serviceEntries, virtualServices: scoped, sidecars }), client);
    expect(scope.cluster('metrics.ops.test', 80, '')).toBeUndefined();
  });
});

describe('the outbound traffic policy', () => {
  const policyOf = (literal: Parameters<typeof mesh>[0]) => {
    const { outboundTrafficPolicy, policySource } = buildScope(mesh(literal), client);
    return [outboundTrafficPolicy.mode, policySource.kind];
  };

  it("is the mesh's unless the Sidecar has one", () => {
    expect(policyOf({})).toEqual(['ALLOW_ANY', 'MeshConfig']);
    expect(policyOf({ sidecars: [importing(['*/*'])] })).toEqual(['ALLOW_ANY', 'MeshConfig']);
    const own = importing(['*/*'], { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    expect(policyOf({ sidecars: [own] })).toEqual(['REGISTRY_ONLY', 'Sidecar']);
  });

  it('is REGISTRY_ONLY when the block is empty', () => {
    expect(policyOf({ sidecars: [importing(['*/*'], { outboundTrafficPolicy: {} })] })).toEqual([
      'REGISTRY_ONLY',
      'Sidecar',
    ]);
  });
});
