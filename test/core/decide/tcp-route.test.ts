import { describe, expect, it } from 'vitest';
import { denied, passed, policy, serviceEntry } from './policy.ts';

const ENTRIES =
  serviceEntry('db.example.com', [{ number: 5432, protocol: 'TCP' }], "addresses: ['192.0.2.50']\nresolution: DNS") +
  serviceEntry(
    'net.example.com',
    [{ number: 7000, protocol: 'TCP' }],
    "addresses: ['10.10.0.0/16']\nresolution: NONE",
  ) +
  serviceEntry('alt.example.com', [{ number: 6000, protocol: 'TCP' }]);

function routed(host: string, tcpRoutes: string, more = ''): string {
  return `${ENTRIES}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec:
  hosts: ['${host}']
  tcp:
${tcpRoutes}
---${more}`;
}

describe('a tcp route', () => {
  it('without a match takes the whole service, by name and by address', () => {
    const mesh = policy(routed('db.example.com', '    - { route: [{ destination: { host: alt.example.com } }] }'));
    const expected = { action: 'route', reason: 'tcp_route', cluster: 'outbound|6000||alt.example.com' };
    expect(passed({ host: 'db.example.com', port: 5432 }, mesh)).toMatchObject(expected);
    expect(passed({ address: '192.0.2.50', port: 5432 }, mesh)).toMatchObject(expected);
    expect(denied({ address: '192.0.2.51', port: 5432 }, mesh).reason).toBe('no_service_entry');
  });

  it('with subnets takes those addresses and leaves the others to the service', () => {
    const mesh = policy(
      routed(
        'net.example.com',
        '    - { match: [{ destinationSubnets: [10.10.4.0/24] }], route: [{ destination: { host: alt.example.com } }] }',
      ),
    );
    const inside = passed({ address: '10.10.4.7', port: 7000 }, mesh);
    expect(inside.cluster).toBe('outbound|6000||alt.example.com');
    expect(inside.determinedBy.map(({ kind }) => kind)).toContain('VirtualService');
    expect(passed({ address: '10.10.5.7', port: 7000 }, mesh).cluster).toBe('outbound|7000||net.example.com');
  });

  it('with subnets does not take a name of which the address is not known', () => {
    const mesh = policy(
      routed(
        'net.example.com',
        '    - { match: [{ destinationSubnets: [10.10.4.0/24] }], route: [{ destination: { host: alt.example.com } }] }',
      ),
    );
    expect(passed({ host: 'net.example.com', port: 7000 }, mesh).cluster).toBe('outbound|7000||net.example.com');
    expect(passed({ host: 'net.example.com', address: '10.10.4.7', port: 7000 }, mesh).cluster).toBe(
      'outbound|6000||alt.example.com',
    );
  });

  it('for another port does not speak', () => {
    const mesh = policy(
      routed('db.example.com', '    - { match: [{ port: 1 }], route: [{ destination: { host: alt.example.com } }] }'),
    );
    expect(passed({ host: 'db.example.com', port: 5432 }, mesh).cluster).toBe('outbound|5432||db.example.com');
  });
});

describe('what the DestinationRule adds', () => {
  it('is the idle timeout, and a tunnel through the destination', () => {
    const mesh = policy(
      routed(
        'db.example.com',
        '    - { route: [{ destination: { host: alt.example.com } }] }',
        `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: d, namespace: default }
spec:
  host: alt.example.com
  trafficPolicy:
    connectionPool: { tcp: { idleTimeout: 30s } }
    tunnel: { protocol: CONNECT, targetHost: inner.example.com, targetPort: 9000 }
`,
      ),
    );
    const decision = passed({ host: 'db.example.com', port: 5432 }, mesh);
    expect(decision.idleTimeoutMs).toBe(30_000);
    expect(decision.tunnel).toEqual({ protocol: 'CONNECT', targetHost: 'inner.example.com', targetPort: 9000 });
    expect(decision.determinedBy.map(({ kind }) => kind)).toEqual([
      'VirtualService',
      'ServiceEntry',
      'ServiceEntry',
      'DestinationRule',
    ]);
  });
});
