import { describe, expect, it } from 'vitest';
import { ask, meshWithRoutes, routeOf, type Asked } from './http.ts';

const TO_H = 'route: [{ destination: { host: h.example, port: { number: 80 } } }]';
const GRPC = { protocol: 'grpc', method: 'POST', headers: { 'content-type': 'application/grpc' } } as const;

describe('a redirect', () => {
  function location(redirect: string, asked: Asked = {}): string | undefined {
    const mesh = meshWithRoutes(`    - match: [{ uri: { prefix: /a/ } }]\n      redirect: ${redirect}`);
    return routeOf(mesh, { path: '/a/b?x=1', ...asked }).localReply?.location;
  }

  it.each([
    ['{ uri: /new }', 'http://h.example/new?x=1'],
    ["{ uri: '/new?y=2' }", 'http://h.example/new?y=2'],
    ['{ authority: n.test }', 'http://n.test/a/b?x=1'],
    ["{ authority: 'n.test:81' }", 'http://n.test:81/a/b?x=1'],
    ['{ scheme: https }', 'https://h.example/a/b?x=1'],
    ['{ prefixRewrite: /c/ }', 'http://h.example/c/b?x=1'],
    ['{ port: 8443 }', 'http://h.example:8443/a/b?x=1'],
    ['{ port: 80 }', 'http://h.example/a/b?x=1'],
    ['{ port: 443, scheme: https }', 'https://h.example/a/b?x=1'],
    ['{ derivePort: FROM_REQUEST_PORT, scheme: https }', 'https://h.example:80/a/b?x=1'],
    ['{ derivePort: FROM_PROTOCOL_DEFAULT, scheme: https }', 'https://h.example/a/b?x=1'],
    ['{ uri: /all, authority: n.test, scheme: https, port: 9443 }', 'https://n.test:9443/all?x=1'],
  ])('%s leads to %s', (redirect, expected) => {
    expect(location(redirect)).toBe(expected);
  });

  it('keeps the port of the request, unless it was the default of another scheme', () => {
    expect(location('{ uri: /n }', { authority: 'h.example:80' })).toBe('http://h.example:80/n?x=1');
    expect(location('{ scheme: https }', { authority: 'h.example:80' })).toBe('https://h.example/a/b?x=1');
    expect(location('{ scheme: https }', { authority: 'h.example:8080' })).toBe('https://h.example:8080/a/b?x=1');
    expect(location('{ port: 8443 }', { authority: 'h.example:8080' })).toBe('http://h.example:8443/a/b?x=1');
  });

  it('is a direct response to Envoy, with the headers of the route', () => {
    const mesh = meshWithRoutes(
      '    - name: r\n      redirect: { authority: n.test, redirectCode: 307 }\n      headers: { response: { set: { x-r: "1" } } }',
    );
    expect(ask(mesh)).toMatchObject({
      action: 'route',
      reason: 'redirect',
      routeName: 'r',
      localReply: { status: 307 },
      responseHeaders: [{ op: 'set', name: 'x-r', value: '1' }],
      responseCodeDetails: 'direct_response',
      destinations: [],
    });
  });

  it('is an unknown outcome with a location to gRPC', () => {
    const mesh = meshWithRoutes('    - redirect: { authority: n.test }');
    expect(routeOf(mesh, GRPC).localReply).toEqual({ status: 200, grpcStatus: 2, location: 'http://n.test/' });
  });
});

describe('a direct response', () => {
  it('has a status and a body', () => {
    const mesh = meshWithRoutes('    - directResponse: { status: 418, body: { string: tea } }');
    expect(ask(mesh)).toMatchObject({ reason: 'direct_response', localReply: { status: 418, body: 'tea' } });
  });

  it('may have its body in base64', () => {
    const mesh = meshWithRoutes('    - directResponse: { status: 200, body: { bytes: "Y2Fmw6kh" } }');
    expect(routeOf(mesh).localReply?.body).toBe('caf\u00e9!');
  });

  it('has no body for HEAD and a message for gRPC', () => {
    const mesh = meshWithRoutes('    - directResponse: { status: 503, body: { string: closed } }');
    expect(routeOf(mesh, { method: 'HEAD' }).localReply).toEqual({ status: 503 });
    expect(routeOf(mesh, GRPC).localReply).toEqual({ status: 200, grpcStatus: 14, grpcMessage: 'closed' });
  });

  it('says where it is when its status speaks of another place', () => {
    const mesh = meshWithRoutes('    - directResponse: { status: 301 }');
    expect(routeOf(mesh, { path: '/x?y' }).localReply?.location).toBe('http://h.example/x?y');
  });
});

describe('an injected fault', () => {
  const faulty = (fault: string, rest = TO_H) => meshWithRoutes(`    - name: f\n      fault: ${fault}\n      ${rest}`);

  it('that always aborts is answered at once, with the route in view', () => {
    expect(ask(faulty('{ abort: { httpStatus: 418, percentage: { value: 100 } } }'))).toMatchObject({
      action: 'route',
      reason: 'fault_abort',
      routeName: 'f',
      cluster: 'outbound|80||h.example',
      localReply: { status: 418, body: 'fault filter abort' },
      responseFlags: 'FI',
      responseCodeDetails: 'fault_filter_abort',
    });
  });

  it('needs no cluster to abort', () => {
    const mesh = faulty(
      '{ abort: { httpStatus: 500, percentage: { value: 100 } } }',
      'route: [{ destination: { host: nobody.test } }]',
    );
    expect(ask(mesh).reason).toBe('fault_abort');
  });

  it('keeps its deadline', () => {
    const mesh = faulty('{ abort: { httpStatus: 500, percentage: { value: 100 } } }', `timeout: 2s\n      ${TO_H}`);
    expect(ask(mesh)).toMatchObject({ action: 'timeout', timeoutMs: 2000, then: { reason: 'fault_abort' } });
  });

  it('speaks gRPC to gRPC', () => {
    const mesh = faulty('{ abort: { grpcStatus: UNAVAILABLE, percentage: { value: 100 } } }');
    expect(routeOf(mesh, GRPC).localReply).toEqual({ status: 200, grpcStatus: 14, grpcMessage: 'fault filter abort' });
    expect(routeOf(mesh).localReply).toEqual({ status: 200, body: 'fault filter abort' });
  });

  it('that delays before it aborts shows both flags', () => {
    const mesh = faulty(
      '{ delay: { fixedDelay: 100ms, percentage: { value: 100 } }, abort: { httpStatus: 503, percentage: { value: 100 } } }',
    );
    expect(routeOf(mesh)).toMatchObject({
      responseFlags: 'DI,FI',
      fault: { delay: { fixedDelayMs: 100, percent: 100 } },
    });
  });

  it('that is left to chance goes on as data', () => {
    const mesh = faulty('{ abort: { httpStatus: 500, percentage: { value: 0.5 } }, delay: { fixedDelay: 1s } }');
    expect(routeOf(mesh)).toMatchObject({
      reason: 'http_route',
      fault: { abort: { httpStatus: 500, percent: 0.5 }, delay: { fixedDelayMs: 1000, percent: 0 } },
    });
  });

  it('without a percentage never aborts', () => {
    expect(routeOf(faulty('{ abort: { httpStatus: 500 } }'))).toMatchObject({
      reason: 'http_route',
      fault: { abort: { httpStatus: 500 } },
    });
  });
});

describe('CORS', () => {
  const policy =
    '{ allowOrigins: [{ exact: "https://a.test" }], allowMethods: [GET, PUT], maxAge: 90s, allowCredentials: true }';
  const mesh = meshWithRoutes(`    - name: c\n      corsPolicy: ${policy}\n      ${TO_H}`);
  const preflight = (origin: string) => ({
    method: 'OPTIONS',
    headers: { Origin: origin, 'Access-Control-Request-Method': 'PUT' },
  });

  it('answers the preflight of an allowed origin', () => {
    expect(ask(mesh, preflight('https://a.test'))).toMatchObject({
      action: 'route',
      reason: 'cors_preflight',
      responseCodeDetails: 'cors_response',
      localReply: {
        status: 200,
        headers: [
          ['access-control-allow-origin', 'https://a.test'],
          ['access-control-allow-credentials', 'true'],
          ['access-control-allow-methods', 'GET,PUT'],
          ['access-control-max-age', '90'],
        ],
      },
    });
  });

  it('forwards the preflight of another origin, unless told to ignore it', () => {
    expect(ask(mesh, preflight('https://b.test')).reason).toBe('http_route');
    const ignoring = meshWithRoutes(
      `    - corsPolicy: { allowOrigins: [{ exact: x }], unmatchedPreflights: IGNORE }\n      ${TO_H}`,
    );
    expect(routeOf(ignoring, preflight('https://b.test')).localReply).toEqual({ status: 200 });
  });

  it.each([
    ['GET', { origin: 'https://a.test', 'access-control-request-method': 'PUT' }],
    ['OPTIONS', { 'access-control-request-method': 'PUT' }],
    ['OPTIONS', { origin: 'https://a.test' }],
  ])('forwards %s with %o, which is no preflight', (method, headers) => {
    expect(ask(mesh, { method, headers })).toMatchObject({ reason: 'http_route', cors: { allowMethods: 'GET,PUT' } });
  });

  it('allows every origin to a rule that takes an asterisk', () => {
    const open = meshWithRoutes(`    - corsPolicy: { allowOrigins: [{ exact: "*" }] }\n      ${TO_H}`);
    expect(ask(open, preflight('https://b.test')).reason).toBe('cors_preflight');
  });
});
