import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../../src/config/load.ts';
import { decide } from '../../../src/core/decide/decide.ts';
import type { Decision } from '../../../src/core/model/decision.ts';

const ENTRY = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: default }
spec:
  hosts: [api.example]
  ports:
    - { number: 80, name: http, protocol: HTTP }
    - { number: 443, name: https, protocol: HTTPS }
  resolution: DNS
`;

function askInsideTls(http: string, path: string): Decision {
  const virtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec:
  hosts: [api.example]
  http:
${http}`;
  const mesh = parseMeshConfig(
    ['outboundTrafficPolicy: { mode: REGISTRY_ONLY }', ENTRY, virtualService].join('\n---\n'),
  );
  return decide(
    {
      host: 'api.example',
      port: 443,
      transport: 'tls',
      sni: 'api.example',
      protocol: 'http1',
      authority: 'api.example',
      request: { method: 'GET', path, headers: {} },
    },
    mesh,
  );
}

const TO_443 = 'route: [{ destination: { host: api.example, port: { number: 443 } } }]';
const TO_80 = 'route: [{ destination: { host: api.example, port: { number: 80 } } }]';

describe('requests inside TLS', () => {
  it('have the timeout of the route for their port', () => {
    expect(askInsideTls(`    - timeout: 3s\n      ${TO_443}`, '/')).toMatchObject({
      action: 'timeout',
      timeoutMs: 3000,
      then: { cluster: 'outbound|443||api.example', virtualHost: 'api.example:443' },
    });
  });

  it('are held to the paths of the routes', () => {
    const http = `    - match: [{ uri: { prefix: /v1 } }]\n      ${TO_443}`;
    expect(askInsideTls(http, '/v1/x').action).toBe('route');
    expect(askInsideTls(http, '/admin')).toMatchObject({
      action: 'deny',
      reason: 'no_route',
      localReply: { status: 404 },
    });
  });

  it('are not governed by routes that lead to plaintext', () => {
    expect(askInsideTls(`    - timeout: 3s\n      ${TO_80}`, '/')).toMatchObject({
      action: 'allow',
      cluster: 'outbound|443||api.example',
      seenAs: 'tls',
    });
    const mixed = `    - match: [{ uri: { prefix: /plain } }]\n      timeout: 3s\n      ${TO_80}\n    - timeout: 4s\n      ${TO_443}`;
    expect(askInsideTls(mixed, '/plain')).toMatchObject({ action: 'allow', seenAs: 'tls' });
    expect(askInsideTls(mixed, '/')).toMatchObject({ action: 'timeout', timeoutMs: 4000 });
  });

  it('are not redirected to the URL that they ask for', () => {
    expect(askInsideTls('    - redirect: { scheme: https }', '/x')).toMatchObject({ action: 'allow' });
    expect(askInsideTls('    - redirect: { uri: /new }', '/x')).toMatchObject({
      reason: 'redirect',
      localReply: { location: 'https://api.example/new' },
    });
  });
});
