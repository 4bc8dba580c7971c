import { describe, expect, it } from 'vitest';
import { buildServiceIndex } from '../../../src/core/compile/service-index.ts';
import { entry, mesh, meta, names } from './mesh.ts';

function slice(path: string, service: string, addresses: readonly string[], port: number, portName = '') {
  return {
    metadata: meta(path, undefined, { labels: { 'kubernetes.io/service-name': service } }),
    spec: { addressType: 'IPv4', endpoints: [{ addresses }], ports: [{ name: portName, port }] },
  };
}

describe('services of ServiceEntries', () => {
  it('makes one service for every host and address, and turns blocks of one address into that address', () => {
    const { services } = buildServiceIndex(
      mesh({
        serviceEntries: [
          {
            metadata: meta('default/db'),
            spec: {
              hosts: ['db.example.com', 'replica.example.com'],
              addresses: ['10.0.0.1/32', '10.1.0.0/16', '2001:db8::1/128'],
              ports: [{ number: 5432, name: 'tls', protocol: 'TLS' }],
              resolution: 'NONE',
            },
          },
        ],
      }),
    );
    expect(services.map(({ hostname, defaultAddress }) => `${hostname} ${defaultAddress}`)).toEqual([
      'db.example.com 10.0.0.1',
      'db.example.com 10.1.0.0/16',
      'db.example.com 2001:db8::1',
      'replica.example.com 10.0.0.1',
      'replica.example.com 10.1.0.0/16',
      'replica.example.com 2001:db8::1',
    ]);
  });

  it('gives a service without addresses the wildcard address, and keeps the letter case of its host', () => {
    const [service] = buildServiceIndex(mesh({ serviceEntries: [entry('default/a', 'API.example.com')] })).services;
    expect(service?.defaultAddress).toBe('0.0.0.0');
    expect(service?.hostname).toBe('API.example.com');
    expect(service?.meshExternal).toBe(true);
  });

  it('reads an absent or unknown protocol as detected, whatever the port is called', () => {
    const ports = [
      { number: 443, name: 'https' },
      { number: 80, name: 'tcp', protocol: 'http2' },
    ];
    const [service] = buildServiceIndex(mesh({ serviceEntries: [entry('default/a', 'a.test', { ports })] })).services;
    expect(service?.ports.map(({ protocol }) => protocol)).toEqual(['Unsupported', 'HTTP2']);
  });

  it('resolves the host itself where DNS has no endpoints, at the target port', () => {
    const ports = [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }];
    const [service] = buildServiceIndex(mesh({ serviceEntries: [entry('default/a', 'a.test', { ports })] })).services;
    expect(service?.endpoints.map(({ address, port }) => `${address}:${port}`)).toEqual(['a.test:8080']);
  });

  it("takes an endpoint's own port for a port name before the target port", () => {
    const spec = {
      ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }],
      resolution: 'STATIC',
      endpoints: [{ address: '10.0.0.1' }, { address: '10.0.0.2', ports: { http: 9090 } }],
    } as const;
    const [service] = buildServiceIndex(mesh({ serviceEntries: [entry('default/a', 'a.test', spec)] })).services;
    expect(service?.endpoints.map(({ address, port }) => `${address}:${port}`)).toEqual([
      '10.0.0.1:8080',
      '10.0.0.2:9090',
    ]);
  });

  it('reaches a unix socket without a port', () => {
    const spec = { resolution: 'STATIC', endpoints: [{ address: 'unix:///run/app.sock' }] } as const;
    const [service] = buildServiceIndex(mesh({ serviceEntries: [entry('default/a', 'a.test', spec)] })).services;
    expect(service?.endpoints).toMatchObject([{ address: '/run/app.sock', port: 0 }]);
  });

  it('selects WorkloadEntries of its own namespace by label, metadata and spec labels alike', () => {
    const workload = (path: string, address: string, labels: Record<string, string>) => ({
      metadata: meta(path),
      spec: { address, labels },
    });
    const spec = { resolution: 'STATIC', workloadSelector: { labels: { app: 'vm' } } } as const;
    const [service] = buildServiceIndex(
      mesh({
        serviceEntries: [entry('default/a', 'a.test', spec)],
        workloadEntries: [
          workload('default/one', '10.0.0.1', { app: 'vm' }),
          workload('default/other', '10.0.0.2', { app: 'web' }),
          workload('elsewhere/one', '10.0.0.3', { app: 'vm' }),
          {
            metadata: meta('default/by-metadata', undefined, { labels: { app: 'vm' } }),
            spec: { address: '10.0.0.4' },
          },
        ],
      }),
    ).services;
    expect(service?.endpoints.map(({ address }) => address)).toEqual(['10.0.0.4', '10.0.0.1']);
  });

  it('selects only pods that are ready', () => {
    const pod = (name: string, podIP: string, status: string) => ({
      metadata: meta(`default/${name}`, undefined, { labels: { app: 'vm' } }),
      spec: { status: { podIP, phase: 'Running', conditions: [{ type: 'Ready', status }] } },
    });
    const spec = { resolution: 'STATIC', workloadSelector: { labels: { app: 'vm' } } } as const;
    const [service] = buildServiceIndex(
      mesh({
        serviceEntries: [entry('default/a', 'a.test', spec)],
        pods: [pod('up', '10.0.0.1', 'True'), pod('down', '10.0.0.2', 'False')],
      }),
    ).services;
    expect(service?.endpoints.map(({ address }) => address)).toEqual(['10.0.0.1']);
  });

  it('shares endpoints among entries of one host and namespace, and not across namespaces', () => {
    const fixed = (address: string) => ({ resolution: 'STATIC', endpoints: [{ address }] }) as const;
    const index = buildServiceIndex(
      mesh({
        serviceEntries: [
          entry('default/a', 'a.test', fixed('10.0.0.1'), 1),
          entry('default/b', 'a.test', fixed('10.0.0.2'), 2),
          entry('other/c', 'a.test', fixed('10.0.0.3'), 3),
        ],
      }),
    );
    const addresses = index.services.map(({ endpoints }) => endpoints.map(({ address }) => address).join(' '));
    expect(addresses).toEqual(['10.0.0.1 10.0.0.2', '10.0.0.1 10.0.0.2', '10.0.0.3']);
  });

  it('counts allocated addresses only where DNS capture hands them out', () => {
    const allocated = {
      ...entry('default/a', 'a.test'),
      status: { addresses: [{ value: '240.240.0.7', host: 'a.test' }] },
    };
    const without = buildServiceIndex(mesh({ serviceEntries: [allocated] })).services[0];
    const captured = buildServiceIndex(mesh({ serviceEntries: [allocated], dnsCapture: true })).services[0];
    expect(without?.autoAllocatedAddresses).toEqual([]);
    expect(captured?.autoAllocatedAddresses).toEqual(['240.240.0.7']);
  });
});

describe('Kubernetes Services', () => {
  const web = {
    metadata: meta('shop/web'),
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };

  it('have the cluster domain in their name and take endpoints from slices that name them', () => {
    const [service] = buildServiceIndex(
      mesh({ services: [web], endpointSlices: [slice('shop/web-1', 'web', ['10.244.0.1'], 8080, 'http')] }),
    ).services;
    expect(service?.hostname).toBe('web.shop.svc.cluster.local');
    expect(service?.meshExternal).toBe(false);
    expect(service?.endpoints).toMatchObject([{ address: '10.244.0.1', port: 8080, servicePortName: 'http' }]);
  });

  it('take Endpoints only where there is no slice', () => {
    const endpoints = [
      {
        metadata: meta('shop/web'),
        spec: { subsets: [{ addresses: [{ ip: '10.244.9.9' }], ports: [{ name: 'http', port: 8080 }] }] },
      },
    ];
    const legacy = buildServiceIndex(mesh({ services: [web], endpoints })).services[0];
    const both = buildServiceIndex(
      mesh({ services: [web], endpoints, endpointSlices: [slice('shop/web-1', 'web', ['10.244.0.1'], 8080, 'http')] }),
    ).services[0];
    expect(legacy?.endpoints.map(({ address }) => address)).toEqual(['10.244.9.9']);
    expect(both?.endpoints.map(({ address }) => address)).toEqual(['10.244.0.1']);
  });

  it('leave out endpoints that are not ready unless the Service publishes them', () => {
    const unready = { ...slice('shop/web-1', 'web', ['10.244.0.1'], 8080, 'http') };
    const endpoints = [{ addresses: ['10.244.0.1'], conditions: { ready: false } }];
    const endpointSlices = [{ ...unready, spec: { ...unready.spec, endpoints } }];
    const published = { ...web, spec: { ...web.spec, publishNotReadyAddresses: true } };
    expect(buildServiceIndex(mesh({ services: [web], endpointSlices })).services[0]?.endpoints).toEqual([]);
    expect(buildServiceIndex(mesh({ services: [published], endpointSlices })).services[0]?.endpoints).toHaveLength(1);
  });

  it('pass traffic on to the dialled address when headless', () => {
    const headless = { metadata: meta('shop/db'), spec: { clusterIP: 'None', ports: [{ port: 5432 }] } };
    const [service] = buildServiceIndex(mesh({ services: [headless] })).services;
    expect(service).toMatchObject({ resolution: 'PASSTHROUGH', headless: true, defaultAddress: '0.0.0.0' });
  });

  it('of type ExternalName give their names to the service they lead to, through each other, and never in a circle', () => {
    const alias = (name: string, externalName: string) => ({
      metadata: meta(`shop/${name}`),
      spec: { type: 'ExternalName' as const, externalName },
    });
    const index = buildServiceIndex(
      mesh({
        services: [
          web,
          alias('front', 'web.shop.svc.cluster.local'),
          alias('entrance', 'front.shop.svc.cluster.local'),
          alias('round', 'about.shop.svc.cluster.local'),
          alias('about', 'round.shop.svc.cluster.local'),
        ],
      }),
    );
    const [concrete] = index.ofHost('web.shop.svc.cluster.local');
    expect(concrete?.aliases).toEqual(['entrance.shop.svc.cluster.local', 'front.shop.svc.cluster.local']);
    expect(index.ofHost('round.shop.svc.cluster.local')[0]).toMatchObject({ resolution: 'ALIAS', aliases: [] });
  });

  it('of type ExternalName give their names to every service of the host they lead to', () => {
    const index = buildServiceIndex(
      mesh({
        serviceEntries: [entry('default/a', 'api.example.com'), entry('default/b', 'api.example.com')],
        services: ['front', 'entrance'].map((name) => ({
          metadata: meta(`shop/${name}`),
          spec: { type: 'ExternalName' as const, externalName: 'api.example.com' },
        })),
      }),
    );
    const aliases = ['entrance.shop.svc.cluster.local', 'front.shop.svc.cluster.local'];
    expect(index.ofHost('api.example.com').map((service) => service.aliases)).toEqual([aliases, aliases]);
  });

  it('are exported by annotation', () => {
    const annotations = { 'networking.istio.io/exportTo': '., ops' };
    const hidden = { ...web, metadata: meta('shop/web', undefined, { annotations }) };
    const index = buildServiceIndex(mesh({ services: [hidden] }));
    expect(names(index.visibleFrom('shop'))).toEqual(['shop/web']);
    expect(names(index.visibleFrom('ops'))).toEqual(['shop/web']);
    expect(names(index.visibleFrom('default'))).toEqual([]);
  });
});

describe('the order of services', () => {
  it('is by age, then by host, then by namespace', () => {
    const index = buildServiceIndex(
      mesh({
        serviceEntries: [
          entry('b/young', 'a.test', {}, 5),
          entry('b/same', 'c.test', {}, 1),
          entry('b/same-too', 'b.test', {}, 1),
          entry('a/same-host', 'c.test', {}, 1),
        ],
      }),
    );
    expect(names(index.services)).toEqual(['b/same-too', 'a/same-host', 'b/same', 'b/young']);
  });

  it('puts what was exported to a namespace alone before what everyone sees, however young', () => {
    const index = buildServiceIndex(
      mesh({
        serviceEntries: [
          entry('a/public', 'a.test', {}, 1),
          entry('default/private', 'b.test', { exportTo: ['.'] }, 9),
          entry('a/named', 'c.test', { exportTo: ['default'] }, 5),
        ],
      }),
    );
    expect(names(index.visibleFrom('default'))).toEqual(['default/private', 'a/named', 'a/public']);
  });

  it('prefers a Kubernetes Service to an older entry of the same host and namespace', () => {
    const host = 'web.shop.svc.cluster.local';
    const index = buildServiceIndex(
      mesh({
        serviceEntries: [entry('shop/squatter', host, {}, 1)],
        services: [{ metadata: meta('shop/web', 9), spec: { ports: [{ port: 80 }] } }],
      }),
    );
    expect(index.byNamespace(host).get('shop')?.registry).toBe('Kubernetes');
  });
});

describe('settings of the mesh', () => {
  it('narrow the exports of ServiceEntries by namespace where they apply to sidecars', () => {
    const policies = [
      { visibility: 'NONE', matchingRules: [{ namespaceSelector: { matchLabels: { tier: 'lab' } } }] },
      { visibility: 'PUBLIC', matchingRules: [{ namespaceSelector: { matchLabels: { tier: 'platform' } } }] },
    ];
    const namespace = (name: string, tier: string) => ({ metadata: { name, labels: { tier } }, spec: {} });
    const settings = { defaultVisibility: 'NAMESPACE', applyToSidecars: true, policies };
    const literal = {
      serviceEntries: [entry('lab/a', 'a.test'), entry('ops/b', 'b.test'), entry('team/c', 'c.test')],
      namespaces: [namespace('lab', 'lab'), namespace('ops', 'platform'), namespace('team', 'product')],
    };
    const narrowed = buildServiceIndex({ ...mesh(literal), serviceEntryVisibility: settings });
    expect(names(narrowed.visibleFrom('default'))).toEqual(['ops/b']);
    expect(names(narrowed.visibleFrom('team'))).toEqual(['team/c', 'ops/b']);
    expect(names(narrowed.visibleFrom('lab'))).toEqual(['ops/b']);
    const ignored = buildServiceIndex({
      ...mesh(literal),
      serviceEntryVisibility: { ...settings, applyToSidecars: false },
    });
    expect(ignored.visibleFrom('default')).toHaveLength(3);
  });
});
