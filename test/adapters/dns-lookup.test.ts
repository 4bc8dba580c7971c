import { createSocket, type Socket } from 'node:dgram';
import dns, { lookup as namedLookup } from 'node:dns';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EgressDeniedError, findEgressError } from '../../src/errors.ts';
import type { EgressOptions } from '../../src/egress.ts';
import { ALLOW_ANY, closeAll, install, mesh, REGISTRY_ONLY, send, serviceEntry } from './lab.ts';

/** A name server that answers every question for an address with 127.0.0.1, and tells what it was asked. */
let server: Socket;
const asked: string[] = [];

function nameOf(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; question[at]; at += (question[at] ?? 0) + 1)
    labels.push(question.toString('latin1', at + 1, at + 1 + (question[at] ?? 0)));
  return labels.join('.');
}

beforeAll(async () => {
  server = createSocket('udp4', (question, from) => {
    asked.push(nameOf(question));
    const head = Buffer.from(question.subarray(0, 12));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(1, 6);
    head.writeUInt16BE(0, 10);
    const end = question.indexOf(0, 12) + 5;
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    server.send(Buffer.concat([head, question.subarray(12, end), answer]), from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
});
afterEach(() => {
  closeAll();
  asked.length = 0;
});
afterAll(() => server.close());

function resolver<R extends { setServers(servers: readonly string[]): void }>(made: R): R {
  made.setServers([`127.0.0.1:${server.address().port}`]);
  return made;
}
const callbacks = (): dns.Resolver => resolver(new dns.Resolver());
const promises = (): dns.promises.Resolver => resolver(new dns.promises.Resolver());

const policy = (...more: string[]): ReturnType<typeof mesh> =>
  mesh(
    REGISTRY_ONLY,
    serviceEntry('api.example.com', 443, 'HTTPS'),
    serviceEntry('*.wild.example', 80, 'HTTP', 'resolution: NONE'),
    ...more,
  );
const govern = (options: Partial<EgressOptions> = {}, meshConfig = policy()): ReturnType<typeof install> =>
  install(meshConfig, { dnsQueries: 'admitted', ...options });

const refusal = async (question: Promise<unknown>): Promise<NodeJS.ErrnoException> =>
  question.then(
    () => expect.fail('was answered'),
    (error: NodeJS.ErrnoException) => error,
  );

describe('the names that may be looked up', () => {
  it('are any, unless the option says otherwise', async () => {
    install(policy());
    expect(await promises().resolve4('data.evil.example')).toEqual(['127.0.0.1']);
    expect(asked).toEqual(['data.evil.example']);
  });

  it('are those that the policy admits on some port, wildcards and service records included', async () => {
    govern();
    for (const name of ['api.example.com', 'a.b.wild.example', '_ldap._tcp.api.example.com'])
      expect(await promises().resolve4(name)).toEqual(['127.0.0.1']);
    expect(asked).toHaveLength(3);
  });

  it('are all of them where the policy admits what it does not know', async () => {
    govern({}, mesh(ALLOW_ANY));
    expect(await promises().resolve4('anything.example')).toEqual(['127.0.0.1']);
  });

  it('are those that the workload sees', async () => {
    const shop = serviceEntry('shop.example', 80, 'HTTP', "resolution: DNS\nexportTo: ['.']").replace(
      "metadata: {name: 'shop-example-80'}",
      'metadata: {name: shop, namespace: shop}',
    );
    govern({ workload: { namespace: 'shop' } }, policy(shop));
    expect(await promises().resolve4('shop.example')).toEqual(['127.0.0.1']);
    closeAll();
    govern({ workload: { namespace: 'other' } }, policy(shop));
    expect((await refusal(promises().resolve4('shop.example'))).code).toBe('EREFUSED');
  });

  it('follow an update', async () => {
    const egress = govern();
    expect((await refusal(promises().resolve4('new.example'))).code).toBe('EREFUSED');
    egress.update(policy(serviceEntry('new.example', 5432, 'TCP')));
    expect(await promises().resolve4('new.example')).toEqual(['127.0.0.1']);
  });
});

describe('a question that must not be asked', () => {
  it('fails as a name that does not exist, and says why in its cause', async () => {
    govern();
    const error = await refusal(dns.promises.lookup('data.evil.example'));
    expect(error).toMatchObject({
      message: 'getaddrinfo ENOTFOUND data.evil.example',
      code: 'ENOTFOUND',
      errno: -3008,
      syscall: 'getaddrinfo',
      hostname: 'data.evil.example',
    });
    expect(error.cause).toBeInstanceOf(EgressDeniedError);
    expect(findEgressError(error)?.message).toMatch(/no rule admits that host on any port.*\(dnsQueries\)/);
  });

  it.each([
    ['resolve4', 'queryA'],
    ['resolve6', 'queryAaaa'],
    ['resolveMx', 'queryMx'],
    ['resolveTxt', 'queryTxt'],
    ['resolveSrv', 'querySrv'],
    ['resolveCname', 'queryCname'],
    ['resolveAny', 'queryAny'],
    ['resolveNs', 'queryNs'],
    ['resolveSoa', 'querySoa'],
    ['resolvePtr', 'queryPtr'],
    ['resolveCaa', 'queryCaa'],
    ['resolveNaptr', 'queryNaptr'],
  ] as const)('fails in %s of resolvers with callbacks and with promises', async (method, syscall) => {
    govern();
    const error = await refusal(promises()[method]('secret.evil.example'));
    expect(error).toMatchObject({ code: 'EREFUSED', syscall, hostname: 'secret.evil.example' });
    const told: unknown[] = [];
    await new Promise<void>((resolve) => {
      const ask = callbacks()[method] as (name: string, callback: (...args: unknown[]) => void) => void;
      ask.call(callbacks(), 'secret.evil.example', (...args) => {
        told.push(...args);
        resolve();
      });
      expect(told).toEqual([]);
    });
    expect(told).toEqual([expect.objectContaining({ code: 'EREFUSED', syscall })]);
    expect(asked).toEqual([]);
  });

  it('fails whatever record is asked for, and for named imports', async () => {
    govern();
    expect((await refusal(dns.promises.resolve('evil.example', 'TXT'))).syscall).toBe('queryTxt');
    const error = await new Promise((resolve) => namedLookup('evil.example', resolve));
    expect(error).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('fails for the name of an address that nothing admits', async () => {
    govern();
    expect(await refusal(promises().reverse('203.0.113.9'))).toMatchObject({
      code: 'EREFUSED',
      syscall: 'getHostByAddr',
    });
    expect(asked).toEqual([]);
  });

  it('leaves addresses, localhost and wrong arguments to Node', async () => {
    govern();
    expect((await dns.promises.lookup('192.0.2.1')).address).toBe('192.0.2.1');
    expect((await dns.promises.lookup('localhost')).address).toMatch(/127\.0\.0\.1|::1/);
    expect(() => dns.lookup('evil.example', undefined as never)).toThrow(TypeError);
    expect(() => callbacks().resolve4(7 as never, () => undefined)).toThrow(TypeError);
  });

  it('is logged and counted', async () => {
    const lines: string[] = [];
    const egress = govern({ accessLog: (line) => lines.push(line), metrics: true });
    await refusal(promises().resolveTxt('secret.evil.example'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('secret.evil.example');
    expect(egress.metrics?.values('sidecarless_decisions_total')).toEqual([
      { labels: { action: 'deny', reason: 'no_service_entry', seam: 'dns' }, value: 1 },
    ]);
  });

  it('is asked in report mode, told once and counted each time', async () => {
    const told: string[] = [];
    const egress = govern({ mode: 'report', metrics: true, onWarning: (message) => told.push(message) });
    for (let i = 0; i < 2; i += 1) expect(await promises().resolve4('evil.example')).toEqual(['127.0.0.1']);
    expect(told).toHaveLength(1);
    expect(egress.metrics?.values('sidecarless_would_deny_total')[0]?.value).toBe(2);
  });
});

describe('what the policy itself names', () => {
  it('is looked up although nobody may ask for it', async () => {
    const target = http.createServer((_request, response) => response.end('there'));
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    const { port } = target.address() as AddressInfo;
    const entry = `resolution: DNS\nendpoints: [{address: localhost.localdomain, ports: {p80: ${port}}}]`;
    govern({}, policy(serviceEntry('led.example', 80, 'HTTP', entry)));
    const original = dns.lookup;
    const names: string[] = [];
    dns.lookup = ((name: string, options: dns.LookupAllOptions, callback: (...args: unknown[]) => void) => {
      names.push(name);
      original('localhost', { ...options, family: 4 }, callback as never);
    }) as unknown as typeof dns.lookup;
    try {
      const { body } = await send(http, { host: 'led.example', port: 80, lookup: undefined });
      expect([body, names]).toEqual(['there', ['localhost.localdomain']]);
    } finally {
      dns.lookup = original;
      target.close();
    }
  });
});
