import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/index.ts';
import type { Connection } from '../../../src/core/index.ts';
import { denied, get, passed, policy, serviceEntry, tls } from './policy.ts';

const API = serviceEntry('api.example.com', [
  { number: 80, protocol: 'HTTP' },
  { number: 443, protocol: 'HTTPS' },
]);
const mesh = policy(API);

describe('the order of the steps', () => {
  it('admits a registered host and says by which resource', () => {
    const decision = passed(tls('api.example.com'), mesh);
    expect(decision).toMatchObject({ action: 'allow', via: 'registry', cluster: 'outbound|443||api.example.com' });
    expect(decision.determinedBy[0]).toMatchObject({ kind: 'ServiceEntry', name: 'api-example-com' });
  });

  it('denies an unlisted host and says by which policy', () => {
    const decision = denied(tls('other.example.com'), mesh);
    expect(decision).toMatchObject({ reason: 'no_service_entry', cluster: 'BlackHoleCluster', responseFlags: 'UH' });
    expect(decision.determinedBy[0]).toMatchObject({ kind: 'MeshConfig' });
    expect(decision.localReply).toBeUndefined();
  });

  it('answers plaintext HTTP to an unlisted host with 502 where the port speaks HTTP', () => {
    expect(denied(get('other.example.com'), mesh).localReply?.status).toBe(502);
  });

  it('asks the capture settings before anything else', () => {
    const excluded = policy(API, { excludeIPRanges: '203.0.113.0/24' });
    const connection: Connection = { host: 'other.example.com', address: '203.0.113.9', port: 443, transport: 'tls' };
    expect(decide(connection, excluded)).toMatchObject({ action: 'allow', via: 'bypass', reason: 'not_captured' });
    expect(decide({ ...connection, address: '203.0.114.9' }, excluded).action).toBe('deny');
  });

  it("refuses the proxy's own ports", () => {
    for (const port of [15001, 15006]) {
      expect(denied({ host: 'api.example.com', port }, mesh)).toMatchObject({ reason: 'loop', responseFlags: 'UH' });
    }
  });

  it('asks for the workload of the connection, else for the own one of the config', () => {
    const hidden = policy(
      serviceEntry('api.example.com', [{ number: 443, protocol: 'TLS' }], 'exportTo: [.]', 'team-a'),
      {
        workload: { namespace: 'team-a' },
      },
    );
    expect(decide(tls('api.example.com'), hidden).action).toBe('allow');
    expect(decide({ ...tls('api.example.com'), workload: { namespace: 'team-b' } }, hidden).action).toBe('deny');
  });

  it('answers without per-call data with one frozen object', () => {
    const first = decide(tls('api.example.com'), mesh);
    expect(decide(tls('api.example.com'), mesh)).toBe(first);
    expect(Object.isFrozen(first)).toBe(true);
  });
});

describe('what is no connection', () => {
  const wrong: Record<string, unknown> = {
    'port 0': { host: 'api.example.com', port: 0 },
    'port 65536': { host: 'api.example.com', port: 65536 },
    'a port that is text': { host: 'api.example.com', port: '443' },
    NaN: { host: 'api.example.com', port: Number.NaN },
    'no port': { host: 'api.example.com' },
    'a host with a space': { host: 'api example.com', port: 443 },
    'a host with a slash': { host: 'api.example.com/x', port: 443 },
    'a host that is an object': { host: { toString: () => 'api.example.com' }, port: 443 },
    'an address that is a name': { address: 'api.example.com', port: 443 },
    'an octal address': { address: '010.0.0.1', port: 443 },
    'a NUL in the SNI': { host: 'api.example.com', port: 443, transport: 'tls', sni: 'evil.example\0.api.example.com' },
    'an SNI beyond ASCII': { host: 'api.example.com', port: 443, transport: 'tls', sni: 'ａpi.example.com' },
    'an unknown transport': { host: 'api.example.com', port: 443, transport: 'quic' },
    'an authority that is no text': { ...get('api.example.com'), authority: 1 },
  };

  it.each(Object.keys(wrong))('denies %s as invalid_connection', (name) => {
    expect(decide(wrong[name] as Connection, mesh)).toMatchObject({ action: 'deny', reason: 'invalid_connection' });
  });

  it.each([undefined, null, 'text', 1, []])('denies %s and does not throw', (connection) => {
    expect(decide(connection as unknown as Connection, mesh).action).toBe('deny');
  });

  it('denies when something in it throws', () => {
    const connection = {
      get host(): string {
        throw new Error('boom');
      },
      port: 443,
    };
    expect(decide(connection, mesh)).toMatchObject({ action: 'deny', reason: 'internal_error' });
  });
});
