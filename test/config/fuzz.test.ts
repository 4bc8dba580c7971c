import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadingCodes } from '../../src/config/diagnostics.ts';
import { parseMeshConfig } from '../../src/config/load.ts';
import { ruleCodes } from '../../src/config/validate/rule-codes.ts';
import { EgressConfigError, type Diagnostic } from '../../src/index.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

const istio = (kind: string, spec: Json): Json => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name: 'api', namespace: 'team', labels: { app: 'api' } },
  spec,
});

const destination = { host: 'api.example.com', port: { number: 443 }, subset: 'v1' };

const documents: readonly Json[] = [
  istio('ServiceEntry', {
    hosts: ['api.example.com', '*.example.org'],
    addresses: ['192.0.2.0/24'],
    ports: [{ number: 443, name: 'https', protocol: 'HTTPS', targetPort: 8443 }],
    resolution: 'STATIC',
    endpoints: [{ address: '192.0.2.1', ports: { https: 8443 }, labels: { version: 'v1' } }],
    exportTo: ['.'],
  }),
  istio('VirtualService', {
    hosts: ['api.example.com'],
    gateways: ['mesh', 'team/egress'],
    http: [
      {
        match: [{ uri: { prefix: '/v1' }, headers: { 'x-user': { regex: '[a-z]+' } }, port: 443 }],
        route: [{ destination, weight: 90, headers: { request: { set: { a: 'b' }, remove: ['c'] } } }],
        timeout: '3s',
        retries: { attempts: 2, retryOn: '5xx', perTryTimeout: '1s' },
        fault: { abort: { httpStatus: 500, percentage: { value: 0.5 } } },
      },
    ],
    tls: [{ match: [{ sniHosts: ['api.example.com'], port: 443 }], route: [{ destination }] }],
  }),
  istio('DestinationRule', {
    host: 'api.example.com',
    trafficPolicy: { tls: { mode: 'SIMPLE', sni: 'api.example.com' }, connectionPool: { tcp: { maxConnections: 5 } } },
    subsets: [{ name: 'v1', labels: { version: 'v1' } }],
  }),
  istio('Gateway', {
    selector: { istio: 'egress' },
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'], tls: { httpsRedirect: true } }],
  }),
  istio('Sidecar', { egress: [{ hosts: ['./*'] }], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type: 'ClusterIP', ports: [{ port: 80, targetPort: 'http' }], selector: { app: 'web' } },
  },
  {
    outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    defaultConfig: { proxyMetadata: { A: 'b' } },
    connectTimeout: '10s',
    serviceEntryVisibility: { policies: [{ matchingRules: [{ namespaceSelector: { matchLabels: { a: 'b' } } }] }] },
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio' }, data: { mesh: 'outboundTrafficPolicy: {}' } },
  { meshConfig: { accessLogFile: '/dev/stdout' }, global: { proxy: { includeIPRanges: '10.0.0.0/8' } } },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', annotations: { 'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/8' } },
    spec: {},
  },
];

/** All places of a value. */
function places(value: Json, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

function replace(value: Json, [name, ...rest]: readonly string[], by: Json | undefined): Json | undefined {
  if (name === undefined) return by;
  // An earlier change took the place away.
  if (typeof value !== 'object' || value === null) return value;
  const copy = structuredClone(value) as Record<string, Json>;
  const inner = replace(copy[name] ?? null, rest, by);
  if (inner === undefined) Reflect.deleteProperty(copy, name);
  else copy[name] = inner;
  return copy;
}

const odd = fc.oneof(
  fc.constantFrom<Json | undefined>(
    undefined,
    null,
    '',
    '*',
    '~',
    -1,
    0,
    1e21,
    0.5,
    true,
    [],
    {},
    [null],
    { '': '' },
    'a/b',
    '\u0000',
  ),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

const mutated = fc
  .constantFrom(...documents)
  .chain((document) =>
    fc
      .array(fc.tuple(fc.constantFrom(...places(document)), odd), { minLength: 1, maxLength: 3 })
      .map((changes) => changes.reduce<Json>((value, [path, by]) => replace(value, path, by) ?? {}, document)),
  );

const codes = new Set<string>([...Object.keys(loadingCodes), ...Object.values(ruleCodes).map(({ code }) => code)]);

function diagnosticsOf(run: () => { readonly diagnostics: readonly Diagnostic[] }): readonly Diagnostic[] {
  try {
    return run().diagnostics;
  } catch (error) {
    if (error instanceof EgressConfigError) return error.diagnostics;
    throw error;
  }
}

describe('the loader, whatever it is given', () => {
  it('loads, or says why with a known code', () => {
    fc.assert(
      fc.property(mutated, fc.constantFrom('throw' as const, 'skip' as const), (document, invalid) => {
        const text = stringify(document);
        for (const input of [text, { ...(document as object) }]) {
          for (const { code, message } of diagnosticsOf(() => parseMeshConfig(input, { invalid }))) {
            expect(codes).toContain(code);
            expect(message).not.toBe('');
          }
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('loads, or says why, of any text at all', () => {
    const pieces = fc.constantFrom(
      '---\n',
      'kind: ',
      '&a ',
      '*a ',
      '- ',
      '{',
      '}',
      '[',
      '|\n',
      '"',
      ': ',
      '\n  ',
      '\t',
      '#',
      '!x ',
      '<<: ',
      '%',
      '? ',
      'spec',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 5 })), { maxLength: 30 }), (parts) => {
        diagnosticsOf(() => parseMeshConfig(parts.join('')));
      }),
      { numRuns: 3000 },
    );
  });
});
