import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../../src/config/load.ts';
import { decide } from '../../../src/core/decide/decide.ts';
import type { Decision } from '../../../src/core/model/decision.ts';

const ENTRY = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: e, namespace: default }
spec:
  hosts: [one.test, two.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: DNS`;

function gateway(server: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gw, namespace: default }
spec:
  selector: { istio: egressgateway }
  servers: [${server}]`;
}

function rule(name: string, host: string, http: string, minute: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default, creationTimestamp: "2026-01-01T00:0${minute}:00Z" }
spec: { hosts: ["${host}"], gateways: [gw], http: [${http}] }`;
}

function ask(documents: readonly string[], authority: string, path = '/'): Decision {
  return decide(
    {
      address: '10.0.0.1',
      port: 80,
      protocol: 'http1',
      authority,
      request: { method: 'GET', path, headers: {} },
      workload: { namespace: 'istio-system', labels: { istio: 'egressgateway' }, type: 'router' },
    },
    parseMeshConfig([ENTRY, ...documents].join('\n---\n')),
  );
}

const HTTP = '{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*.test"] }';
const to = (name: string, host: string, match = '') =>
  `{ name: ${name}, ${match}route: [{ destination: { host: ${host} } }] }`;

describe('the virtual hosts of a gateway', () => {
  it('join the routes of all VirtualServices of a host, catch-alls last', () => {
    const documents = [
      gateway(HTTP),
      rule('old', 'one.test', to('all', 'one.test'), 1),
      rule('young', 'one.test', to('x', 'two.test', 'match: [{ uri: { prefix: /x } }], '), 2),
    ];
    expect(ask(documents, 'one.test', '/x').routeName).toBe('x');
    expect(ask(documents, 'one.test', '/y').routeName).toBe('all');
  });

  it('keep the narrower of the host of the server and that of the VirtualService', () => {
    const documents = [gateway(HTTP), rule('v', '*', to('all', 'one.test'), 1)];
    expect(ask(documents, 'a.test')).toMatchObject({ action: 'route', virtualHost: '*.test:80' });
    expect(ask(documents, 'a.example')).toMatchObject({ action: 'deny', reason: 'no_virtual_host' });
  });

  it('find nothing without a VirtualService', () => {
    expect(ask([gateway(HTTP)], 'one.test')).toMatchObject({
      action: 'deny',
      reason: 'no_route',
      localReply: { status: 404 },
      responseFlags: 'NR',
    });
  });

  it('know no outbound traffic policy', () => {
    const documents = [gateway(HTTP), rule('v', 'one.test', to('all', 'one.test'), 1)];
    expect(ask(['outboundTrafficPolicy: { mode: ALLOW_ANY }', ...documents], 'unknown.test').action).toBe('deny');
  });

  it('send plaintext to https where the server says so', () => {
    const server =
      '{ port: { number: 80, name: http, protocol: HTTP }, hosts: [one.test], tls: { httpsRedirect: true } }';
    expect(ask([gateway(server)], 'one.test:80', '/a?b')).toMatchObject({
      action: 'deny',
      reason: 'https_redirect',
      localReply: { status: 301, location: 'https://one.test:80/a?b' },
    });
  });
});
