import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../../src/config/load.ts';
import { buildRouteTable, type RouteTable } from '../../../src/core/compile/route-table.ts';
import { buildScope } from '../../../src/core/compile/sidecar-index.ts';
import type { Workload } from '../../../src/core/model/connection.ts';

const SLEEP: Workload = { namespace: 'default', addresses: ['10.244.0.5'] };

function resource(kind: string, name: string, spec: string, metadata = ''): string {
  return `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name}, namespace: default${metadata} }\nspec: ${spec}`;
}

function entry(name: string, host: string, rest = 'resolution: DNS', minute = 0): string {
  const ports = '[{ number: 80, name: http, protocol: HTTP }, { number: 8080, name: http-8080, protocol: HTTP }]';
  return resource('ServiceEntry', name, `{ hosts: ["${host}"], ports: ${ports}, ${rest} }`, `, ${created(minute)}`);
}

function rule(name: string, hosts: string, http = '{ }', minute = 0): string {
  const route = `{ name: ${name}, match: [${http}], route: [{ destination: { host: target.test } }] }`;
  return resource('VirtualService', name, `{ hosts: [${hosts}], http: [${route}] }`, `, ${created(minute)}`);
}

function created(minute: number): string {
  return `creationTimestamp: "2026-01-01T00:${String(minute).padStart(2, '0')}:00Z"`;
}

function table(name: string, ...documents: string[]): RouteTable {
  const mesh = parseMeshConfig(['outboundTrafficPolicy: { mode: REGISTRY_ONLY }', ...documents].join('\n---\n'));
  const built = buildRouteTable(buildScope(mesh, SLEEP), name);
  if (built === undefined) throw new Error(`no table ${name}`);
  return built;
}

/** The name of the first route of the virtual host of each authority. */
function routes(built: RouteTable, ...hosts: string[]): (string | undefined)[] {
  return hosts.map((host) => built.find(host)?.routes[0]?.name);
}

describe('the virtual hosts of a port', () => {
  it('are found by name, by name with a final dot, and by address', () => {
    const built = table('80', entry('a', 'a.test', 'addresses: [192.0.2.1], resolution: DNS'));
    expect(built.find('a.test')?.name).toBe('a.test:80');
    expect(routes(built, 'a.test.', '192.0.2.1', 'b.test')).toEqual(['default', 'default', 'block_all']);
  });

  it('prefer the exact name to the longest wildcard, and that to shorter ones', () => {
    const built = table(
      '80',
      entry('w', '*.a.test', 'resolution: NONE'),
      entry('x', '*.b.a.test', 'resolution: NONE'),
      entry('e', 'c.b.a.test'),
    );
    const names = ['c.b.a.test', 'd.b.a.test', 'e.a.test', 'a.test', '.b.a.test'].map((host) => built.find(host)?.name);
    expect(names).toEqual(['c.b.a.test:80', '*.b.a.test:80', '*.a.test:80', 'block_all', '*.a.test:80']);
  });

  it('leave a wildcard something to stand for', () => {
    const built = table('80', entry('w', '*w.test', 'resolution: NONE'));
    expect(['aw.test', 'a.w.test', 'w.test'].map((host) => built.find(host)?.name)).toEqual([
      '*w.test:80',
      '*w.test:80',
      'block_all',
    ]);
  });

  it('belong whole to the oldest VirtualService of a host', () => {
    const built = table(
      '80',
      entry('a', 'a.test'),
      rule('younger', 'a.test', '{ }', 2),
      rule('older', 'a.test', '{ uri: { prefix: /x } }', 1),
    );
    expect(built.find('a.test')?.routes.map(({ name }) => name)).toEqual(['older']);
  });

  it('pass over a VirtualService without a route for the port or the asker', () => {
    const built = (match: string) => table('80', entry('a', 'a.test'), rule('v', 'a.test', match));
    expect(routes(built('{ port: 8080 }'), 'a.test')).toEqual(['default']);
    expect(routes(built('{ sourceNamespace: other }'), 'a.test')).toEqual(['default']);
    expect(routes(built('{ sourceLabels: { app: other } }'), 'a.test')).toEqual(['default']);
    // A match that names gateways is not held to its labels.
    expect(routes(built('{ gateways: [mesh], sourceLabels: { app: other } }'), 'a.test')).toEqual(['v']);
  });

  it('hold hosts that no service has on port 80 alone', () => {
    const documents = [entry('a', 'a.test'), rule('v', 'unknown.test')];
    expect(routes(table('80', ...documents), 'unknown.test', 'unknown.test.')).toEqual(['v', 'block_all']);
    expect(routes(table('8080', ...documents), 'unknown.test')).toEqual(['block_all']);
  });

  it('take a wildcard VirtualService for the services that no other names', () => {
    const built = table(
      '8080',
      entry('a', 'a.x.test'),
      entry('b', 'b.x.test'),
      rule('wild', '"*.x.test"', '{ }', 1),
      rule('exact', 'a.x.test', '{ }', 2),
    );
    expect(routes(built, 'a.x.test', 'b.x.test', 'c.x.test')).toEqual(['exact', 'wild', 'block_all']);
  });

  it('read the hosts of a VirtualService in any case', () => {
    expect(routes(table('8080', entry('a', 'a.test'), rule('v', 'A.Test')), 'a.test', 'a.test.')).toEqual(['v', 'v']);
  });

  it('name Kubernetes services by their short forms', () => {
    const service = (name: string, namespace: string) =>
      `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { clusterIP: 10.96.0.${name.length}, ports: [{ name: http, port: 80 }] }`;
    const built = table('80', service('near', 'default'), service('far', 'team-a'));
    expect(
      routes(built, 'near', 'near.default', 'near.default.svc', 'near.default.svc.cluster.local', '10.96.0.4'),
    ).toEqual(Array(5).fill('default'));
    expect(routes(built, 'far', 'far.team-a', 'far.team-a.svc')).toEqual(['block_all', 'default', 'default']);
  });

  it('let a short form stand unless a service with requests at that port is called so', () => {
    const short = (protocol: string) =>
      resource(
        'ServiceEntry',
        's',
        `{ hosts: [near.default], ports: [{ number: 80, name: p, protocol: ${protocol} }], resolution: DNS }`,
        ', creationTimestamp: "2026-01-02T00:00:00Z"',
      );
    const near =
      'apiVersion: v1\nkind: Service\nmetadata: { name: near, namespace: default }\nspec: { clusterIP: 10.96.0.4, ports: [{ name: http, port: 80 }] }';
    const name = (protocol: string) => table('80', near, short(protocol)).find('near.default')?.name;
    expect(name('TCP')).toBe('near.default.svc.cluster.local:80');
    expect(name('HTTP')).toBe('near.default:80');
  });

  it('take a final dot with a name, with a wildcard, and with none that a VirtualService alone names', () => {
    const built = table(
      '80',
      entry('a', 'a.test'),
      entry('dotted', 'b.test.', 'resolution: NONE', 1),
      entry('b', 'b.test', 'resolution: DNS', 2),
      entry('w', '*.w.test', 'resolution: NONE'),
      rule('v', 'v.w.test'),
    );
    const names = ['a.test.', 'b.test', 'b.test.', 'b.test..', 'x.w.test.', 'v.w.test', 'v.w.test.'];
    expect(names.map((host) => built.find(host)?.name)).toEqual([
      'a.test:80',
      'b.test:80',
      'b.test.:80',
      'b.test.:80',
      '*.w.test:80',
      'v.w.test:80',
      '*.w.test:80',
    ]);
  });

  it('belong to the first of two services whose hosts differ in letter case alone', () => {
    const built = table(
      '80',
      entry('lower', 'a.test', 'resolution: DNS', 2),
      entry('upper', 'A.test', 'resolution: DNS', 1),
    );
    expect(built.find('a.test')?.routes[0]?.operation).toBe('a.test:80/*');
    expect(built.find('a.test.')).toBe(built.find('a.test'));
  });

  it('are built no sooner than asked for, and then once', () => {
    const built = table('80', entry('a', 'a.test'), rule('v', 'a.test'));
    expect(built.find('a.test')?.routes).toBe(built.find('a.test.')?.routes);
  });
});

describe('tables by another name', () => {
  it('serve one service, whatever the authority', () => {
    const sniffed = resource(
      'ServiceEntry',
      's',
      '{ hosts: [s.test], addresses: [192.0.2.1], ports: [{ number: 7000, name: p }], resolution: DNS }',
    );
    const built = table('s.test:7000', sniffed);
    expect(built.find('anything.test')?.name).toBe('s.test:7000');
  });

  it('do not exist for a port that no egress listener of the Sidecar declares', () => {
    const sidecar = resource(
      'Sidecar',
      'sc',
      '{ egress: [{ port: { number: 80, protocol: HTTP, name: http }, hosts: ["*/*"] }] }',
    );
    const mesh = parseMeshConfig(
      ['outboundTrafficPolicy: { mode: ALLOW_ANY }', entry('a', 'a.test'), sidecar].join('\n---\n'),
    );
    const scope = buildScope(mesh, SLEEP);
    expect(buildRouteTable(scope, '80')?.find('a.test')?.name).toBe('a.test:80');
    expect(buildRouteTable(scope, '8080')).toBeUndefined();
    expect(buildRouteTable(scope, 'nonsense')).toBeUndefined();
  });
});
