import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/index.ts';
import { denied, get, passed, policy, serviceEntry, tls } from './policy.ts';

describe('a TCP service without an address', () => {
  const database = serviceEntry('db.example.com', [{ number: 5432, protocol: 'TCP' }]);
  const mesh = policy(database);

  it('admits exactly its own host and port when the name is known', () => {
    expect(passed({ host: 'db.example.com', port: 5432 }, mesh).cluster).toBe('outbound|5432||db.example.com');
    expect(denied({ host: 'other.example.com', port: 5432 }, mesh).reason).toBe('no_service_entry');
    expect(denied({ host: 'db.example.com', port: 5433 }, mesh).reason).toBe('no_service_entry');
  });

  it('does not swallow an address that the application dialled itself', () => {
    expect(denied({ host: '169.254.169.254', port: 5432 }, mesh).reason).toBe('no_service_entry');
    expect(denied({ host: 'other.example.com', address: '203.0.113.1', port: 5432 }, mesh).reason).toBe(
      'no_service_entry',
    );
  });

  it('owns the whole port where only the address is known, as in a sidecar', () => {
    expect(passed({ address: '203.0.113.1', port: 5432 }, mesh).cluster).toBe('outbound|5432||db.example.com');
  });

  it('does not hide a younger one on the same port', () => {
    const two = policy(database + serviceEntry('db2.example.com', [{ number: 5432, protocol: 'TCP' }]));
    expect(passed({ host: 'db2.example.com', port: 5432 }, two).cluster).toBe('outbound|5432||db2.example.com');
  });

  it('lets unknown names pass under ALLOW_ANY, to where they were going', () => {
    const open = policy(database, { mode: 'ALLOW_ANY' });
    expect(passed({ host: 'other.example.com', port: 5432 }, open)).toMatchObject({
      action: 'allow',
      via: 'passthrough',
      cluster: 'PassthroughCluster',
    });
  });
});

describe('names', () => {
  const mesh = policy(
    serviceEntry('*.wikipedia.org', [{ number: 443, protocol: 'TLS' }], 'resolution: NONE') +
      serviceEntry('de.wikipedia.org', [{ number: 443, protocol: 'TLS' }]) +
      serviceEntry('exact.example.com', [{ number: 8443, protocol: 'TLS' }]),
  );

  it.each(['en.wikipedia.org', 'EN.Wikipedia.ORG', 'en.wikipedia.org.', 'a.b.wikipedia.org'])(
    '%s is covered by a wildcard',
    (host) => {
      expect(passed(tls(host), mesh).cluster).toBe('outbound|443||*.wikipedia.org');
    },
  );

  it('an exact entry stands before a wildcard', () => {
    expect(passed(tls('de.wikipedia.org'), mesh).cluster).toBe('outbound|443||de.wikipedia.org');
  });

  it.each(['wikipedia.org', 'evilwikipedia.org', 'en.wikipedia.org.evil.example'])('%s is not covered', (host) => {
    expect(denied(tls(host), mesh).reason).toBe('no_service_entry');
  });

  it('an entry speaks for its ports only', () => {
    expect(denied(tls('exact.example.com', 443), mesh).reason).toBe('no_service_entry');
  });
});

describe('addresses', () => {
  const mesh = policy(
    serviceEntry(
      'net.example.com',
      [{ number: 27017, protocol: 'TCP' }],
      "addresses: ['10.20.0.0/16']\nresolution: NONE",
    ) +
      serviceEntry('vip.example.com', [{ number: 9000, protocol: 'TCP' }], "addresses: ['192.0.2.5']\nresolution: DNS"),
  );

  it('a block admits every address inside, whatever name was dialled', () => {
    expect(passed({ host: '10.20.3.4', port: 27017 }, mesh).cluster).toBe('outbound|27017||net.example.com');
    expect(passed({ host: 'replica.internal', address: '10.20.3.4', port: 27017 }, mesh).action).toBe('allow');
    expect(denied({ host: '10.21.3.4', port: 27017 }, mesh).reason).toBe('no_service_entry');
  });

  it('a name that is not admitted is denied provisionally while its address may still be', () => {
    expect(denied({ host: 'replica.internal', port: 27017 }, mesh).provisional).toBe(true);
    expect(denied({ host: 'replica.internal', address: '203.0.113.1', port: 27017 }, mesh).provisional).toBeUndefined();
    expect(denied({ host: 'replica.internal', port: 1 }, mesh).provisional).toBeUndefined();
  });

  it('capture settings that depend on the address make every denial of a name provisional', () => {
    const ranged = policy('', { includeIPRanges: '10.0.0.0/8' });
    expect(denied(tls('other.example.com'), ranged).provisional).toBe(true);
    expect(decide({ ...tls('other.example.com'), address: '203.0.113.1' }, ranged)).toMatchObject({ via: 'bypass' });
    expect(denied({ ...tls('other.example.com'), address: '10.1.1.1' }, ranged).provisional).toBeUndefined();
  });

  it('a name is met at its own address', () => {
    expect(passed({ host: 'vip.example.com', port: 9000 }, mesh)).toMatchObject({
      action: 'allow',
      listener: '192.0.2.5_9000',
    });
  });

  it('an IPv4-mapped address is the IPv4 address', () => {
    expect(passed({ address: '::ffff:10.20.3.4', port: 27017 }, mesh).cluster).toBe('outbound|27017||net.example.com');
  });
});

describe('where an entry leads', () => {
  it('is a route when the port at the endpoint is another', () => {
    const mesh = policy(serviceEntry('api.example.com', [{ number: 8080, protocol: 'TCP', targetPort: 80 }]));
    const decision = passed({ host: 'api.example.com', port: 8080 }, mesh);
    expect(decision).toMatchObject({ action: 'route', reason: 'destination' });
    expect(decision.destinations[0]?.upstream?.endpoints).toEqual([
      expect.objectContaining({ host: 'api.example.com', port: 80 }),
    ]);
  });

  it('is a route to STATIC endpoints', () => {
    const mesh = policy(
      serviceEntry(
        'db.example.com',
        [{ number: 5432, protocol: 'TCP' }],
        'resolution: STATIC\nendpoints: [{ address: 10.1.1.1 }]',
      ),
    );
    expect(passed({ host: 'db.example.com', port: 5432 }, mesh)).toMatchObject({
      action: 'route',
      reason: 'destination',
    });
  });

  it('goes through the virtual host for HTTP', () => {
    const mesh = policy(serviceEntry('api.example.com', [{ number: 8080, protocol: 'HTTP' }]));
    expect(passed(get('api.example.com', 8080), mesh)).toMatchObject({
      action: 'allow',
      virtualHost: 'api.example.com:8080',
      routeName: 'default',
      seenAs: 'http',
    });
  });
});
