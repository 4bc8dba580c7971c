import { describe, expect, it } from 'vitest';
import { buildScope } from '../../../src/core/compile/sidecar-index.ts';
import type { UpstreamCluster } from '../../../src/core/model/decision.ts';
import type { DestinationRuleSpec } from '../../../src/core/model/destination-rule.ts';
import type { ServiceEntrySpec } from '../../../src/core/model/service-entry.ts';
import { entry, mesh, meta } from './mesh.ts';

type Literal = Parameters<typeof mesh>[0];

function clusterOf(
  spec: Partial<ServiceEntrySpec>,
  rule?: Omit<DestinationRuleSpec, 'host'>,
  {
    port = 80,
    subset = '',
    type = 'sidecar',
    ...settings
  }: Literal & { port?: number; subset?: string; type?: 'sidecar' | 'router' } = {},
): UpstreamCluster | undefined {
  const config = mesh({
    ...settings,
    serviceEntries: [entry('default/a', spec.hosts?.[0] ?? 'a.test', spec)],
    ...(rule === undefined
      ? {}
      : {
          destinationRules: [{ metadata: meta('default/rule'), spec: { host: spec.hosts?.[0] ?? 'a.test', ...rule } }],
        }),
  });
  return buildScope(config, { namespace: 'default', type }).cluster(spec.hosts?.[0] ?? 'a.test', port, subset);
}

const tls = (settings: NonNullable<NonNullable<DestinationRuleSpec['trafficPolicy']>['tls']>) => ({
  trafficPolicy: { tls: settings },
});
const ports = (protocol: string, targetPort?: number) => [
  { number: 80, name: 'p', protocol, ...(targetPort === undefined ? {} : { targetPort }) },
];

describe('whether a cluster exists', () => {
  it('takes a known host, a known port and a known subset', () => {
    const rule = { subsets: [{ name: 'v1' }] };
    expect(clusterOf({}, rule)?.name).toBe('outbound|80||a.test');
    expect(clusterOf({}, rule, { subset: 'v1' })?.name).toBe('outbound|80|v1|a.test');
    expect(clusterOf({}, rule, { subset: 'v2' })).toBeUndefined();
    expect(clusterOf({}, rule, { port: 81 })).toBeUndefined();
  });

  it('takes an endpoint where names are resolved, and none elsewhere', () => {
    const none = { workloadSelector: { labels: { app: 'none' } } };
    expect(clusterOf({ ...none, resolution: 'DNS' })).toBeUndefined();
    expect(clusterOf({ resolution: 'STATIC' })).toMatchObject({ type: 'EDS', endpoints: [] });
    const labelled = { subsets: [{ name: 'v1', labels: { version: 'v1' } }] };
    expect(clusterOf({}, labelled, { subset: 'v1' })).toBeUndefined();
  });

  it('is built once and frozen', () => {
    const scope = buildScope(mesh({ serviceEntries: [entry('default/a', 'a.test')] }), { namespace: 'default' });
    const cluster = scope.cluster('a.test', 80, '');
    expect(scope.cluster('a.test', 80, '')).toBe(cluster);
    expect(Object.isFrozen(cluster)).toBe(true);
  });
});

describe('the type of a cluster', () => {
  const type = (spec: Partial<ServiceEntrySpec>, asked: 'sidecar' | 'router' = 'sidecar') =>
    clusterOf(spec, undefined, { type: asked })?.type;

  it('follows the resolution', () => {
    expect(type({ resolution: 'NONE' })).toBe('ORIGINAL_DST');
    expect(type({ resolution: 'STATIC' })).toBe('EDS');
    expect(type({ resolution: 'DNS' })).toBe('STRICT_DNS');
    expect(type({ resolution: 'DNS_ROUND_ROBIN' })).toBe('LOGICAL_DNS');
    expect(type({ hosts: ['*.a.test'], resolution: 'DYNAMIC_DNS' })).toBe('DYNAMIC_FORWARD_PROXY');
  });

  it('is never the dialled address at a gateway', () => {
    expect(type({ resolution: 'NONE' }, 'router')).toBe('EDS');
  });

  it('is the dialled address with the load balancer PASSTHROUGH', () => {
    const rule = { trafficPolicy: { loadBalancer: { simple: 'PASSTHROUGH' as const } } };
    expect(clusterOf({}, rule)).toMatchObject({ type: 'ORIGINAL_DST', endpoints: [], loadBalancer: 'PASSTHROUGH' });
  });

  it('replaces the dialled port by the target port of an entry without resolution', () => {
    expect(clusterOf({ resolution: 'NONE', ports: ports('HTTP', 443) })?.upstreamPortOverride).toBe(443);
  });

  it('is LOGICAL_DNS where the first connection to succeed is asked for', () => {
    const annotated = {
      metadata: meta('default/a', undefined, {
        annotations: { 'istio.io/connect-strategy': 'RACE_FIRST_TCP_CONNECT' },
      }),
      spec: entry('default/a', 'a.test').spec,
    };
    const scope = buildScope(mesh({ serviceEntries: [annotated] }), { namespace: 'default' });
    expect(scope.cluster('a.test', 80, '')?.type).toBe('LOGICAL_DNS');
  });
});

describe('the endpoints of a cluster', () => {
  const endpoints = [
    { address: '10.0.0.1', labels: { version: 'v1' }, weight: 3 },
    { address: '10.0.0.2', labels: { version: 'v2' }, locality: 'eu/west' },
  ];

  it('are those of its port, filtered by the labels of its subset', () => {
    const rule = {
      subsets: [
        { name: 'v2', labels: { version: 'v2' } },
        { name: 'west', labels: { 'topology.kubernetes.io/zone': 'west' } },
      ],
    };
    const hosts = (subset: string) =>
      clusterOf({ resolution: 'STATIC', endpoints }, rule, { subset })?.endpoints.map(({ host }) => host);
    expect(hosts('')).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(hosts('v2')).toEqual(['10.0.0.2']);
    expect(hosts('west')).toEqual(['10.0.0.2']);
  });

  it('carry weight and locality', () => {
    expect(clusterOf({ resolution: 'STATIC', endpoints })?.endpoints).toMatchObject([
      { weight: 3 },
      { locality: 'eu/west' },
    ]);
  });

  it('of two entries of one host go by the number of the port where names are resolved, else by its name', () => {
    const two = (resolution: 'DNS' | 'STATIC') => {
      const port = (number: number, name: string) => [{ number, name, protocol: 'HTTP' }];
      const first = { resolution, ports: port(80, 'http'), endpoints: [{ address: '10.0.0.1' }] };
      const second = { resolution, ports: port(80, 'web'), endpoints: [{ address: '10.0.0.2' }] };
      const serviceEntries = [entry('default/a', 'a.test', first, 1), entry('default/b', 'a.test', second, 2)];
      const scope = buildScope(mesh({ serviceEntries }), { namespace: 'default' });
      return scope.cluster('a.test', 80, '')?.endpoints.map(({ host }) => host);
    };
    expect(two('DNS')).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(two('STATIC')).toEqual(['10.0.0.1']);
  });

  it('never are names where addresses are listed', () => {
    const fixed = { resolution: 'STATIC', endpoints: [{ address: '10.0.0.1' }] } as const;
    const serviceEntries = [entry('default/a', 'a.test', fixed, 1), entry('default/b', 'a.test', {}, 2)];
    const scope = buildScope(mesh({ serviceEntries }), { namespace: 'default' });
    expect(scope.cluster('a.test', 80, '')?.endpoints.map(({ host }) => host)).toEqual(['10.0.0.1']);
  });

  it('are gone for hosts that stay inside the cluster, unless Kubernetes knows them', () => {
    const serviceSettings = [{ settings: { clusterLocal: true }, hosts: ['*.test'] }];
    expect(clusterOf({ resolution: 'STATIC', endpoints }, undefined, { serviceSettings })?.endpoints).toEqual([]);
    expect(clusterOf({}, undefined, { serviceSettings })).toBeUndefined();
  });
});

describe('TLS that a rule originates', () => {
  it('verifies against the system and takes SNI and names from the request unless told otherwise', () => {
    expect(clusterOf({}, tls({ mode: 'SIMPLE' }))?.tls).toEqual({
      mode: 'SIMPLE',
      autoSni: true,
      autoSanValidation: true,
      caCertificates: 'system',
    });
    expect(clusterOf({}, tls({ mode: 'SIMPLE', sni: 'b.test', caCertificates: '/ca.pem' }))?.tls).toEqual({
      mode: 'SIMPLE',
      sni: 'b.test',
      caCertificates: '/ca.pem',
    });
  });

  it('verifies nothing with insecureSkipVerify', () => {
    expect(clusterOf({}, tls({ mode: 'SIMPLE', insecureSkipVerify: true }))?.tls).toEqual({
      mode: 'SIMPLE',
      autoSni: true,
      insecureSkipVerify: true,
    });
  });

  it("expects the rule's names, else those of the ServiceEntry", () => {
    const named = { subjectAltNames: ['entry.test'] };
    expect(clusterOf(named, tls({ mode: 'SIMPLE' }))?.tls?.subjectAltNames).toEqual(['entry.test']);
    expect(clusterOf(named, tls({ mode: 'SIMPLE', subjectAltNames: ['rule.test'] }))?.tls).toMatchObject({
      subjectAltNames: ['rule.test'],
    });
  });

  it('shows a client certificate in mode MUTUAL', () => {
    const files = { clientCertificate: '/c.pem', privateKey: '/k.pem' };
    expect(clusterOf({}, tls({ mode: 'MUTUAL', ...files }))?.tls).toMatchObject(files);
  });

  it('takes a secret only at a gateway or for selected workloads, else nothing is encrypted', () => {
    const secret = { mode: 'SIMPLE' as const, credentialName: 'ca' };
    expect(clusterOf({}, tls(secret))?.tls).toBeUndefined();
    expect(clusterOf({}, tls(secret), { type: 'router' })?.tls?.credentialName).toBe('ca');
    const selecting = { ...tls(secret), workloadSelector: { matchLabels: {} } };
    expect(clusterOf({}, selecting)?.tls?.credentialName).toBe('ca');
    expect(clusterOf({}, tls({ ...secret, credentialName: 'configmap://default/ca' }))?.tls?.credentialName).toBe(
      'configmap://default/ca',
    );
  });

  it('offers HTTP/2 to an HTTP/2 upstream', () => {
    expect(clusterOf({ ports: ports('GRPC') }, tls({ mode: 'SIMPLE' }))?.tls?.alpn).toEqual(['h2']);
    expect(clusterOf({ ports: ports('HTTP') }, tls({ mode: 'SIMPLE' }))?.tls?.alpn).toBeUndefined();
  });

  it('is nothing in mode DISABLE, which also switches automatic mutual TLS off', () => {
    expect(
      clusterOf({ location: 'MESH_INTERNAL', resolution: 'STATIC' }, tls({ mode: 'DISABLE' }))?.tls,
    ).toBeUndefined();
  });
});

describe('mutual TLS of the mesh', () => {
  const internal = { location: 'MESH_INTERNAL', resolution: 'STATIC', endpoints: [{ address: '10.0.0.1' }] } as const;

  it('is automatic inside the mesh, for endpoints that declare it', () => {
    expect(clusterOf(internal)?.tls).toEqual({
      mode: 'ISTIO_MUTUAL',
      sni: 'outbound_.80_._.a.test',
      alpn: ['istio-peer-exchange', 'istio'],
      onlyIfEndpointHasTls: true,
    });
    expect(clusterOf({ ...internal, location: 'MESH_EXTERNAL' })?.tls).toBeUndefined();
    expect(clusterOf(internal, undefined, { enableAutoMtls: false })?.tls).toBeUndefined();
  });

  it('names port, subset and host as SNI unless the rule names one', () => {
    const rule = { ...tls({ mode: 'ISTIO_MUTUAL' }), subsets: [{ name: 'v1' }] };
    expect(clusterOf(internal, rule, { subset: 'v1' })?.tls?.sni).toBe('outbound_.80_.v1_.a.test');
    expect(clusterOf({}, tls({ mode: 'ISTIO_MUTUAL', sni: 'b.test' }))?.tls?.sni).toBe('b.test');
  });

  it('expects the identities of the endpoints in every trust domain', () => {
    const spec = { ...internal, endpoints: [{ address: '10.0.0.1', serviceAccount: 'db' }] };
    const found = clusterOf(spec, undefined, { trustDomain: 'new', trustDomainAliases: ['old'] });
    expect(found?.tls?.subjectAltNames).toEqual(['spiffe://new/ns/default/sa/db', 'spiffe://old/ns/default/sa/db']);
  });

  it('is not used where the dialled address is the upstream and an endpoint lacks it', () => {
    expect(clusterOf({ location: 'MESH_INTERNAL', resolution: 'NONE' })?.tls).toBeUndefined();
  });
});

describe('the policy of a cluster', () => {
  const limit = (maxConnections: number) => ({ connectionPool: { tcp: { maxConnections } } });
  const connections = (rule: Omit<DestinationRuleSpec, 'host'>, asked: { subset?: string } & Literal = {}) =>
    clusterOf({}, rule, asked)?.circuitBreakers?.maxConnections;

  it('of a port replaces that of the rule entirely', () => {
    const simple = { mode: 'SIMPLE' } as const;
    const rule = { trafficPolicy: { ...limit(1), portLevelSettings: [{ port: { number: 80 }, tls: simple }] } };
    expect(connections(rule)).toBeUndefined();
    expect(clusterOf({}, rule)?.tls?.mode).toBe('SIMPLE');
  });

  it('of a subset replaces that of the rule block by block', () => {
    const rule = {
      trafficPolicy: { ...limit(1), tls: { mode: 'SIMPLE' as const } },
      subsets: [{ name: 'v1', trafficPolicy: limit(2) }],
    };
    expect(connections(rule, { subset: 'v1' })).toBe(2);
    expect(clusterOf({}, rule, { subset: 'v1' })?.tls?.mode).toBe('SIMPLE');
  });

  it('falls back to that of the mesh for whole blocks only', () => {
    const defaultTrafficPolicy = limit(7);
    expect(connections({}, { defaultTrafficPolicy })).toBe(7);
    expect(
      connections({ trafficPolicy: { connectionPool: { http: { maxRetries: 2 } } } }, { defaultTrafficPolicy }),
    ).toBeUndefined();
  });

  it('takes 0 for no limit', () => {
    expect(
      clusterOf({}, { trafficPolicy: { connectionPool: { tcp: { maxConnections: 0 }, http: { maxRetries: 3 } } } })
        ?.circuitBreakers,
    ).toEqual({ maxRetries: 3 });
  });

  it('has the connect timeout of the rule, else of the mesh', () => {
    const rule = { trafficPolicy: { connectionPool: { tcp: { connectTimeout: '1.5s' } } } };
    expect(clusterOf({})?.connectTimeoutMs).toBe(10_000);
    expect(clusterOf({}, undefined, { connectTimeout: '2s' })?.connectTimeoutMs).toBe(2000);
    expect(clusterOf({}, rule, { connectTimeout: '2s' })?.connectTimeoutMs).toBe(1500);
  });

  it('fills in outlier detection with the numbers of Envoy', () => {
    expect(clusterOf({}, { trafficPolicy: { outlierDetection: {} } })?.outlierDetection).toEqual({
      consecutive5xx: 5,
      consecutiveGatewayFailure: 0,
      splitExternalLocalOriginErrors: false,
      intervalMs: 10_000,
      baseEjectionTimeMs: 30_000,
      maxEjectionPercent: 10,
      minHealthPercent: 0,
    });
  });
});

describe('the version of HTTP to the upstream', () => {
  const protocol = (
    name: string,
    settings: Literal = {},
    http: Record<string, unknown> = {},
    type: 'sidecar' | 'router' = 'sidecar',
  ) =>
    clusterOf({ ports: ports(name) }, { trafficPolicy: { connectionPool: { http } } }, { ...settings, type })?.protocol;

  it('is that of the port; of a detected port that of the application, except at a gateway', () => {
    expect(protocol('HTTP')).toBeUndefined();
    expect(protocol('HTTP2')).toBe('http2');
    expect(protocol('GRPC')).toBe('http2');
    expect(protocol('')).toBe('as-downstream');
    expect(protocol('', {}, {}, 'router')).toBeUndefined();
  });

  it('is raised by the rule for any port, and by the mesh for HTTP ports', () => {
    expect(protocol('TCP', {}, { h2UpgradePolicy: 'UPGRADE' })).toBe('http2');
    expect(protocol('HTTP', { h2UpgradePolicy: 'UPGRADE' })).toBe('http2');
    expect(protocol('TCP', { h2UpgradePolicy: 'UPGRADE' })).toBeUndefined();
    expect(protocol('HTTP', { h2UpgradePolicy: 'UPGRADE' }, { h2UpgradePolicy: 'DO_NOT_UPGRADE' })).toBeUndefined();
  });

  it("is the application's where the rule asks for it", () => {
    expect(protocol('HTTP', {}, { useClientProtocol: true })).toBe('as-downstream');
  });
});

describe('the clusters of traffic that nothing admits', () => {
  it('go to the dialled address, nowhere, or where the request says', () => {
    const scope = buildScope(mesh({}), { namespace: 'default' });
    expect(scope.passthroughCluster).toMatchObject({ name: 'PassthroughCluster', type: 'ORIGINAL_DST' });
    expect(scope.blackHoleCluster).toMatchObject({ name: 'BlackHoleCluster', endpoints: [] });
    expect(scope.dynamicDnsCluster).toMatchObject({ type: 'DYNAMIC_FORWARD_PROXY', protocol: 'as-downstream' });
  });
});
