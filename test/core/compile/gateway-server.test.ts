import { describe, expect, it } from 'vitest';
import { compileMeshConfig } from '../../../src/core/compile/compile-mesh.ts';
import { policy } from '../decide/policy.ts';

const POD = { type: 'router', namespace: 'istio-system', labels: { istio: 'egressgateway', app: 'gw' } } as const;

function gateway(name: string, servers: string, selector = '{ istio: egressgateway }', minute = 0): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: default, creationTimestamp: '2026-01-01T00:0${minute}:00Z' }
spec:
  selector: ${selector}
  servers:
${servers}
---`;
}

const HTTP = "    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }";
const TCP = "    - { port: { number: 80, name: tcp, protocol: TCP }, hosts: ['*'] }";

/** Per port of the pod: the Gateways whose servers are merged there. */
function merged(resources: string): Record<string, string[]> {
  const { ports } = compileMeshConfig(policy(resources), POD).gateway;
  return Object.fromEntries(
    ports.map(({ port, protocol, servers }) => [
      `${port} ${protocol}`,
      servers.map(({ gateway: { metadata } }) => metadata.name),
    ]),
  );
}

describe('the servers of a gateway pod', () => {
  it('come from the Gateways that select its labels', () => {
    expect(merged(gateway('a', HTTP) + gateway('b', HTTP, '{ istio: ingressgateway }'))).toEqual({ '80 HTTP': ['a'] });
  });

  it('merge on one port where all speak plaintext HTTP', () => {
    expect(merged(gateway('a', HTTP) + gateway('b', HTTP, undefined, 1))).toEqual({ '80 HTTP': ['a', 'b'] });
  });

  it('of another protocol yield to the older Gateway', () => {
    expect(merged(gateway('a', TCP) + gateway('b', HTTP, undefined, 1))).toEqual({ '80 TCP': ['a'] });
    expect(merged(gateway('a', TCP, undefined, 1) + gateway('b', HTTP))).toEqual({ '80 HTTP': ['b'] });
  });

  it('with TLS merge by SNI, and a host that is taken leaves the younger server out', () => {
    const passthrough = (name: string, host: string) =>
      `    - { port: { number: 443, name: ${name}, protocol: TLS }, tls: { mode: PASSTHROUGH }, hosts: [${host}] }`;
    const resources =
      gateway('a', passthrough('a', 'a.example.com')) +
      gateway('b', passthrough('b', 'b.example.com'), undefined, 1) +
      gateway('c', passthrough('c', 'a.example.com'), undefined, 2);
    expect(merged(resources)).toEqual({ '443 TLS': ['a', 'b'] });
  });

  it('listen on the target port of the Service that selects the pod', () => {
    const service = `
apiVersion: v1
kind: Service
metadata: { name: gw, namespace: istio-system }
spec: { selector: { app: gw }, clusterIP: 10.96.0.9, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`;
    expect(merged(gateway('a', HTTP) + service)).toEqual({ '8080 HTTP': ['a'] });
    expect(merged(gateway('a', HTTP))).toEqual({ '80 HTTP': ['a'] });
  });

  it("without a route for them make no listener where the bytes are somebody else's", () => {
    const { gateway: compiled } = compileMeshConfig(policy(gateway('a', TCP)), POD);
    expect(compiled.ports).toHaveLength(1);
    expect(compiled.listeners.size).toBe(0);
  });
});
