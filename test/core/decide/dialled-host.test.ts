import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/index.ts';
import type { Connection } from '../../../src/core/model/connection.ts';
import type { MeshConfig } from '../../../src/core/model/mesh-config.ts';
import { denied, get, passed, policy, serviceEntry, tls } from './policy.ts';

const PORTS = [
  { number: 80, protocol: 'HTTP' },
  { number: 443, protocol: 'TLS' },
];
const RESOURCES =
  serviceEntry('a.example.com', PORTS) +
  serviceEntry('b.example.com', PORTS) +
  serviceEntry('*.cdn.example.com', PORTS, 'resolution: NONE');
const mesh = policy(RESOURCES);

describe('a Host header that differs from the dialled host', () => {
  it('does not let an unlisted host in under an allowed name', () => {
    expect(denied({ ...get('127.0.0.1'), authority: 'a.example.com' }, mesh).action).toBe('deny');
    expect(denied({ ...get('evil.example'), authority: 'a.example.com' }, mesh).action).toBe('deny');
  });

  it('does not reach an unlisted host through an allowed one', () => {
    expect(denied({ ...get('a.example.com'), authority: 'evil.example' }, mesh).localReply?.status).toBe(502);
  });

  it('is denied when both are admitted, but by different rules', () => {
    expect(denied({ ...get('a.example.com'), authority: 'b.example.com' }, mesh)).toMatchObject({
      reason: 'host_mismatch',
      localReply: { status: 502 },
    });
  });

  it('passes when one rule admits both', () => {
    const decision = passed({ ...get('x.cdn.example.com'), authority: 'y.cdn.example.com' }, mesh);
    expect(decision.cluster).toBe('outbound|80||*.cdn.example.com');
  });

  it.each(['a.example.com', 'A.Example.COM', 'a.example.com:80', 'a.example.com.'])(
    '%s is the dialled host',
    (authority) => {
      expect(passed({ ...get('a.example.com'), authority }, mesh).cluster).toBe('outbound|80||a.example.com');
    },
  );

  it('that is no host is no connection', () => {
    expect(denied({ ...get('a.example.com'), authority: 'a b' }, mesh).action).toBe('deny');
  });

  it('decides as in Istio where everything may pass', () => {
    const open = policy(RESOURCES, { mode: 'ALLOW_ANY' });
    expect(passed({ ...get('127.0.0.1'), authority: 'a.example.com' }, open).cluster).toBe(
      'outbound|80||a.example.com',
    );
    expect(passed({ ...get('a.example.com'), authority: 'other.example' }, open).cluster).toBe('PassthroughCluster');
  });
});

describe('the address of a dialled host', () => {
  const at = (more: string, protocol = 'TCP'): MeshConfig =>
    policy(serviceEntry('db.example.com', [{ number: 5432, protocol }], more));
  const dial = (address?: string): Connection => ({ host: 'db.example.com', port: 5432, ...(address && { address }) });

  it('has to be one that the entry names, where connections are led where they were dialled', () => {
    const several = at("addresses: ['192.0.2.5', '198.51.100.0/24']\nresolution: NONE");
    for (const address of [undefined, '192.0.2.5', '198.51.100.77'])
      expect(passed(dial(address), several).action).toBe('allow');
    expect(denied(dial('203.0.113.9'), several).reason).toBe('no_service_entry');
    expect(
      denied(
        { ...dial('203.0.113.9'), transport: 'tls', sni: 'db.example.com' },
        at("addresses: ['192.0.2.5']\nresolution: NONE", 'TLS'),
      ).action,
    ).toBe('deny');
  });

  it('is any where the entry names none, or leads elsewhere, or the Host decides', () => {
    for (const more of ['resolution: NONE', "addresses: ['192.0.2.5']\nresolution: DNS"])
      expect(passed(dial('203.0.113.9'), at(more)).action).not.toBe('deny');
    const http = at("addresses: ['192.0.2.5']\nresolution: NONE", 'HTTP');
    const request = { method: 'GET', path: '/', headers: {} };
    expect(
      passed({ ...dial('203.0.113.9'), protocol: 'http1', authority: 'db.example.com:5432', request }, http).action,
    ).toBe('allow');
  });
});

describe('an SNI that differs from the dialled host', () => {
  it('has to satisfy the same rule', () => {
    expect(denied({ ...tls('a.example.com'), sni: 'evil.example' }, mesh).action).toBe('deny');
    expect(denied({ ...tls('evil.example'), sni: 'a.example.com' }, mesh).action).toBe('deny');
    expect(denied({ ...tls('a.example.com'), sni: 'b.example.com' }, mesh).reason).toBe('host_mismatch');
    expect(passed({ ...tls('x.cdn.example.com'), sni: 'y.cdn.example.com' }, mesh).action).toBe('allow');
  });

  it('is checked also where the service has an address of its own', () => {
    const vip = policy(serviceEntry('v.example.com', PORTS, "addresses: ['192.0.2.5']\nresolution: DNS"));
    expect(passed(tls('v.example.com'), vip).action).toBe('allow');
    expect(denied({ ...tls('v.example.com'), sni: 'evil.example' }, vip).reason).toBe('no_service_entry');
  });

  it('that is empty is none: an entry that goes by name does not match', () => {
    expect(denied({ ...tls('a.example.com'), sni: '' }, mesh).reason).toBe('no_service_entry');
    expect(denied({ ...tls('a.example.com'), sni: 'a'.repeat(256) }, mesh).reason).toBe('no_service_entry');
  });
});

describe('the request inside TLS', () => {
  const request = { method: 'GET', path: '/', headers: {} };

  it('is held to the dialled host, too', () => {
    expect(passed({ ...tls('a.example.com'), authority: 'a.example.com', request }, mesh).action).toBe('allow');
    expect(denied({ ...tls('a.example.com'), authority: 'evil.example', request }, mesh).reason).toBe(
      'no_service_entry',
    );
    expect(denied({ ...tls('a.example.com'), authority: 'b.example.com', request }, mesh).reason).toBe('host_mismatch');
  });

  it('is not looked at when it is not seen', () => {
    expect(decide({ ...tls('a.example.com'), authority: 'evil.example' }, mesh).action).toBe('allow');
  });
});
