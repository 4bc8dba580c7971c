import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../src/config/load.ts';
import type { MeshConfig } from '../../src/index.ts';

const parse = (text: string): MeshConfig => parseMeshConfig({ text, file: 'mesh.yaml' });
const modeOf = (text: string): string | undefined => parse(text).outboundTrafficPolicy.mode;
const codesOf = ({ diagnostics }: MeshConfig): string[] => diagnostics.map(({ code }) => code);

describe('defaults', () => {
  it('are those of Istio', () => {
    const mesh = parseMeshConfig([{ text: '', as: 'MeshConfig' }]);
    expect(mesh.outboundTrafficPolicy).toEqual({ mode: 'ALLOW_ANY' });
    expect(mesh.rootNamespace).toBe('istio-system');
    expect(mesh.connectTimeout).toBe('10s');
    expect(mesh.enableAutoMtls).toBe(true);
    expect(mesh.defaultServiceExportTo).toEqual(['*']);
    expect([mesh.proxyListenPort, mesh.proxyInboundListenPort, mesh.proxyHttpPort]).toEqual([15001, 15006, 0]);
  });

  it('are frozen all the way down', () => {
    const mesh = parse('outboundTrafficPolicy: { mode: REGISTRY_ONLY }');
    expect(Object.isFrozen(mesh) && Object.isFrozen(mesh.outboundTrafficPolicy)).toBe(true);
    expect(Object.isFrozen(mesh.defaultServiceExportTo)).toBe(true);
  });
});

describe('the rule of merging', () => {
  it.each([
    ['outboundTrafficPolicy: {}', 'REGISTRY_ONLY'],
    ['outboundTrafficPolicy: null', 'ALLOW_ANY'],
    ['accessLogFile: ""', 'ALLOW_ANY'],
    ['outboundTrafficPolicy: { mode: null }', 'REGISTRY_ONLY'],
    ['outboundTrafficPolicy: { mode: ALLOW_ANY_DYNAMIC_DNS }', 'ALLOW_ANY_DYNAMIC_DNS'],
    ['outboundTrafficPolicy: { mode: 0 }', 'REGISTRY_ONLY'],
    ['outboundTrafficPolicy: { mode: 1 }', 'ALLOW_ANY'],
    ['outboundTrafficPolicy: { mode: 3 }', 'ALLOW_ANY_DYNAMIC_DNS'],
    ['outbound_traffic_policy: { mode: REGISTRY_ONLY }', 'REGISTRY_ONLY'],
  ])('%s means %s', (text, mode) => {
    expect(modeOf(text)).toBe(mode);
  });

  it('replaces a nested block as a whole', () => {
    expect(parse('localityLbSetting: {}').localityLbSetting).toEqual({});
    expect(parse('defaultServiceExportTo: ["."]').defaultServiceExportTo).toEqual(['.']);
  });

  it('merges defaultConfig and its proxyMetadata, trust domain aliases, and providers by name', () => {
    const mesh = parse(`
defaultConfig: { proxyMetadata: { A: b }, holdApplicationUntilProxyStarts: true }
trustDomainAliases: [old.example, old.example]
extensionProviders: [{ name: log, envoyFileAccessLog: { path: /dev/stdout } }]
defaultProviders: { accessLogging: [log] }
`);
    expect(mesh.defaultConfig).toEqual({
      interceptionMode: 'REDIRECT',
      proxyMetadata: { A: 'b' },
      holdApplicationUntilProxyStarts: true,
    });
    expect(mesh.trustDomainAliases).toEqual(['old.example']);
    expect(mesh.extensionProviders).toHaveLength(1);
  });

  it('reads numbers in quotes, as proto JSON does', () => {
    expect(parse('proxyListenPort: "15101"').proxyListenPort).toBe(15101);
  });

  it('lets an unknown field go with a warning', () => {
    const mesh = parse('somethingElse: 3\naccessLogFile: /dev/stdout');
    expect(mesh).not.toHaveProperty('somethingElse');
    expect(codesOf(mesh)).toEqual(['SCL0321']);
  });

  it('refuses a field that is a misspelt other: without it everything would be allowed', () => {
    expect(() => parse('accessLogFile: ""\noutboundTrafficPolcy: { mode: REGISTRY_ONLY }')).toThrow(
      'mesh.yaml:2:1: SCL0324 MeshConfig outboundTrafficPolcy: `outboundTrafficPolcy` is not a field of MeshConfig, Istio lets it go (did you mean `outboundTrafficPolicy`?)',
    );
  });

  it('reads an unknown way of normalising paths as the default, with a warning', () => {
    const mesh = parse('pathNormalization: { normalization: SOMETIMES }');
    expect(mesh.pathNormalization).toEqual({ normalization: 'DEFAULT' });
    expect(codesOf(mesh)).toEqual(['SCL0322']);
    expect(parse('pathNormalization: { normalization: 3 }').pathNormalization.normalization).toBe('MERGE_SLASHES');
  });

  it.each([
    ['connectTimeout: 0s', 'connectTimeout'],
    ['connectTimeout: 2h', 'connectTimeout'],
    ['connectTimeout: soon', 'connectTimeout'],
    ['protocolDetectionTimeout: 1us', 'protocolDetectionTimeout'],
    ['proxyListenPort: 0', 'proxyListenPort'],
    ['outboundTrafficPolicy: { mode: 2 }', 'outboundTrafficPolicy.mode'],
    ['outboundTrafficPolicy: REGISTRY_ONLY', 'outboundTrafficPolicy'],
    ['trustDomain: "a b"', 'trustDomain'],
  ])('refuses %s', (text, field) => {
    expect(() => parse(text)).toThrow(`MeshConfig ${field}`);
  });
});

describe('the shapes of MeshConfig', () => {
  const configMap = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |-
    accessLogFile: /dev/stdout
    outboundTrafficPolicy:
      mode: REGISTRY_ONLY
  meshNetworks: 'networks: {}'
`;

  it('a ConfigMap, with places inside the text', () => {
    const mesh = parse(configMap);
    expect(mesh.outboundTrafficPolicy.mode).toBe('REGISTRY_ONLY');
    expect(mesh.source).toEqual({ file: 'mesh.yaml', line: 7, column: 5 });
  });

  it('the ConfigMap of a revision, and no other', () => {
    expect(modeOf(configMap.replace('name: istio,', 'name: istio-1-30,'))).toBe('REGISTRY_ONLY');
    expect(codesOf(parse(configMap.replace('name: istio,', 'name: settings,')))).toEqual(['SCL0305']);
  });

  it('reports what is wrong inside a ConfigMap at its line', () => {
    expect(() => parse(configMap.replace('REGISTRY_ONLY', 'registry_only'))).toThrow(
      'mesh.yaml:8:7: SCL0403 MeshConfig outboundTrafficPolicy.mode',
    );
    expect(() => parse(configMap.replace('accessLogFile: /dev/stdout', 'a: [1'))).toThrow('mesh.yaml:7:');
  });

  it('an IstioOperator, its own meshConfig over that of its values', () => {
    const mesh = parse(`apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    outboundTrafficPolicy: { mode: REGISTRY_ONLY }
  values:
    meshConfig:
      outboundTrafficPolicy: { mode: ALLOW_ANY }
      accessLogFile: /dev/stdout
    global:
      proxy: { includeIPRanges: 10.0.0.0/8 }
`);
    expect(mesh.outboundTrafficPolicy.mode).toBe('REGISTRY_ONLY');
    expect(mesh.accessLogFile).toBe('/dev/stdout');
    expect(mesh.includeIPRanges).toBe('10.0.0.0/8');
    expect(mesh.source).toEqual({ file: 'mesh.yaml', line: 5, column: 5 });
  });

  it('Helm values of today', () => {
    const mesh = parse(`meshConfig:
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
global:
  istioNamespace: mesh-root
  proxy:
    excludeIPRanges: 192.0.2.0/24
    excludeOutboundPorts: 9093
`);
    expect(mesh.outboundTrafficPolicy.mode).toBe('REGISTRY_ONLY');
    expect(mesh.rootNamespace).toBe('mesh-root');
    expect([mesh.includeIPRanges, mesh.excludeIPRanges, mesh.excludeOutboundPorts]).toEqual([
      '*',
      '192.0.2.0/24',
      '9093',
    ]);
    expect(mesh.diagnostics).toEqual([]);
  });

  it('Helm values of before 1.6, with a warning for each', () => {
    const mesh = parse(`global:
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
  proxy: { accessLogFile: /dev/stdout, accessLogEncoding: JSON }
`);
    expect(mesh.outboundTrafficPolicy.mode).toBe('REGISTRY_ONLY');
    expect([mesh.accessLogFile, mesh.accessLogEncoding]).toEqual(['/dev/stdout', 'JSON']);
    expect(mesh.diagnostics.map(({ code, message, location }) => [code, message, location?.line])).toEqual([
      ['SCL0323', '`global.outboundTrafficPolicy` is a Helm value that Istio no longer reads', 2],
      ['SCL0323', '`global.proxy.accessLogFile` is a Helm value that Istio no longer reads', 3],
      ['SCL0323', '`global.proxy.accessLogEncoding` is a Helm value that Istio no longer reads', 3],
    ]);
  });

  it('a MeshConfig beside Helm values that hold none', () => {
    const mesh = parse('outboundTrafficPolicy: {}\n---\nglobal: { proxy: { includeIPRanges: 10.0.0.0/8 } }\n');
    expect([mesh.outboundTrafficPolicy.mode, mesh.includeIPRanges]).toEqual(['REGISTRY_ONLY', '10.0.0.0/8']);
  });

  it('only once: two are refused, and both are named', () => {
    expect(() => parse('outboundTrafficPolicy: {}\n---\naccessLogFile: ""\n')).toThrow(
      'mesh.yaml:3:1: SCL0304: MeshConfig is given at mesh.yaml:1:1 too (keep one of them)',
    );
  });
});
