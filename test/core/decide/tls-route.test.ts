import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/index.ts';
import { denied, passed, policy, serviceEntry, tls } from './policy.ts';

const ENTRIES =
  serviceEntry('a.example.com', [
    { number: 443, protocol: 'HTTPS' },
    { number: 80, protocol: 'HTTP' },
  ]) + serviceEntry('b.example.com', [{ number: 8443, protocol: 'TLS' }]);

function routed(tlsRoutes: string, host = 'a.example.com'): string {
  return `${ENTRIES}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec:
  hosts: ['${host}']
  tls:
${tlsRoutes}
`;
}

describe('a tls route', () => {
  it('admits the SNI that it names and sends it where it says', () => {
    const mesh = policy(
      routed('    - { match: [{ sniHosts: [a.example.com] }], route: [{ destination: { host: b.example.com } }] }'),
    );
    expect(passed(tls('a.example.com'), mesh)).toMatchObject({
      action: 'route',
      reason: 'tls_route',
      cluster: 'outbound|8443||b.example.com',
      virtualService: { kind: 'VirtualService', name: 'v' },
    });
  });

  it('that leads to where the connection goes anyway leaves it alone', () => {
    const mesh = policy(
      routed(
        '    - { match: [{ sniHosts: [a.example.com], port: 443 }], route: [{ destination: { host: a.example.com, port: { number: 443 } } }] }',
      ),
    );
    expect(passed(tls('a.example.com'), mesh)).toMatchObject({ action: 'allow', virtualService: { name: 'v' } });
  });

  it('takes away the chain of the service itself: an SNI that it does not name is unknown', () => {
    const mesh = policy(
      routed(
        '    - { match: [{ sniHosts: [x.shop.test] }], route: [{ destination: { host: b.example.com } }] }',
        '*.shop.test',
      ) + `---${serviceEntry('*.shop.test', [{ number: 443, protocol: 'TLS' }], 'resolution: NONE')}`,
    );
    expect(passed(tls('x.shop.test'), mesh).cluster).toBe('outbound|8443||b.example.com');
    expect(denied(tls('y.shop.test'), mesh).reason).toBe('no_service_entry');
  });

  it('shares by weight; a weight of 0 takes no part', () => {
    const mesh = policy(
      routed(`    - match: [{ sniHosts: [a.example.com] }]
      route:
        - { destination: { host: a.example.com }, weight: 90 }
        - { destination: { host: b.example.com }, weight: 10 }
        - { destination: { host: b.example.com, subset: old }, weight: 0 }`),
    );
    expect(passed(tls('a.example.com'), mesh).destinations.map(({ cluster, weight }) => [cluster, weight])).toEqual([
      ['outbound|443||a.example.com', 90],
      ['outbound|8443||b.example.com', 10],
    ]);
  });

  it('to a host that nothing defines is denied as the sidecar does: NC', () => {
    const mesh = policy(
      routed(
        '    - { match: [{ sniHosts: [a.example.com] }], route: [{ destination: { host: nowhere.example.com } }] }',
      ),
    );
    expect(denied(tls('a.example.com'), mesh)).toMatchObject({
      reason: 'cluster_not_found',
      responseFlags: 'NC',
      cluster: 'outbound|443||nowhere.example.com',
    });
  });

  it('is for whom its match names', () => {
    const mesh = policy(
      routed(
        '    - { match: [{ sniHosts: [a.example.com], sourceLabels: { app: web } }], route: [{ destination: { host: b.example.com } }] }',
      ),
    );
    const web = { namespace: 'default', labels: { app: 'web' } };
    expect(passed({ ...tls('a.example.com'), workload: web }, mesh).cluster).toBe('outbound|8443||b.example.com');
    expect(passed(tls('a.example.com'), mesh).cluster).toBe('outbound|443||a.example.com');
  });
});

describe('the request inside TLS', () => {
  const RULES = `${ENTRIES}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec:
  hosts: [a.example.com]
  http:
    - match: [{ uri: { prefix: /slow } }]
      timeout: 3s
      route: [{ destination: { host: a.example.com, port: { number: 443 } } }]
    - match: [{ uri: { prefix: /api } }]
      route: [{ destination: { host: a.example.com, port: { number: 443 } } }]
`;
  const asks = (path: string) => ({
    ...tls('a.example.com'),
    authority: 'a.example.com',
    request: { method: 'GET', path, headers: {} },
  });

  it('obeys the http routes of its host', () => {
    const mesh = policy(RULES);
    expect(decide(asks('/slow'), mesh)).toMatchObject({ action: 'timeout', timeoutMs: 3000 });
    expect(decide(asks('/api'), mesh).action).not.toBe('deny');
    expect(denied(asks('/other'), mesh)).toMatchObject({ reason: 'no_route', responseFlags: 'NR' });
  });

  it('is out of sight with tlsRequests: opaque, as for a sidecar', () => {
    const mesh = policy(RULES, { tlsRequests: 'opaque' });
    expect(decide(asks('/slow'), mesh)).toMatchObject({ action: 'allow', seenAs: 'tls' });
    expect(decide(asks('/other'), mesh).action).toBe('allow');
  });

  it('does not get so far when the connection is denied', () => {
    expect(
      denied({ ...asks('/api'), host: 'other.example.com', authority: 'other.example.com' }, policy(RULES)).reason,
    ).toBe('no_service_entry');
  });
});
