import { describe, expect, it } from 'vitest';
import { compileMeshConfig } from '../../../src/core/compile/compile-mesh.ts';
import type { MeshConfig } from '../../../src/core/model/mesh-config.ts';
import { policy, serviceEntry, type Port } from '../decide/policy.ts';

const IPV4 = { namespace: 'default', addresses: ['10.244.0.5'] };

/** Listener names, and what their chains lead to. */
function listeners(mesh: MeshConfig, workload = IPV4): Record<string, string[]> {
  const compiled = compileMeshConfig(mesh, workload);
  return Object.fromEntries(
    [...compiled.listeners.values()]
      .flatMap((ports) => ports.listeners)
      .map(({ name, chains, defaultChain }) => [
        name,
        [...chains, ...(defaultChain === undefined ? [] : [defaultChain])].map(({ action }) =>
          action.kind === 'http' ? `routes ${action.routeTable}` : action.targets.map(({ cluster }) => cluster).join(),
        ),
      ]),
  );
}

function entry(ports: readonly Port[], more?: string): MeshConfig {
  return policy(serviceEntry('a.example.com', ports, more));
}

describe('the listener of a port', () => {
  it('is shared by all addresses for HTTP, whatever addresses the service has', () => {
    expect(listeners(entry([{ number: 80, protocol: 'HTTP' }], "addresses: ['192.0.2.5']"))).toEqual({
      '0.0.0.0_80': ['routes 80', 'BlackHoleCluster'],
    });
  });

  it("stands at the service's own address for other protocols", () => {
    expect(listeners(entry([{ number: 443, protocol: 'TLS' }], "addresses: ['192.0.2.5']"))).toEqual({
      '192.0.2.5_443': ['outbound|443||a.example.com', 'BlackHoleCluster'],
    });
  });

  it('is shared and asks for the block where the address is one', () => {
    const mesh = entry([{ number: 9000, protocol: 'TCP' }], "addresses: ['10.1.0.0/16']");
    expect(listeners(mesh)).toEqual({ '0.0.0.0_9000': ['outbound|9000||a.example.com', 'BlackHoleCluster'] });
    const listener = compileMeshConfig(mesh, IPV4).listeners.get(9000)?.listeners[0];
    expect(listener?.chains[0]?.destinationCidrs).toEqual(['10.1.0.0/16']);
  });

  it('detects the protocol where none is declared, with a route table of its own at an own address', () => {
    expect(listeners(entry([{ number: 7000 }]))).toEqual({
      '0.0.0.0_7000': ['routes 7000', 'outbound|7000||a.example.com'],
    });
    expect(listeners(entry([{ number: 7000 }], "addresses: ['192.0.2.5']"))).toEqual({
      '192.0.2.5_7000': ['routes a.example.com:7000', 'outbound|7000||a.example.com'],
    });
  });

  it('is made for each of several addresses', () => {
    const mesh = entry([{ number: 9000, protocol: 'TCP' }], "addresses: ['192.0.2.5', '192.0.2.6']");
    expect(Object.keys(listeners(mesh)).sort()).toEqual(['192.0.2.5_9000', '192.0.2.6_9000']);
  });

  it('asks for the name in TLS without an address, and hands the rest to the policy', () => {
    expect(listeners(entry([{ number: 443, protocol: 'HTTPS' }]))).toEqual({
      '0.0.0.0_443': ['outbound|443||a.example.com', 'BlackHoleCluster'],
    });
  });

  it('is bound to the wildcard of the families that the asker has', () => {
    const mesh = entry([{ number: 80, protocol: 'HTTP' }]);
    expect(Object.keys(listeners(mesh, { namespace: 'default', addresses: ['fd00::5'] }))).toEqual(['::_80']);
    const dual = compileMeshConfig(mesh, { namespace: 'default' }).listeners.get(80);
    expect(dual?.forAll(4)).toBe(dual?.forAll(6));
    const single = compileMeshConfig(mesh, IPV4).listeners.get(80);
    expect(single?.forAll(6)).toBeUndefined();
  });

  it('is not made for UDP, nor for the port of the proxy itself', () => {
    expect(listeners(entry([{ number: 15001, protocol: 'HTTP' }]))).toEqual({});
  });
});

describe('the listeners that a Sidecar declares', () => {
  const SIDECAR = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec:
  egress:
    - port: { number: 443, protocol: TLS, name: tls }
      hosts: ['./a.example.com']
    - hosts: ['*/*']
---`;
  const PORTS = [
    { number: 443, protocol: 'TLS' },
    { number: 8443, protocol: 'TLS' },
  ];

  it('are locked against what its catch-all imports', () => {
    const mesh = policy(SIDECAR + serviceEntry('a.example.com', PORTS) + serviceEntry('b.example.com', PORTS));
    expect(listeners(mesh)).toEqual({
      '0.0.0.0_443': ['outbound|443||a.example.com', 'BlackHoleCluster'],
      '0.0.0.0_8443': ['outbound|8443||a.example.com', 'outbound|8443||b.example.com', 'BlackHoleCluster'],
    });
  });

  it('stand where it binds them', () => {
    const bound = SIDECAR.replace('- port:', '- bind: 127.0.0.1\n      port:').replace("    - hosts: ['*/*']\n", '');
    expect(Object.keys(listeners(policy(bound + serviceEntry('a.example.com', PORTS))))).toEqual(['127.0.0.1_443']);
  });
});

describe('a service without an address of its own whose endpoints are known', () => {
  it('is listened for at each endpoint but the asker itself', () => {
    const mesh = policy(`
apiVersion: v1
kind: Service
metadata: { name: db, namespace: default }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: tcp, port: 5432 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-1, namespace: default, labels: { kubernetes.io/service-name: db } }
addressType: IPv4
endpoints: [{ addresses: [10.244.1.1] }, { addresses: [10.244.0.5] }]
ports: [{ name: tcp, port: 5432 }]
`);
    expect(Object.keys(listeners(mesh))).toEqual(['10.244.1.1_5432']);
  });
});
