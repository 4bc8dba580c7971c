import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/index.ts';
import { denied, get, passed, policy, serviceEntry, tls } from './policy.ts';

const API = serviceEntry('api.example.com', [
  { number: 80, protocol: 'HTTP' },
  { number: 443, protocol: 'TLS' },
]);

function sidecar(policyYaml: string): string {
  return `${API}
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec:
  outboundTrafficPolicy: ${policyYaml}
`;
}

describe('unknown destinations', () => {
  it('are denied under REGISTRY_ONLY', () => {
    expect(denied(tls('x.example.com'), policy(API)).cluster).toBe('BlackHoleCluster');
    expect(denied(get('x.example.com'), policy(API))).toMatchObject({
      virtualHost: 'block_all',
      localReply: { status: 502 },
    });
    expect(denied(get('x.example.com', 8080), policy(API)).localReply).toBeUndefined();
  });

  it('pass under ALLOW_ANY', () => {
    const open = policy(API, { mode: 'ALLOW_ANY' });
    for (const connection of [tls('x.example.com'), get('x.example.com'), get('x.example.com', 8080)]) {
      expect(passed(connection, open)).toMatchObject({
        action: 'allow',
        via: 'passthrough',
        cluster: 'PassthroughCluster',
      });
    }
  });

  it('are resolved by Host under ALLOW_ANY_DYNAMIC_DNS, where HTTP is seen', () => {
    const dynamic = policy(API, { mode: 'ALLOW_ANY_DYNAMIC_DNS' });
    expect(passed(get('x.example.com', 8080), dynamic).cluster).toBe('AllowAnyDynamicDNSCluster');
    expect(passed(tls('x.example.com', 8443), dynamic).cluster).toBe('PassthroughCluster');
  });
});

describe('the policy of a Sidecar', () => {
  it('beats that of the mesh and is named', () => {
    const mesh = policy(sidecar('{ mode: REGISTRY_ONLY }'), { mode: 'ALLOW_ANY' });
    expect(denied(tls('x.example.com'), mesh).determinedBy[0]).toMatchObject({ kind: 'Sidecar', name: 'default' });
  });

  it('without a mode is REGISTRY_ONLY', () => {
    expect(decide(tls('x.example.com'), policy(sidecar('{}'), { mode: 'ALLOW_ANY' })).action).toBe('deny');
  });

  it('sends unknown destinations to its egress proxy', () => {
    const mesh = policy(sidecar('{ mode: ALLOW_ANY, egressProxy: { host: api.example.com, port: { number: 443 } } }'));
    expect(passed(tls('x.example.com'), mesh)).toMatchObject({
      action: 'route',
      reason: 'egress_proxy',
      cluster: 'outbound|443||api.example.com',
    });
  });

  it('to an egress proxy that nothing defines is denied', () => {
    const mesh = policy(sidecar('{ mode: ALLOW_ANY, egressProxy: { host: none.example.com, port: { number: 1 } } }'));
    expect(denied(tls('x.example.com'), mesh).reason).toBe('cluster_not_found');
  });
});
