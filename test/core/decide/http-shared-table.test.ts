import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../../src/config/load.ts';
import { decide } from '../../../src/core/decide/decide.ts';
import type { Connection } from '../../../src/core/model/connection.ts';

const mesh = (addresses: string) =>
  parseMeshConfig(`outboundTrafficPolicy: { mode: REGISTRY_ONLY }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: s, namespace: default }
spec:
  hosts: [s.test]
  addresses: ${addresses}
  ports: [{ number: 7000, name: p }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`);

const seen: Connection = {
  address: '192.0.2.1',
  port: 7000,
  protocol: 'http1',
  authority: 's.test',
  request: { method: 'GET', path: '/', headers: {} },
};

describe('a service of undeclared protocol', () => {
  it('is routed at its only address, whatever the authority', () => {
    expect(decide({ ...seen, authority: 'x.test' }, mesh('[192.0.2.1]'))).toMatchObject({ virtualHost: 's.test:7000' });
  });

  it('is not found at one of several addresses, as with a proxy', () => {
    expect(decide(seen, mesh('[192.0.2.1, 192.0.2.2]'))).toMatchObject({ action: 'deny', localReply: { status: 404 } });
  });

  it('is found there by the name that was dialled', () => {
    const { address: _, ...named } = seen;
    expect(decide({ ...named, host: 's.test' }, mesh('[192.0.2.1, 192.0.2.2]'))).toMatchObject({
      action: 'route',
      cluster: 'outbound|7000||s.test',
    });
  });
});
