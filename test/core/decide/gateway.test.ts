import { describe, expect, it } from 'vitest';
import { decide, gatewayHop } from '../../../src/core/index.ts';
import type { Connection } from '../../../src/core/index.ts';
import { denied, get, passed, policy, serviceEntry, tls } from './policy.ts';

const MESH = `${serviceEntry('api.example.com', [
  { number: 80, protocol: 'HTTP' },
  { number: 443, protocol: 'TLS' },
  { number: 5432, protocol: 'TCP' },
])}
apiVersion: v1
kind: Service
metadata: { name: egress, namespace: istio-system }
spec:
  clusterIP: 10.96.0.9
  selector: { istio: egressgateway }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: tls, port: 443, targetPort: 8443 }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: egress-1, namespace: istio-system, labels: { kubernetes.io/service-name: egress } }
addressType: IPv4
endpoints: [{ addresses: [10.244.0.9], conditions: { ready: true } }]
ports: [{ name: http, port: 8080 }, { name: tls, port: 8443 }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gw, namespace: default }
spec:
  selector: { istio: egressgateway }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: [api.example.com] }
    - { port: { number: 443, name: tls, protocol: TLS }, tls: { mode: PASSTHROUGH }, hosts: [api.example.com] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec:
  hosts: [api.example.com]
  gateways: [mesh, gw]
  http:
    - match: [{ gateways: [mesh], port: 80 }]
      route: [{ destination: { host: egress.istio-system.svc.cluster.local, port: { number: 80 } } }]
    - match: [{ gateways: [gw], port: 80 }]
      route: [{ destination: { host: api.example.com, port: { number: 80 } } }]
  tls:
    - match: [{ gateways: [mesh], port: 443, sniHosts: [api.example.com] }]
      route: [{ destination: { host: egress.istio-system.svc.cluster.local, port: { number: 443 } } }]
    - match: [{ gateways: [gw], port: 443, sniHosts: [api.example.com] }]
      route: [{ destination: { host: api.example.com, port: { number: 443 } } }]
`;
const mesh = policy(MESH);
const pod = { type: 'router', namespace: 'istio-system', labels: { istio: 'egressgateway' } } as const;

function atGateway(connection: Connection): Connection {
  return { ...connection, workload: pod };
}

describe('a gateway', () => {
  it("listens on the target ports of its Service, and serves its servers' hosts", () => {
    const decision = passed(atGateway({ port: 8080, authority: 'api.example.com', request: get('x').request! }), mesh);
    expect(decision).toMatchObject({ cluster: 'outbound|80||api.example.com', seenAs: 'http' });
    expect(denied(atGateway({ port: 80, protocol: 'http1', authority: 'api.example.com' }), mesh).reason).toBe(
      'no_listener',
    );
  });

  it('answers unknown hosts with 404: there is no outbound traffic policy', () => {
    for (const each of [mesh, policy(MESH, { mode: 'ALLOW_ANY' })]) {
      const decision = denied(
        atGateway({ port: 8080, authority: 'other.example.com', request: get('x').request! }),
        each,
      );
      expect(decision).toMatchObject({ responseFlags: 'NR', localReply: { status: 404 } });
    }
  });

  it('passes TLS on by SNI, and closes what no chain wants', () => {
    const sni = (name: string) => atGateway({ port: 8443, transport: 'tls', sni: name });
    expect(passed(sni('api.example.com'), mesh).cluster).toBe('outbound|443||api.example.com');
    expect(denied(sni('other.example.com'), mesh)).toMatchObject({
      reason: 'no_filter_chain',
      responseFlags: 'NR',
      responseCodeDetails: 'filter_chain_not_found',
    });
  });

  it('understands nothing but HTTP on an HTTP server', () => {
    expect(denied(atGateway({ port: 8080, transport: 'tls', sni: 'api.example.com' }), mesh)).toMatchObject({
      reason: 'protocol_error',
      responseFlags: 'DPE',
    });
  });
});

describe('both hops', () => {
  it('of plaintext HTTP: the first leads to the gateway, the second to the host', () => {
    const connection = get('api.example.com', 80, '/v1');
    const first = decide(connection, mesh);
    expect(passed(connection, mesh)).toMatchObject({
      action: 'route',
      cluster: 'outbound|80||egress.istio-system.svc.cluster.local',
    });
    const hop = gatewayHop(first, connection, mesh);
    expect(hop?.destination.upstream?.gateway).toBe(true);
    expect(hop?.connection).toMatchObject({
      address: '10.244.0.9',
      port: 8080,
      authority: 'api.example.com',
      request: { path: '/v1' },
    });
    expect(hop?.decision).toMatchObject({ cluster: 'outbound|80||api.example.com' });
  });

  it('of TLS that nobody ends on the way', () => {
    const connection = tls('api.example.com');
    const hop = gatewayHop(decide(connection, mesh), connection, mesh);
    expect(hop?.connection).toMatchObject({ transport: 'tls', sni: 'api.example.com', port: 8443 });
    expect(hop?.decision).toMatchObject({ cluster: 'outbound|443||api.example.com', seenAs: 'tls' });
  });

  it('is undefined for what goes to no gateway', () => {
    const direct = policy(serviceEntry('api.example.com', [{ number: 443, protocol: 'TLS' }]));
    const connection = tls('api.example.com');
    expect(gatewayHop(decide(connection, direct), connection, direct)).toBeUndefined();
    expect(gatewayHop(decide(tls('x.example.com'), direct), connection, direct)).toBeUndefined();
  });
});
