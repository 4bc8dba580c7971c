import { describe, expect, it } from 'vitest';
import { decide, explain } from '../../../src/core/index.ts';
import type { Connection } from '../../../src/core/index.ts';
import { policy, serviceEntry, tls, get } from './policy.ts';

const RESOURCES =
  serviceEntry('api.example.com', [{ number: 443, protocol: 'HTTPS' }]) +
  serviceEntry('*.shop.test', [{ number: 443, protocol: 'TLS' }], 'resolution: NONE') +
  serviceEntry('hidden.example.org', [{ number: 443, protocol: 'TLS' }], "exportTo: ['.']", 'team-b');
const mesh = policy(RESOURCES);

function steps(connection: Connection): string[] {
  return explain(connection, mesh).steps.map(({ step }) => step);
}

describe('explain', () => {
  it('gives the answer of decide', () => {
    for (const connection of [
      tls('api.example.com'),
      tls('x.example.com'),
      get('x.example.com'),
      { host: '10.0.0.1', port: 1 },
    ]) {
      expect(explain(connection, mesh).decision).toEqual(decide(connection, mesh));
    }
  });

  it('says the steps in their order', () => {
    expect(steps(tls('api.example.com'))).toEqual([
      'connection',
      'capture',
      'scope',
      'service',
      'filter chain',
      'answer',
    ]);
    expect(steps(tls('x.example.com'))).toEqual([
      'connection',
      'capture',
      'scope',
      'service',
      'filter chain',
      'outbound traffic policy',
      'answer',
    ]);
  });

  it('names the policy and where it was written', () => {
    const step = explain(tls('x.example.com'), mesh).steps.find((each) => each.step === 'outbound traffic policy');
    expect(step?.outcome).toContain('REGISTRY_ONLY');
    expect(step?.resources?.[0]?.kind).toBe('MeshConfig');
  });

  it.each([
    ['the same host on another port', tls('api.example.com', 8443), 'declares api.example.com with port 443, not 8443'],
    ['an entry that is not exported to the asker', tls('hidden.example.org'), 'namespace default does not see it'],
    ['a wildcard that does not cover its own apex', tls('shop.test'), 'which does not cover shop.test itself'],
    ['a neighbour under the same domain', tls('www.example.com'), 'under the same domain'],
    ['the same host, but not for plaintext', get('api.example.com', 443), 'not for this protocol'],
  ])('tells the nearest miss: %s', (_name, connection, text) => {
    expect(explain(connection, mesh).nearestMiss).toContain(text);
  });

  it('tells no nearest miss where nothing is near, and none for what goes', () => {
    expect(explain(tls('unrelated.dev'), mesh).nearestMiss).toBeUndefined();
    expect(explain(tls('api.example.com'), mesh)).not.toHaveProperty('suggestion');
  });

  it.each<[string, Connection]>([
    ['TLS', tls('new.example.net')],
    ['HTTP', get('new.example.net', 8080)],
    ['gRPC', { ...get('new.example.net', 50051), protocol: 'grpc' }],
    ['TCP', { host: 'db.example.net', port: 5432 }],
    ['an address', { host: '203.0.113.7', port: 5432 }],
    ['an IPv6 address', { host: '2001:db8::7', port: 5432 }],
  ])('suggests an entry that admits the connection once it is pasted: %s', (_name, connection) => {
    const dualStack = { dualStack: true };
    const before = policy(RESOURCES, dualStack);
    const { decision, suggestion } = explain(connection, before);
    expect(decision.action).toBe('deny');
    const after = policy(`${RESOURCES}\n${suggestion}`, dualStack);
    expect(decide(connection, after).action).not.toBe('deny');
  });

  it('suggests nothing where no entry would help', () => {
    expect(explain({ host: 'a b', port: 1 }, mesh).suggestion).toBeUndefined();
    expect(explain({ host: 'api.example.com', port: 15001 }, mesh).suggestion).toBeUndefined();
  });
});
