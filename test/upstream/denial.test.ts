import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../src/config/load.ts';
import { decide, explain } from '../../src/core/index.ts';
import type { Connection, Workload } from '../../src/core/model/connection.ts';
import type { DenyDecision } from '../../src/core/model/decision.ts';
import { deniedError } from '../../src/upstream/denial.ts';
import { REGISTRY_ONLY, serviceEntry } from '../adapters/lab.ts';

const http = (path: string, more: Partial<Connection> = {}): Partial<Connection> => ({
  protocol: 'http1',
  request: { method: 'GET', path, headers: {}, scheme: more.transport === 'tls' ? 'https' : 'http' },
  ...more,
});
const SHOP: Workload = { namespace: 'shop', labels: { app: 'cart' } };

const SIDECAR = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  egress:
  - hosts: ['./*']`;
const HIDDEN = serviceEntry('api.example.com', 443, 'HTTPS', "resolution: DNS\nexportTo: ['.']").replace(
  'metadata: {',
  'metadata: {namespace: other, ',
);

const DENIED: readonly (readonly [string, Connection, readonly string[]])[] = [
  ['a name, by bytes', { host: 'db.example.com', port: 5432, transport: 'tcp' }, []],
  ['a name, by TLS', { host: 'api.example.com', port: 443, transport: 'tls', sni: 'api.example.com' }, []],
  [
    'a name, by HTTP',
    { host: 'api.example.com', port: 80, transport: 'tcp', authority: 'api.example.com', ...http('/') },
    [],
  ],
  [
    'a name, by HTTPS whose requests are seen',
    {
      host: 'api.example.com',
      port: 443,
      authority: 'api.example.com',
      sni: 'api.example.com',
      ...http('/x', { transport: 'tls' }),
      transport: 'tls',
    },
    [],
  ],
  [
    'a name, by HTTP on a port of its own',
    { host: 'api.example.com', port: 8081, transport: 'tcp', authority: 'api.example.com:8081', ...http('/') },
    [],
  ],
  ['an IPv4 address, by bytes', { host: '203.0.113.9', port: 6379, transport: 'tcp' }, []],
  [
    'an IPv4 address, by HTTP',
    { host: '203.0.113.9', port: 80, transport: 'tcp', authority: '203.0.113.9', ...http('/') },
    [],
  ],
  [
    'an IPv6 address, by HTTP',
    { host: '2001:db8::9', port: 8080, transport: 'tcp', authority: '[2001:db8::9]:8080', ...http('/') },
    [],
  ],
  ['an IPv6 address, by bytes', { host: '2001:db8::9', port: 6379, transport: 'tcp' }, []],
  ['an IPv6 address, by TLS', { host: '2001:db8::9', port: 443, transport: 'tls' }, []],
  ['a single label', { host: 'redis', port: 6379, transport: 'tcp' }, []],
  [
    'a name below a wildcard, on another port',
    { host: 'a.example.com', port: 8443, transport: 'tls', sni: 'a.example.com' },
    [serviceEntry('*.example.com', 443, 'TLS', 'resolution: NONE')],
  ],
  [
    'a known name on another port',
    { host: 'api.example.com', port: 8080, transport: 'tcp', authority: 'api.example.com:8080', ...http('/') },
    [serviceEntry('api.example.com', 443, 'HTTPS')],
  ],
  [
    'a name that another namespace keeps to itself',
    { host: 'api.example.com', port: 443, transport: 'tls', sni: 'api.example.com', workload: SHOP },
    [HIDDEN],
  ],
  [
    'a name that a Sidecar does not import',
    { host: 'api.example.com', port: 443, transport: 'tls', sni: 'api.example.com', workload: SHOP },
    [SIDECAR, serviceEntry('api.example.com', 443, 'HTTPS')],
  ],
];

function denial(connection: Connection, policy: string): { message: string; suggestion: string | undefined } {
  const mesh = parseMeshConfig([{ text: policy, file: 'mesh/policy.yaml' }] as never);
  const decision = decide(connection, mesh);
  expect(decision.action).toBe('deny');
  const explanation = explain(connection, mesh);
  return {
    message: deniedError(connection, decision as DenyDecision, explanation).message,
    suggestion: explanation.suggestion,
  };
}

describe('the YAML that a denial suggests', () => {
  it.each(DENIED)('admits %s when it is added', (_name, connection, documents) => {
    const policy = [REGISTRY_ONLY, ...documents].join('\n---\n');
    const { message, suggestion } = denial(connection, policy);
    expect(suggestion, message).toBeDefined();
    expect(message).toContain(suggestion?.trimEnd());
    // As somebody would paste it: after the first line that is YAML.
    const pasted = message.slice(message.indexOf('apiVersion:'));
    const allowed = decide(connection, parseMeshConfig(`${policy}\n---\n${pasted}\n`));
    expect(allowed.action, `${pasted}\n${JSON.stringify(allowed)}`).not.toBe('deny');
    expect(
      decide(
        { ...connection, host: 'other.invalid', authority: 'other.invalid', sni: 'other.invalid' },
        parseMeshConfig(`${policy}\n---\n${pasted}\n`),
      ).action,
    ).toBe('deny');
  });
});

describe('the message of a denial', () => {
  it('has one form', () => {
    const { message } = denial(
      { host: 'evil.example', port: 80, transport: 'tcp' },
      `rootNamespace: x\n${REGISTRY_ONLY}`,
    );
    expect(message.split('\n')[0]).toMatch(
      /^connection to evil\.example:80 denied: no ServiceEntry admits host evil\.example port 80 \(policy REGISTRY_ONLY, mesh config mesh\/policy\.yaml:\d+\) \[ERR_EGRESS_DENIED\]$/,
    );
  });

  it('says which ports of the host are known', () => {
    const { message } = denial(
      { host: 'api.example.com', port: 8080, transport: 'tcp' },
      [REGISTRY_ONLY, serviceEntry('api.example.com', 443, 'HTTPS')].join('\n---\n'),
    );
    expect(message).toMatch(/nearest: ServiceEntry .* declares api\.example\.com with port 443, not 8080/);
  });

  it('holds nothing of the request, and no control characters', () => {
    const secret = 's3cr3t';
    const { message } = denial(
      {
        host: 'evil.example',
        port: 80,
        transport: 'tcp',
        authority: 'evil.example',
        protocol: 'http1',
        request: {
          method: 'GET',
          path: `/${secret}?token=${secret}`,
          headers: { authorization: secret, cookie: secret },
          scheme: 'http',
        },
      },
      REGISTRY_ONLY,
    );
    expect(message).not.toContain(secret);
    const odd = deniedError(
      { host: 'a\r\nX: y\u001b[31m', port: 80 },
      decide({ host: 'x', port: 80 }, parseMeshConfig(REGISTRY_ONLY)) as DenyDecision,
      undefined,
    );
    // eslint-disable-next-line no-control-regex -- this is what must not be there
    expect(odd.message).not.toMatch(/[\u0000-\u001f]/);
  });
});
