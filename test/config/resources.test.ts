import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../src/config/load.ts';
import { EgressConfigError, type Diagnostic, type MeshConfig } from '../../src/index.ts';

const parse = (text: string): MeshConfig => parseMeshConfig({ text, file: 'mesh.yaml' });

/** `code field line:column` of each error. */
function errors(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof EgressConfigError)) throw error;
    return error.diagnostics.map(
      ({ code, field, location }) => `${code} ${field} ${location?.line}:${location?.column}`,
    );
  }
  return [];
}

const found = ({ diagnostics }: MeshConfig): Pick<Diagnostic, 'code' | 'message'>[] =>
  diagnostics.map(({ code, message }) => ({ code, message }));

const virtualService = (spec: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: team }
spec:
${spec}`;

const service = (spec: string): string => `apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ${spec} }
`;

describe('kinds', () => {
  it.each(['v1alpha3', 'v1beta1', 'v1'])('reads networking.istio.io/%s', (version) => {
    const mesh = parse(`apiVersion: networking.istio.io/${version}
kind: Sidecar
metadata: { name: default }
spec: { egress: [{ hosts: ['./*'] }] }
`);
    expect(mesh.sidecars[0]).toEqual({
      kind: 'Sidecar',
      apiVersion: `networking.istio.io/${version}`,
      metadata: { name: 'default', namespace: 'default' },
      spec: { egress: [{ hosts: ['./*'] }] },
      source: { file: 'mesh.yaml', line: 2, column: 1 },
    });
  });

  it('reads what Kubernetes has: fields beside the metadata go under spec', () => {
    const mesh = parse(`apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: { name: web }
    spec: { clusterIP: 10.0.0.1, ports: [{ port: 80, targetPort: http }] }
  - apiVersion: v1
    kind: Service
    metadata: { name: alias }
    spec: { type: ExternalName, externalName: api.example.com }
  - apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
    addressType: IPv4
    endpoints: [{ addresses: [10.1.0.1], conditions: { ready: true } }]
    ports: [{ name: '', port: 8080, protocol: TCP }]
  - apiVersion: v1
    kind: Endpoints
    metadata: { name: web }
    subsets: [{ addresses: [{ ip: 10.1.0.1 }], ports: [{ port: 8080 }] }]
  - apiVersion: v1
    kind: Pod
    metadata: { name: web-0 }
    spec: { containers: [{ name: web, image: web }] }
    status: { podIP: 10.1.0.1, hostIP: 192.168.0.1 }
  - apiVersion: v1
    kind: Namespace
    metadata: { name: team, labels: { tier: front } }
`);
    expect(mesh.services.map(({ metadata, spec }) => [metadata.name, spec.type])).toEqual([
      ['web', undefined],
      ['alias', 'ExternalName'],
    ]);
    expect(mesh.endpointSlices[0]?.spec.endpoints?.[0]?.addresses).toEqual(['10.1.0.1']);
    expect(mesh.endpoints[0]?.spec.subsets?.[0]?.ports?.[0]?.port).toBe(8080);
    expect(mesh.pods[0]?.spec.status?.podIP).toBe('10.1.0.1');
    expect(mesh.namespaces[0]?.metadata).toEqual({ name: 'team', labels: { tier: 'front' } });
    expect(mesh.services[1]?.source?.line).toBe(9);
  });

  it.each([
    ['type: ExternalName', 'a Service of type ExternalName needs `externalName`'],
    ['selector: { app: web }', 'a Service with an address needs ports'],
    ['ports: [{ port: 80 }, { port: 443, name: https }]', 'several ports need names that differ'],
    ['ports: [{ port: 80, name: a }, { port: 80, name: b }]', 'two ports have the same number and protocol'],
  ])('warns of a Service with %s', (spec, message) => {
    expect(found(parse(service(spec)))).toEqual([{ code: 'SCL0308', message }]);
  });

  it.each([
    ['ports: [{ port: 0 }]', 'the number is less than 1'],
    ['ports: [{ port: 80 }], clusterIps: []', 'did you mean `clusterIPs`?'],
  ])('refuses a Service with %s', (spec, message) => {
    expect(() => parse(service(spec))).toThrow(message);
  });

  it.each(['clusterIP: None', 'type: ExternalName, externalName: api.example.com'])(
    'takes a Service without ports that is %s',
    (spec) => {
      expect(parse(service(spec)).diagnostics).toEqual([]);
    },
  );

  it('lets items of a typed list leave out what the list says', () => {
    const mesh = parse(`apiVersion: networking.istio.io/v1
kind: SidecarList
items: [{ metadata: { name: a }, spec: { egress: [{ hosts: ['*/*'] }] } }]
`);
    expect(mesh.sidecars).toHaveLength(1);
  });

  it('lists what has no part in egress as left aside, and warns of what has', () => {
    const mesh = parse(`apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { whatever: true }
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: f, namespace: team }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: g }
`);
    expect(found(mesh)).toEqual([
      { code: 'SCL0305', message: 'Deployment has no part in egress decisions and was left aside' },
      { code: 'SCL0306', message: 'EnvoyFilter can change what leaves a workload in a cluster, and is not read here' },
      { code: 'SCL0306', message: 'Gateway can change what leaves a workload in a cluster, and is not read here' },
    ]);
    expect(mesh.gateways).toEqual([]);
  });

  it('refuses a version that the kind does not have, and a resource without one', () => {
    expect(errors('apiVersion: networking.istio.io/v2\nkind: Sidecar\nmetadata: { name: a }\nspec: {}')).toEqual([
      'SCL0302 apiVersion 1:1',
    ]);
    expect(errors('kind: Sidecar\nmetadata: { name: a }\nspec: {}')).toEqual(['SCL0404 apiVersion 1:1']);
  });
});

describe('fields', () => {
  it('are refused at their place when they do not exist, have another type or another value', () => {
    const text = virtualService(`  hosts: [api.example.com]
  http:
    - match: [{ uri: { prefx: / }, ignoreUriCase: 'yes' }]
      retries: { attempts: many }
      corsPolicy: { unmatchedPreflights: ALWAYS }
      route: [{ destination: { port: { number: 80 } } }]
    - tls_context: {}
`);
    expect(errors(text)).toEqual([
      'SCL0401 spec.http[0].match[0].uri.prefx 7:24',
      'SCL0402 spec.http[0].match[0].ignoreUriCase 7:36',
      'SCL0402 spec.http[0].retries.attempts 8:18',
      'SCL0403 spec.http[0].corsPolicy.unmatchedPreflights 9:21',
      'SCL0404 spec.http[0].route[0].destination.host 10:17',
      'SCL0401 spec.http[1].tls_context 11:7',
    ]);
  });

  it('in snake_case are read, with a warning; keys of maps stay as they are', () => {
    const mesh = parse(
      virtualService(`  hosts: [api.example.com]
  export_to: ['.']
  http:
    - match: [{ without_headers: { x_user: { exact: a } } }]
      mirror_percent: 5
      route: [{ destination: { host: api.example.com } }]
  tls:
    - match: [{ sni_hosts: [api.example.com], destination_subnets: [10.0.0.0/8] }]
      route: [{ destination: { host: api.example.com } }]
`),
    );
    const { spec } = mesh.virtualServices[0] as MeshConfig['virtualServices'][number];
    expect(spec.exportTo).toEqual(['.']);
    expect(spec.http?.[0]?.match?.[0]?.withoutHeaders).toEqual({ x_user: { exact: 'a' } });
    expect(spec.http?.[0]?.mirrorPercent).toBe(5);
    expect(spec.tls?.[0]?.match?.[0]).toEqual({ sniHosts: ['api.example.com'], destinationSubnets: ['10.0.0.0/8'] });
    const spellings = mesh.diagnostics.filter(({ code }) => code === 'SCL0407');
    expect(spellings.map(({ field, location }) => [field, location?.line])).toEqual([
      ['spec.export_to', 6],
      ['spec.http[0].match[0].without_headers', 8],
      ['spec.tls[0].match[0].sni_hosts', 12],
      ['spec.tls[0].match[0].destination_subnets', 12],
    ]);
  });

  it('are refused when both spellings are given', () => {
    expect(errors(virtualService("  hosts: [a.example.com]\n  exportTo: ['.']\n  export_to: ['*']\n"))).toContain(
      'SCL0401 spec.export_to 7:3',
    );
  });

  it('set to null count as left out', () => {
    const mesh = parse(
      virtualService('  hosts: [a.example.com]\n  exportTo: null\n  http: [{ redirect: { uri: /x } }]\n'),
    );
    expect(mesh.virtualServices[0]?.spec).not.toHaveProperty('exportTo');
  });

  it('that YAML reads as something other than text are to be quoted', () => {
    const text = virtualService('  hosts: [a.example.com]\n  http: [{ name: off, redirect: { uri: /x } }]\n');
    expect(() => parse(text)).toThrow(
      'spec.http[0].name: expected a string, got the boolean `false` (quote it: YAML reads it as something other than text)',
    );
  });

  it('of metadata are checked too', () => {
    const { diagnostics } = parse(service('ports: [{ port: 80 }]').replace('web', 'Web, namespace: a.b'));
    expect(diagnostics.map(({ code, level, field }) => [code, level, field])).toEqual([
      ['SCL0307', 'warning', 'metadata.name'],
      ['SCL0307', 'warning', 'metadata.namespace'],
    ]);
    expect(errors(virtualService('  hosts: [a]').replace('name: api', 'labels: { on: 1 }'))).toEqual([
      'SCL0404 metadata.name 3:1',
      'SCL0402 metadata.labels.true 3:23',
    ]);
  });

  it('are shown with the rules of Istio, at their places', () => {
    const text = virtualService(`  hosts: [api.example.com]
  http:
    - route: [{ destination: { host: api.example.com }, weight: -1 }]
      timeout: 1us
`);
    expect(errors(text).map((line) => line.slice(8))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^spec\.http\[0\]\.timeout 8:7$/)]),
    );
  });
});

describe('objects', () => {
  it('are taken in place of text, and not frozen', () => {
    const object = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 'default' },
      spec: { egress: [{ hosts: ['./*'] }] },
    };
    const mesh = parseMeshConfig([object, 'accessLogFile: ""']);
    expect(mesh.sidecars[0]?.spec.egress).toEqual([{ hosts: ['./*'] }]);
    expect(Object.isFrozen(mesh.sidecars[0]?.spec)).toBe(true);
    expect(Object.isFrozen(object.spec)).toBe(false);
  });

  it('that hold themselves, functions, or a prototype are refused', () => {
    const cyclic: Record<string, unknown> = { kind: 'Sidecar' };
    cyclic['spec'] = cyclic;
    expect(() => parseMeshConfig(cyclic)).toThrow('SCL0105');
    expect(() => parseMeshConfig({ kind: 'Sidecar', spec: () => 1 })).toThrow('SCL0108');
    expect(() => parseMeshConfig(JSON.parse('{"kind":"Sidecar","__proto__":{"a":1}}') as object)).toThrow('SCL0107');
  });
});
