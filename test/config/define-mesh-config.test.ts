import { describe, expect, it } from 'vitest';
import { defineMeshConfig, parseMeshConfig } from '../../src/config/load.ts';

describe('defineMeshConfig', () => {
  it('takes MeshConfig, resources, capture settings and the workload in one literal', () => {
    const mesh = defineMeshConfig({
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      serviceEntries: [
        {
          metadata: { name: 'api' },
          spec: {
            hosts: ['api.example.com'],
            ports: [{ number: 443, name: 'https', protocol: 'HTTPS' }],
            resolution: 'DNS',
          },
        },
      ],
      services: [{ metadata: { name: 'web', namespace: 'shop' }, spec: { ports: [{ port: 80 }] } }],
      endpointSlices: [
        {
          metadata: { name: 'web-1', namespace: 'shop' },
          spec: { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.0.1'] }] },
        },
      ],
      pods: [{ metadata: { name: 'web-0' }, spec: { status: { podIP: '10.1.0.1' } } }],
      excludeIPRanges: '10.0.0.0/8',
      workload: { namespace: 'shop', labels: { app: 'web' } },
      clusterDomain: 'example.internal',
    });
    expect(mesh.outboundTrafficPolicy.mode).toBe('REGISTRY_ONLY');
    expect(mesh.serviceEntries[0]?.metadata).toEqual({ name: 'api', namespace: 'default' });
    expect(mesh.endpointSlices[0]?.spec.endpoints?.[0]?.addresses).toEqual(['10.1.0.1']);
    expect(mesh.pods[0]?.spec.status?.podIP).toBe('10.1.0.1');
    expect([mesh.excludeIPRanges, mesh.workload.namespace, mesh.clusterDomain]).toEqual([
      '10.0.0.0/8',
      'shop',
      'example.internal',
    ]);
    expect(mesh.diagnostics).toEqual([]);
  });

  it('makes one MeshConfig from another; resources keep their places', () => {
    const text = `outboundTrafficPolicy: { mode: REGISTRY_ONLY }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
`;
    const before = parseMeshConfig({ text, file: 'mesh.yaml' }, { loopback: 'bypass' });
    const after = defineMeshConfig({ ...before, outboundTrafficPolicy: { mode: 'ALLOW_ANY' } });
    expect(after.outboundTrafficPolicy.mode).toBe('ALLOW_ANY');
    expect(after.services).toEqual(before.services);
    expect(after.services[0]?.source).toEqual({ file: 'mesh.yaml', line: 4, column: 1 });
    expect(after.loopback).toBe('bypass');
  });

  it('does not freeze what it was given', () => {
    const labels = { app: 'web' };
    defineMeshConfig({ workload: { namespace: 'shop', labels } });
    expect(Object.isFrozen(labels)).toBe(false);
  });

  it('refuses a name that means nothing, and what the loader refuses', () => {
    expect(() => defineMeshConfig({ serviceEntry: [] } as object)).toThrow(
      'SCL0301: `serviceEntry` is neither a field of MeshConfig nor a collection of resources (collections are serviceEntries,',
    );
    expect(() => defineMeshConfig({ serviceEntries: [{ metadata: { name: 'api' }, spec: { hosts: [] } }] })).toThrow(
      'ServiceEntry default/api spec.hosts',
    );
  });

  it('lets options beat the literal', () => {
    const mesh = defineMeshConfig({ tlsRequests: 'govern' }, { tlsRequests: 'opaque' });
    expect(mesh.tlsRequests).toBe('opaque');
  });
});
