import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide/decide.ts';
import { ask, followed, meshWithoutRoutes, meshWithRoutes, request, routeOf } from './http.ts';

const TO_H = 'route: [{ destination: { host: h.example, port: { number: 80 } } }]';

describe('choosing a virtual host', () => {
  const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: REGISTRY_ONLY }');

  it.each(['h.example', 'H.Example', 'h.example:80', 'h.example:12345', 'h.example:', 'h.example.'])(
    'takes %s for the service h.example',
    (authority) => {
      expect(ask(mesh, { authority })).toMatchObject({
        action: 'allow',
        virtualHost: 'h.example:80',
        routeName: 'default',
      });
    },
  );

  it.each(['x.h.example', 'xh.example', 'h.example.evil.test', 'h.example..', '198.18.0.1', ''])(
    'takes %j for an unknown host',
    (authority) => {
      expect(ask(mesh, { authority })).toMatchObject({ action: 'deny', reason: 'no_service_entry' });
    },
  );

  it('asks the target of an absolute request, not its Host header', () => {
    const decision = ask(mesh, { authority: 'other.test', path: 'http://h.example/x?y' });
    expect(followed(decision)).toMatchObject({
      virtualHost: 'h.example:80',
      request: { path: '/x?y', authority: 'h.example' },
    });
    expect(ask(mesh, { path: 'http://other.test/x' }).action).toBe('deny');
  });
});

describe('unknown hosts', () => {
  it('are answered 502 under REGISTRY_ONLY', () => {
    const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: REGISTRY_ONLY }');
    expect(ask(mesh, { authority: 'x.test' })).toMatchObject({
      action: 'deny',
      virtualHost: 'block_all',
      routeName: 'block_all',
      localReply: { status: 502 },
      responseFlags: '',
      responseCodeDetails: 'direct_response',
    });
  });

  it('are told so in grpc-status when they speak gRPC', () => {
    const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: REGISTRY_ONLY }');
    const headers = { 'content-type': 'application/grpc+proto' };
    expect(ask(mesh, { authority: 'x.test', protocol: 'grpc', method: 'POST', headers })).toMatchObject({
      localReply: { status: 200, grpcStatus: 14 },
    });
  });

  it('pass through under ALLOW_ANY, without retries', () => {
    const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: ALLOW_ANY }');
    expect(ask(mesh, { authority: 'x.test' })).toMatchObject({
      action: 'allow',
      via: 'passthrough',
      cluster: 'PassthroughCluster',
      virtualHost: 'allow_any',
      retries: null,
    });
  });

  it('are resolved by name under ALLOW_ANY_DYNAMIC_DNS', () => {
    const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: ALLOW_ANY_DYNAMIC_DNS }');
    expect(ask(mesh, { authority: 'x.test' })).toMatchObject({
      action: 'allow',
      reason: 'dynamic_dns',
      cluster: 'AllowAnyDynamicDNSCluster',
      routeName: 'allow_any_dynamic_dns',
    });
  });
});

describe('matching routes', () => {
  function matched(match: string, asked: Parameters<typeof request>[0]): boolean {
    const decision = ask(meshWithRoutes(`    - name: hit\n      match: [${match}]\n      ${TO_H}`), asked);
    return decision.routeName === 'hit';
  }

  it.each([
    ['{ uri: { exact: /a } }', '/a', true],
    ['{ uri: { exact: /a } }', '/a?x=1', true],
    ['{ uri: { exact: /a } }', '/a/', false],
    ['{ uri: { exact: /a }, ignoreUriCase: true }', '/A', true],
    ['{ uri: { prefix: /a } }', '/ab', true],
    ['{ uri: { prefix: /a }, ignoreUriCase: true }', '/Ab', true],
    ['{ uri: { prefix: /a } }', '/x/a', false],
    ["{ uri: { regex: '/v[12]' } }", '/v1', true],
    ["{ uri: { regex: '/v[12]' } }", '/v1/x', false],
    ["{ uri: { regex: '/V1' }, ignoreUriCase: true }", '/v1', false],
    ["{ queryParams: { q: { exact: '1' } } }", '/?q=1&q=2', true],
    ["{ queryParams: { q: { exact: '2' } } }", '/?q=1&q=2', false],
    ["{ queryParams: { q: { exact: 'a b' } } }", '/?q=a%20b', false],
    ['{ queryParams: { q: {} } }', '/?x&q', true],
    ['{ queryParams: { q: {} } }', '/', false],
  ])('%s against %s: %s', (match, path, expected) => {
    expect(matched(match, { path })).toBe(expected);
  });

  it('takes several headers of one name as one value, joined with commas', () => {
    expect(matched("{ headers: { x-a: { exact: '1,2' } } }", { headers: { 'X-A': ['1', '2'] } })).toBe(true);
    expect(matched("{ headers: { x-a: { exact: '1' } } }", { headers: { 'X-A': ['1', '2'] } })).toBe(false);
  });

  it('takes an absent header for an empty one where it must not be', () => {
    expect(matched("{ withoutHeaders: { x-a: { exact: '1' } } }", {})).toBe(true);
    expect(matched("{ withoutHeaders: { x-a: { exact: '1' } } }", { headers: { 'x-a': '1' } })).toBe(false);
    expect(matched("{ withoutHeaders: { x-a: { regex: '.*' } } }", {})).toBe(false);
    expect(matched('{ withoutHeaders: { x-a: {} } }', {})).toBe(true);
    expect(matched('{ withoutHeaders: { x-a: {} } }', { headers: { 'x-a': '' } })).toBe(false);
  });

  it('compares the authority as it was sent, with its port and its case', () => {
    const match = '{ authority: { exact: h.example } }';
    expect(matched(match, {})).toBe(true);
    expect(matched(match, { authority: 'h.example:80' })).toBe(false);
    expect(matched(match, { authority: 'H.example' })).toBe(false);
  });

  it('compares the method with its case and the scheme with what a proxy before was told', () => {
    expect(matched('{ method: { exact: GET } }', { method: 'POST' })).toBe(false);
    expect(matched('{ scheme: { exact: http } }', {})).toBe(true);
    expect(matched('{ scheme: { exact: https } }', { headers: { 'x-forwarded-proto': 'https' } })).toBe(true);
  });

  it('compares the port of the listener', () => {
    expect(matched('{ port: 8080 }', { port: 8080 })).toBe(true);
    expect(matched('{ port: 8080 }', { port: 80 })).toBe(false);
  });

  it('sees what the proxy adds, and not what it takes away', () => {
    expect(matched('{ headers: { x-request-id: {} } }', {})).toBe(true);
    expect(matched('{ headers: { x-forwarded-proto: { exact: http } } }', {})).toBe(true);
    expect(matched('{ headers: { x-envoy-max-retries: {} } }', { headers: { 'x-envoy-max-retries': '1' } })).toBe(
      false,
    );
    expect(matched('{ headers: { connection: {} } }', { headers: { Connection: 'keep-alive' } })).toBe(false);
    expect(matched("{ headers: { ':path': { exact: '/a?b' } } }", { path: '/a?b' })).toBe(true);
  });

  it('compares values without the blanks around them', () => {
    expect(matched('{ headers: { x-a: { exact: b } } }', { headers: { 'x-a': ' b\t' } })).toBe(true);
  });

  it('looks at the path after normalising it', () => {
    expect(matched('{ uri: { exact: /b } }', { path: '/a/../b' })).toBe(true);
  });

  it('answers 404 when no route of a known host matches', () => {
    const mesh = meshWithRoutes(`    - match: [{ uri: { prefix: /a } }]\n      ${TO_H}`);
    expect(ask(mesh, { path: '/b' })).toMatchObject({
      action: 'deny',
      reason: 'no_route',
      localReply: { status: 404 },
      responseFlags: 'NR',
      determinedBy: [{ kind: 'VirtualService', name: 'v' }],
    });
  });
});

describe('what a route carries', () => {
  it('is the same frozen decision for every request that it does not depend on', () => {
    const mesh = meshWithRoutes(`    - timeout: 3s\n      ${TO_H}`);
    const first = ask(mesh, { path: '/a' });
    expect(ask(mesh, { path: '/b?c', method: 'POST' })).toBe(first);
    expect(Object.isFrozen(first)).toBe(true);
  });

  it('has a deadline around the route', () => {
    const mesh = meshWithRoutes(`    - name: slow\n      timeout: 3s\n      ${TO_H}`);
    expect(ask(mesh)).toMatchObject({
      action: 'timeout',
      timeoutMs: 3000,
      routeName: 'slow',
      then: { action: 'route', reason: 'http_route', cluster: 'outbound|80||h.example' },
    });
  });

  it('leads to the port of the listener when the destination names none', () => {
    const mesh = meshWithRoutes('    - route: [{ destination: { host: o.example } }]');
    expect(ask(mesh, { port: 8080 }).cluster).toBe('outbound|8080||o.example');
  });

  it('is a 503 with the route in view when the cluster does not exist', () => {
    const mesh = meshWithRoutes(
      '    - name: lost\n      timeout: 1s\n      route: [{ destination: { host: nobody.example } }]',
    );
    expect(ask(mesh)).toMatchObject({
      action: 'deny',
      reason: 'cluster_not_found',
      routeName: 'lost',
      localReply: { status: 503 },
      responseFlags: 'NC',
      route: { action: 'timeout', timeoutMs: 1000 },
    });
  });

  it('keeps weighted destinations, without those that weigh nothing', () => {
    const mesh = meshWithRoutes(`    - route:
        - { destination: { host: h.example }, weight: 90 }
        - { destination: { host: o.example }, weight: 10 }
        - { destination: { host: o.example, subset: never }, weight: 0 }`);
    expect(routeOf(mesh).destinations.map(({ cluster, weight }) => [cluster, weight])).toEqual([
      ['outbound|80||h.example', 90],
      ['outbound|80||o.example', 10],
    ]);
  });

  it('carries mirrors with the share that they get', () => {
    const mesh = meshWithRoutes(`    - mirrors:
        - { destination: { host: o.example } }
        - { destination: { host: o.example, port: { number: 8080 } }, percentage: { value: 0.5 } }
        - { destination: { host: h.example }, percentage: { value: 0 } }
      ${TO_H}`);
    expect(routeOf(mesh).mirrors?.map(({ cluster, percent }) => [cluster, percent])).toEqual([
      ['outbound|80||o.example', 100],
      ['outbound|8080||o.example', 0.5],
    ]);
  });
});

describe('requests that no proxy would route', () => {
  const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: ALLOW_ANY }');

  it('without a Host are answered 400', () => {
    const { authority: _, ...connection } = request();
    expect(decide(connection, mesh)).toMatchObject({
      action: 'deny',
      reason: 'missing_host',
      localReply: { status: 400 },
      responseCodeDetails: 'missing_host_header',
    });
  });

  it.each([
    ['a method that HTTP/1.1 does not know', { method: 'FOO' }],
    ['a target that is no path', { path: 'x' }],
    ['a space in the target', { path: '/a b' }],
    ['an empty target', { path: '' }],
  ])('with %s are a protocol error', (_, asked) => {
    expect(ask(mesh, asked)).toMatchObject({
      reason: 'protocol_error',
      localReply: { status: 400, body: 'Bad Request' },
      responseFlags: 'DPE',
    });
  });

  it.each(['h.example/x', 'h example', 'h.example#', 'h\u00e9.example'])(
    'with authority %j are refused',
    (authority) => {
      expect(ask(mesh, { authority })).toMatchObject({ reason: 'invalid_authority', localReply: { status: 400 } });
    },
  );

  it('with an escaped NUL in the path are refused', () => {
    expect(ask(mesh, { path: '/a%00' })).toMatchObject({ reason: 'invalid_path', localReply: { status: 400 } });
  });

  it.each([
    ['CONNECT', {}],
    ['GET', { connection: 'keep-alive, Upgrade', upgrade: 'custom' }],
  ])('for a tunnel or an unknown upgrade are answered 403 (%s)', (method, headers) => {
    expect(ask(mesh, { method, headers })).toMatchObject({
      action: 'deny',
      reason: 'unsupported_upgrade',
      localReply: { status: 403 },
      responseCodeDetails: 'upgrade_failed',
    });
  });

  it.each([
    { connection: 'Upgrade', upgrade: 'websocket' },
    { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' },
    { upgrade: 'custom' },
  ])('are not those with %o', (headers) => {
    expect(ask(mesh, { headers }).action).toBe('allow');
  });

  it('with two different Host headers ask for a host that nobody has', () => {
    const strict = meshWithoutRoutes('outboundTrafficPolicy: { mode: REGISTRY_ONLY }');
    expect(ask(strict, { headers: { host: 'evil.test' } }).action).toBe('deny');
    expect(ask(strict, { headers: { host: 'h.example' } }).action).toBe('allow');
  });
});
