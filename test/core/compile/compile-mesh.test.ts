import { describe, expect, it } from 'vitest';
import { compileMeshConfig, decide, parseMeshConfig } from '../../../src/index.ts';
import { policy } from '../decide/policy.ts';

describe('compiling a MeshConfig', () => {
  it('happens once for each asker, known by what it is and not by which object', () => {
    const mesh = policy('');
    expect(compileMeshConfig(mesh)).toBe(compileMeshConfig(mesh));
    expect(compileMeshConfig(mesh, mesh.workload)).toBe(compileMeshConfig(mesh));
    const a = compileMeshConfig(mesh, { namespace: 'team-a', labels: { app: 'x', version: 'v1' } });
    expect(compileMeshConfig(mesh, { namespace: 'team-a', labels: { version: 'v1', app: 'x' } })).toBe(a);
    expect(compileMeshConfig(mesh, { namespace: 'team-a', labels: { app: 'x' } })).not.toBe(a);
    expect(
      compileMeshConfig(mesh, { namespace: 'team-a', type: 'router', labels: { app: 'x', version: 'v1' } }),
    ).not.toBe(a);
  });

  it('happens again for another MeshConfig', () => {
    expect(compileMeshConfig(policy(''))).not.toBe(compileMeshConfig(policy('')));
  });

  it('of so many services that their tables are made at once changes no answer', () => {
    const entry = (index: number): object => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: `entry-${index}`, namespace: 'default' },
      spec: {
        hosts: [`host-${index}.example.com`],
        ports: [
          { number: 80, name: 'http', protocol: 'HTTP' },
          { number: 443, name: 'tls', protocol: 'TLS' },
        ],
        resolution: 'DNS',
      },
    });
    const meshOf = (size: number) =>
      parseMeshConfig([
        { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
        ...Array.from({ length: size }, (_, index) => entry(index)),
      ]);
    const [large, small] = [meshOf(1_200), meshOf(8)];
    const request = { method: 'GET', path: '/', headers: {}, scheme: 'http' };
    for (const host of ['host-7.example.com', 'host-7.example.com.', 'unknown.example.com', undefined]) {
      const name = host ?? 'host-7.example.com';
      for (const connection of [
        { port: 80, transport: 'tcp', protocol: 'http1', authority: name, request },
        { port: 443, transport: 'tls', sni: name },
      ] as const) {
        const asked = { ...connection, ...(host === undefined ? { address: '192.0.2.1' } : { host }) };
        expect(decide(asked, large)).toEqual(decide(asked, small));
      }
    }
  });
});
