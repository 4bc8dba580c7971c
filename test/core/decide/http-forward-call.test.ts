import { describe, expect, it } from 'vitest';
import type { HeaderOperation } from '../../../src/core/model/decision.ts';
import { ask, followed, meshWithoutRoutes, meshWithRoutes, routeOf, type Asked } from './http.ts';

const TO_H = 'route: [{ destination: { host: h.example, port: { number: 80 } } }]';

function sentPath(http: string, path: string): string | undefined {
  return routeOf(meshWithRoutes(http), { path }).request?.path;
}

function requestHeaders(http: string, asked: Asked = {}): readonly HeaderOperation[] {
  return routeOf(meshWithRoutes(http), asked).destinations[0]?.requestHeaders ?? [];
}

describe('rewriting the path', () => {
  it.each([
    ['{ prefix: /foo }', '/new', '/foo/bar?x=1', '/new/bar?x=1'],
    ['{ prefix: /foo }', '/', '/foo/bar', '//bar'],
    ['{ prefix: / }', '/v1', '/foo', '/v1foo'],
    ['{ exact: /foo }', '/new', '/foo?x', '/new?x'],
    ["{ regex: '/v[0-9]+/.*' }", '/all', '/v1/x?y', '/all?y'],
  ])('replaces what %s matched by %s: %s goes on as %s', (uri, rewrite, path, expected) => {
    expect(sentPath(`    - match: [{ uri: ${uri} }]\n      rewrite: { uri: ${rewrite} }\n      ${TO_H}`, path)).toBe(
      expected,
    );
  });

  it('replaces in a prefix that ignores case as much as was matched', () => {
    const http = `    - match: [{ uri: { prefix: /Foo }, ignoreUriCase: true }]\n      rewrite: { uri: /new }\n      ${TO_H}`;
    expect(sentPath(http, '/fOO/x')).toBe('/new/x');
  });

  it('fills groups into the substitution of a regular expression', () => {
    const rewrite = String.raw`{ uriRegexRewrite: { match: '^/service/([^/]+)(/.*)$', rewrite: '\2/instance/\1' } }`;
    expect(sentPath(`    - rewrite: ${rewrite}\n      ${TO_H}`, '/service/foo/v1/api?a=1')).toBe(
      '/v1/api/instance/foo?a=1',
    );
  });

  it('replaces every match of a regular expression', () => {
    const http = `    - rewrite: { uriRegexRewrite: { match: 'a*', rewrite: 'X' } }\n      ${TO_H}`;
    expect(sentPath(http, '/baac')).toBe('X/XbXcX');
  });

  it('keeps the old path in a header', () => {
    const http = `    - match: [{ uri: { prefix: /a } }]\n      rewrite: { uri: /b }\n      ${TO_H}`;
    expect(requestHeaders(http, { path: '/a?x' })).toEqual([
      { op: 'set', name: 'x-envoy-original-path', value: '/a?x' },
    ]);
  });
});

describe('replacing the authority', () => {
  it('prefers the rewrite to the headers of the route, and these to those of the destination', () => {
    const headers = (value: string) => `headers: { request: { set: { Host: ${value} } } }`;
    const destination = `{ destination: { host: h.example }, ${headers('destination')} }`;
    const authority = (route: string) =>
      routeOf(meshWithRoutes(`    - ${route}route: [${destination}]`)).request?.authority;
    expect(authority('')).toBe('destination');
    expect(authority(`${headers('route')}\n      `)).toBe('route');
    expect(authority('rewrite: { authority: rewritten }\n      ')).toBe('rewritten');
  });

  it('keeps the old name in a header, unless one of several destinations has its own', () => {
    expect(requestHeaders(`    - rewrite: { authority: n.test }\n      ${TO_H}`)).toEqual([
      { op: 'set', name: 'x-envoy-original-host', value: 'h.example' },
    ]);
    const weighted = `    - route:
        - { destination: { host: h.example }, weight: 1, headers: { request: { set: { host: one.test } } } }
        - { destination: { host: o.example }, weight: 1 }`;
    const { destinations, request } = routeOf(meshWithRoutes(weighted));
    expect(request?.authority).toBe('h.example');
    expect(destinations.map(({ authority, requestHeaders: operations }) => [authority, operations])).toEqual([
      ['one.test', undefined],
      [undefined, undefined],
    ]);
  });
});

describe('header operations', () => {
  const HEADERS = 'set: { x-a: SAID }, add: { x-b: SAID }, remove: [x-SAID]';

  function operations(weights: string): string[] {
    const http = `    - headers: { request: { ${HEADERS.replaceAll('SAID', 'route')} } }
      route:
        - destination: { host: h.example }
          ${weights}headers: { request: { ${HEADERS.replaceAll('SAID', 'dest')} } }
        ${weights === '' ? '' : '- { destination: { host: o.example }, weight: 1 }'}`;
    return requestHeaders(http).map(({ op, name, value = '' }) => `${op} ${name} ${value}`.trim());
  }

  it('of a single destination join those of the route: removals, then replacements, then additions', () => {
    expect(operations('')).toEqual([
      'remove x-route',
      'remove x-dest',
      'set x-a route',
      'set x-a dest',
      'add x-b route',
      'add x-b dest',
    ]);
  });

  it('of one of several destinations come before those of the route', () => {
    expect(operations('weight: 1\n          ')).toEqual([
      'remove x-dest',
      'set x-a dest',
      'add x-b dest',
      'remove x-route',
      'set x-a route',
      'add x-b route',
    ]);
  });

  it('fill in Envoy operators and leave out what comes out empty', () => {
    const set = `'x-p': '%PROTOCOL%', 'x-q': '100%%', 'x-r': '%REQ(x-a)%', 'x-h': 'was %REQ(:authority)%', 'x-o': '%REQ(x-b?x-a)%'`;
    const http = `    - headers: { request: { set: { ${set} } } }\n      ${TO_H}`;
    const values = (asked: Asked) =>
      Object.fromEntries(requestHeaders(http, asked).map(({ name, value }) => [name, value]));
    expect(values({})).toEqual({ 'x-h': 'was h.example', 'x-p': 'HTTP/1.1', 'x-q': '100%' });
    expect(values({ protocol: 'http2', headers: { 'X-A': 'v' } })).toMatchObject({
      'x-p': 'HTTP/2',
      'x-r': 'v',
      'x-o': 'v',
    });
  });

  it('take away the headers by which a client would command Envoy', () => {
    const mesh = meshWithoutRoutes('outboundTrafficPolicy: { mode: ALLOW_ANY }');
    const headers = { 'X-Envoy-Upstream-Rq-Timeout-Ms': '9000', 'x-envoy-max-retries': '7', 'x-other': '1' };
    for (const authority of ['h.example', 'unknown.test']) {
      expect(followed(ask(mesh, { authority, headers })).destinations[0]?.requestHeaders).toEqual([
        { op: 'remove', name: 'x-envoy-upstream-rq-timeout-ms' },
        { op: 'remove', name: 'x-envoy-max-retries' },
      ]);
    }
  });
});

describe('the gRPC deadline', () => {
  const timeout = (http: string, wish?: string): string | undefined =>
    requestHeaders(http, {
      protocol: 'grpc',
      method: 'POST',
      headers: { 'content-type': 'application/grpc', ...(wish !== undefined && { 'grpc-timeout': wish }) },
    })[0]?.value;

  it('is the shorter of what the client wishes and the route allows', () => {
    const five = `    - timeout: 5s\n      ${TO_H}`;
    expect(timeout(five)).toBe('5000m');
    expect(timeout(five, '1S')).toBe('1000m');
    expect(timeout(five, '100S')).toBe('5000m');
    expect(timeout(`    - ${TO_H}`, '100S')).toBe('100000m');
    expect(timeout(`    - ${TO_H}`)).toBeUndefined();
  });

  it('is that of one try where the tries are limited', () => {
    expect(timeout(`    - retries: { attempts: 2, perTryTimeout: 2s }\n      ${TO_H}`)).toBe('2000m');
    expect(timeout(`    - timeout: 1s\n      retries: { attempts: 2, perTryTimeout: 2s }\n      ${TO_H}`)).toBe(
      '1000m',
    );
  });
});
