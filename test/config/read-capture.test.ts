import { describe, expect, it } from 'vitest';
import { parseMeshConfig, type LoadOptions } from '../../src/config/load.ts';
import type { CaptureSettings, MeshConfig } from '../../src/index.ts';

const parse = (text: string, options?: LoadOptions): MeshConfig =>
  parseMeshConfig({ text, file: 'mesh.yaml' }, options);

function listsOf(mesh: MeshConfig): string[] {
  return [mesh.includeIPRanges, mesh.excludeIPRanges, mesh.includeOutboundPorts, mesh.excludeOutboundPorts];
}

const deployment = (app: string, annotations: string, namespace = 'default'): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${app}, namespace: ${namespace} }
spec:
  template:
    metadata:
      labels: { app: ${app} }
      annotations: { ${annotations} }
---
`;

const INCLUDE = 'traffic.sidecar.istio.io/includeOutboundIPRanges';
const EXCLUDE_PORTS = 'traffic.sidecar.istio.io/excludeOutboundPorts';
const HELM = 'global: { proxy: { includeIPRanges: 192.168.0.0/16, excludeOutboundPorts: "9093" } }\n';

describe('what is captured', () => {
  it('is everything by default', () => {
    expect(listsOf(parse(''))).toEqual(['*', '', '', '']);
    expect(parse('').loopback).toBe('govern');
  });

  it('comes from Helm values, an annotation of the pod beats them, the caller beats all', () => {
    const text = deployment('web', `${INCLUDE}: 10.0.0.0/8`) + HELM;
    expect(listsOf(parse(HELM))).toEqual(['192.168.0.0/16', '', '', '9093']);
    expect(listsOf(parse(text))).toEqual(['10.0.0.0/8', '', '', '9093']);
    expect(listsOf(parse(text, { includeIPRanges: '*' }))).toEqual(['*', '', '', '9093']);
  });

  it('comes from the values of the sidecar injector too', () => {
    const values = JSON.stringify({ global: { proxy: { excludeIPRanges: '192.0.2.0/24' } } });
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio-sidecar-injector }\ndata:\n  values: '${values}'\n`;
    expect(parse(text).excludeIPRanges).toBe('192.0.2.0/24');
  });

  it('comes from the pod that the workload is', () => {
    const text = deployment('web', `${INCLUDE}: 10.0.0.0/8`) + deployment('api', `${INCLUDE}: 172.16.0.0/12`);
    const of = (app: string): MeshConfig => parse(text, { workload: { namespace: 'default', labels: { app } } });
    expect(of('web').includeIPRanges).toBe('10.0.0.0/8');
    expect(of('api').includeIPRanges).toBe('172.16.0.0/12');
    expect(of('other').includeIPRanges).toBe('*');
  });

  it('stays at the default when pods say different things and nobody says who asks', () => {
    const text = deployment('web', `${INCLUDE}: 10.0.0.0/8`) + deployment('api', `${INCLUDE}: 172.16.0.0/12`);
    const mesh = parse(text);
    expect(mesh.includeIPRanges).toBe('*');
    expect(mesh.diagnostics.filter(({ level }) => level !== 'info')).toEqual([
      {
        code: 'SCL0342',
        level: 'warning',
        message:
          'Deployment web and Deployment api say different things about what is captured, so neither is followed',
        fix: 'say with `workload` which of them this process is',
        location: { file: 'mesh.yaml', line: 11, column: 1 },
      },
    ]);
  });

  it('knows the environment of the proxy, of the mesh and of the pod', () => {
    const mesh = parse(`defaultConfig:
  interceptionMode: TPROXY
  proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true', ISTIO_DUAL_STACK: 'false' }
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    proxy.istio.io/config: |
      proxyMetadata: { ISTIO_DUAL_STACK: 'true' }
`);
    expect([mesh.interceptionMode, mesh.dnsCapture, mesh.dualStack]).toEqual(['TPROXY', true, true]);
  });

  it('follows the CNI plugin where Helm values switch it on, or the caller says so', () => {
    expect(parse('pilot: { cni: { enabled: true } }\nglobal: {}\n').excludeOutboundPorts).toBe('15020');
    expect(parse('', { captureBy: 'cni' }).excludeOutboundPorts).toBe('15020');
  });

  it.each([
    [
      deployment('web', `${INCLUDE}: 10.0.0.1`),
      'mesh.yaml:8:22: SCL0341 traffic.sidecar.istio.io/includeOutboundIPRanges',
    ],
    [deployment('web', `${EXCLUDE_PORTS}: '*'`), 'mesh.yaml:8:22: SCL0341'],
    [
      'global: { proxy: { includeIPRanges: 10.0.0.0/8, excludeIPRanges: nowhere } }',
      'SCL0341 global.proxy.excludeIPRanges',
    ],
  ])('is refused where Istio would refuse it', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it.each<Partial<CaptureSettings>>([{ includeIPRanges: '10.0.0.1' }, { excludeOutboundPorts: '80;90' }])(
    'is refused from the caller as well: %j',
    (settings) => {
      expect(() => parse('', { ...settings, invalid: 'skip' })).toThrow('SCL0341');
    },
  );
});
