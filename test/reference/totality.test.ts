import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide/decide.ts';
import { explain } from '../../src/core/decide/explain.ts';
import type { Connection } from '../../src/core/model/connection.ts';
import { parseMeshConfig } from '../../src/config/load.ts';
import { loadMesh, mesh } from './arbitraries.ts';

const ACTIONS = ['allow', 'deny', 'route', 'timeout'];
const LONG = 300_000;

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom(
    'a.test',
    'x.a.test',
    '*',
    '',
    '..',
    '[::1]',
    'A.TEST.',
    '127.1',
    '0x7f.1',
    '\u0000',
    '%2e',
    '/',
    '/a',
  ),
);
const anything = fc.oneof(anyText, fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }));

/** Connections of the right shape with wild contents, and of any shape at all. */
const wild = fc.oneof(
  fc.record(
    {
      host: anyText,
      address: anyText,
      port: fc.oneof(fc.constantFrom(80, 443, 8080, 0, -1, 65_536, 1.5, Number.NaN), fc.nat()),
      transport: fc.constantFrom('tcp', 'tls'),
      protocol: fc.constantFrom('http1', 'http2', 'grpc', 'tcp'),
      sni: anyText,
      alpn: fc.array(anyText, { maxLength: 3 }),
      authority: anyText,
      request: fc.record({
        method: anyText,
        path: anyText,
        headers: fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText, { maxLength: 2 })), { maxKeys: 4 }),
      }),
    },
    { requiredKeys: [] },
  ),
  fc.dictionary(
    fc.constantFrom('host', 'address', 'port', 'transport', 'protocol', 'sni', 'alpn', 'authority', 'request'),
    anything,
  ),
) as fc.Arbitrary<Connection>;

describe('decide is total', () => {
  it(
    'whatever it is asked',
    () => {
      fc.assert(
        fc.property(mesh, fc.array(wild, { minLength: 10, maxLength: 40 }), (given, connections) => {
          const meshConfig = loadMesh(given);
          for (const connection of connections) {
            expect(ACTIONS).toContain(decide(connection, meshConfig).action);
            expect(ACTIONS).toContain(explain(connection, meshConfig).decision.action);
          }
        }),
        { numRuns: 300 },
      );
    },
    LONG,
  );

  it('denies what is no connection', () => {
    const meshConfig = parseMeshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY' } });
    for (const wrong of [
      {},
      { port: '80' },
      { port: 0 },
      { port: 80, host: 7 },
      { port: 80, address: 'localhost' },
      { port: 80, host: 'a b' },
      { port: 80, transport: 'udp' },
    ]) {
      expect(decide(wrong as unknown as Connection, meshConfig)).toMatchObject({
        action: 'deny',
        reason: 'invalid_connection',
      });
    }
  });

  it(
    'with ten thousand resources and the ugliest expressions that RE2 takes',
    () => {
      const ugly = ['(a*)*b', '(x+x+)+y', '(a|aa)+$', '((a{1,30}){1,30})', '(.*)(.*)(.*)(.*)(.*)=', '(?:a?){90}a{90}'];
      const meshConfig = parseMeshConfig([
        { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
        ...Array.from({ length: 10_000 }, (_, index) => ({
          apiVersion: 'networking.istio.io/v1',
          kind: 'ServiceEntry',
          metadata: { name: `entry-${index}`, namespace: 'default' },
          spec: {
            hosts: [`host-${index}.example.com`],
            ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
            resolution: 'DNS',
          },
        })),
        {
          apiVersion: 'networking.istio.io/v1',
          kind: 'VirtualService',
          metadata: { name: 'ugly', namespace: 'default' },
          spec: {
            hosts: ['host-7.example.com'],
            http: ugly.map((regex) => ({
              match: [{ uri: { regex } }, { headers: { 'x-long': { regex } } }],
              directResponse: { status: 418 },
            })),
          },
        },
      ]);
      const long = 'a'.repeat(20_000);
      for (const path of [`/${long}`, `/${'xx'.repeat(10_000)}`, `/${long}=`]) {
        const decision = decide(
          {
            host: 'host-7.example.com',
            port: 80,
            transport: 'tcp',
            protocol: 'http1',
            request: { method: 'GET', path, headers: { 'x-long': long } },
          },
          meshConfig,
        );
        expect(ACTIONS).toContain(decision.action);
      }
    },
    LONG,
  );
});
