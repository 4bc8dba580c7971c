import { describe, expect, it } from 'vitest';
import type { RouteOptions } from '../../../src/core/compile/http-route-action.ts';
import { buildHttpRoutes, type HttpRoute } from '../../../src/core/compile/http-route.ts';
import { compileRegexRewrite } from '../../../src/core/compile/http-route-regex-rewrite.ts';
import {
  consistentHashOfDestination,
  consistentHashToHashPolicy,
} from '../../../src/core/compile/http-route-hash-policy.ts';
import type { HTTPRoute, VirtualService } from '../../../src/core/model/virtual-service.ts';

const ROUTE = [{ destination: { host: 'a.test' } }];

function options(change: Partial<RouteOptions> = {}): RouteOptions {
  return {
    port: 80,
    source: { labels: { app: 'sleep' }, namespace: 'default', gateways: new Set(['mesh']) },
    tls: false,
    defaultRetries: undefined,
    appendForwardedHost: false,
    service: () => undefined,
    consistentHash: () => undefined,
    ...change,
  };
}

function build(http: readonly HTTPRoute[], change?: Partial<RouteOptions>, annotations = {}): HttpRoute[] {
  const virtualService: VirtualService = {
    kind: 'VirtualService',
    metadata: { name: 'v', annotations },
    spec: { http },
  };
  return buildHttpRoutes(virtualService, options(change));
}

describe('the routes of a VirtualService', () => {
  it('end with the first that takes everything', () => {
    const rest = { name: 'rest', route: ROUTE };
    expect(build([{ name: 'all', route: ROUTE }, rest])).toHaveLength(1);
    expect(build([{ match: [{ uri: { regex: '.*' } }, { uri: { exact: '/a' } }], route: ROUTE }, rest])).toHaveLength(
      1,
    );
    expect(
      build([{ match: [{ uri: { prefix: '/' }, headers: { a: { exact: 'b' } } }], route: ROUTE }, rest]),
    ).toHaveLength(2);
  });

  it('are named after the route and its match', () => {
    const named = (name: string | undefined, match: string) =>
      build([{ ...(name !== undefined && { name }), match: [{ name: match }], route: ROUTE }])[0]?.name;
    expect([named('r', 'm'), named(undefined, 'm'), named('r', '')]).toEqual(['r.m', '.m', 'r']);
  });

  it('describe themselves by destination and path, or by rule when the destination is not one', () => {
    const operation = (route: HTTPRoute) => build([route])[0]?.operation;
    expect(operation({ match: [{ uri: { prefix: '/a' } }], route: ROUTE })).toBe('a.test:80/a*');
    expect(operation({ match: [{ uri: { exact: '/a' } }], route: ROUTE })).toBe('a.test:80/a');
    expect(operation({ redirect: { uri: '/x' } })).toBe('v:80/*');
    expect(operation({ route: [...ROUTE, ...ROUTE].map((one) => ({ ...one, weight: 1 })) })).toBe('v:80/*');
  });

  it('lead an alias to the service behind it, and to its only port', () => {
    const cluster = (service: ReturnType<RouteOptions['service']>) => {
      const action = build([{ route: ROUTE }], { service: () => service })[0]?.action;
      return action?.kind === 'forward' ? action.destinations[0]?.cluster : undefined;
    };
    expect(cluster({ ports: [{ port: 8080 }], externalName: 'real.test' })).toEqual({
      host: 'real.test',
      port: 8080,
      subset: '',
    });
    expect(cluster({ ports: [{ port: 8080 }, { port: 9090 }] })).toEqual({ host: 'a.test', port: 80, subset: '' });
  });

  it('made from the Gateway API take prefixes of whole segments and answer 500 for a lost backend', () => {
    const annotations = { 'internal.istio.io/route-semantics': 'gateway' };
    const [route] = build(
      [{ match: [{ uri: { prefix: '/a/' } }], rewrite: { uri: '/' }, route: ROUTE }],
      {},
      annotations,
    );
    const accepts = (pathname: string) =>
      route?.accepts({
        path: pathname,
        pathname,
        authority: '',
        method: 'GET',
        scheme: 'http',
        header: () => undefined,
        queryParameter: () => undefined,
      });
    expect(['/a', '/a/b', '/ab'].map(accepts)).toEqual([true, true, false]);
    if (route?.action.kind !== 'forward') throw new Error('does not forward');
    expect(route.action.clusterNotFoundStatus).toBe(500);
    expect(
      ['/a', '/a/b'].map((path) => route.action.kind === 'forward' && route.action.rewrite?.regex?.apply(path)),
    ).toEqual(['/', '/b']);
  });

  it('with claims of a token can never match, for egress has no token', () => {
    const call = {
      path: '/',
      pathname: '/',
      authority: '',
      method: 'GET',
      scheme: 'http',
      header: () => 'x',
      queryParameter: () => undefined,
    };
    const match = (field: 'headers' | 'withoutHeaders') =>
      build([{ match: [{ [field]: { '@request.auth.claims.sub': { exact: 'x' } } }], route: ROUTE }])[0]?.accepts(call);
    expect([match('headers'), match('withoutHeaders')]).toEqual([false, true]);
  });
});

describe('a regular expression in a rewrite', () => {
  it.each([
    [String.raw`^/(\w+)/(\w+)`, String.raw`/\2/\1`, '/a/b/c', '/b/a/c'],
    ['/+', '/', '//a///b', '/a/b'],
    [String.raw`\d`, String.raw`[\0]`, '/1x2', '/[1]x[2]'],
    ['x', String.raw`\\`, '/x', '/\\'],
    ['x', '$1', '/x', '/$1'],
    ['(', 'x', '/x', '/x'],
  ])('%s to %s turns %s into %s', (match, substitution, path, expected) => {
    expect(compileRegexRewrite(match, substitution)(path)).toBe(expected);
  });
});

describe('the hash policy of a destination', () => {
  const header = (httpHeaderName: string) => ({ loadBalancer: { consistentHash: { httpHeaderName } } });
  const rule = {
    kind: 'DestinationRule',
    metadata: { name: 'd' },
    spec: {
      host: 'a.test',
      trafficPolicy: { ...header('rule'), portLevelSettings: [{ port: { number: 81 }, ...header('port') }] },
      subsets: [
        {
          name: 's',
          trafficPolicy: {
            ...header('subset'),
            portLevelSettings: [{ port: { number: 81 }, ...header('subset-port') }],
          },
        },
        { name: 'bare' },
      ],
    },
  } as const;

  it.each([
    [{}, 'rule'],
    [{ port: { number: 81 } }, 'port'],
    [{ subset: 's' }, 'subset'],
    [{ subset: 's', port: { number: 81 } }, 'subset-port'],
    [{ subset: 'bare', port: { number: 81 } }, 'port'],
  ])('for %o is that of the %s', (destination, expected) => {
    expect(consistentHashOfDestination(rule, { host: 'a.test', ...destination })).toEqual({ httpHeaderName: expected });
  });

  it.each([
    [{ httpHeaderName: 'x-user' }, { header: { header_name: 'x-user' } }],
    [{ useSourceIp: true }, { connection_properties: { source_ip: true } }],
    [{ httpQueryParameterName: 'q' }, { query_parameter: { name: 'q' } }],
    [{ httpCookie: { name: 'u', ttl: '1m', path: '/' } }, { cookie: { name: 'u', ttl: '60s', path: '/' } }],
    [{ httpCookie: { name: 'u', ttl: '1.5s' } }, { cookie: { name: 'u', ttl: '1.500s' } }],
    [{}, undefined],
  ])('of %o is %o', (hash, expected) => {
    expect(consistentHashToHashPolicy(hash)).toEqual(expected);
  });
});
