/** Small random meshes whose resources get in each other's way, and connections that come near them. */
import fc from 'fast-check';
import { parseMeshConfig, type Connection, type MeshConfig } from '../../src/index.ts';

export const PORTS = [80, 443, 8080] as const;
const EXACT_HOSTS = ['a.test', 'b.test', 'x.a.test', 'y.x.a.test', 'c.other'] as const;
const WILDCARDS = ['*.test', '*.a.test', '*.x.a.test'] as const;
const ADDRESSES = ['192.0.2.1', '192.0.2.2', '198.51.100.7'] as const;
const BLOCKS = ['192.0.2.0/24', '192.0.2.0/30', '198.51.100.0/25'] as const;
const NAMESPACES = ['default', 'other', 'istio-system'] as const;
const SUBSETS = ['v1', 'v2'] as const;
const PATHS = ['/', '/a', '/a/b', '/A', '/ab', '/b?x=1&y=2', '/a?x=2'] as const;

type Json = Record<string, unknown>;

const host = fc.constantFrom(...EXACT_HOSTS);
const anyHost = fc.constantFrom(...EXACT_HOSTS, ...WILDCARDS);
const namespace = fc.constantFrom(...NAMESPACES);
const port = fc.constantFrom(...PORTS);

const exportTo = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(['.'], ['*'], ['default'], ['other'], ['default', 'other']) },
);

/** Resolution NONE may have anything; the others neither blocks nor, with TCP, several hosts. */
const serviceEntry = fc
  .record({
    hosts: fc.uniqueArray(anyHost, { minLength: 1, maxLength: 2 }),
    address: fc.option(fc.constantFrom(...ADDRESSES, ...BLOCKS), { nil: undefined }),
    ports: fc.uniqueArray(
      fc.record({ number: port, protocol: fc.constantFrom('HTTP', 'GRPC', 'HTTPS', 'TLS', 'TCP', undefined) }),
      { minLength: 1, maxLength: 3, selector: ({ number }) => number },
    ),
    resolution: fc.constantFrom('NONE', 'DNS'),
    exportTo,
    namespace,
  })
  .map(({ hosts, address, ports, resolution, exportTo: exported, namespace: own }): Json => {
    const resolvable = hosts.length === 1 && !hosts[0]?.startsWith('*') && address?.includes('/') !== true;
    return resource('ServiceEntry', own, {
      hosts,
      ...(address === undefined ? {} : { addresses: [address] }),
      ports: ports.map(({ number, protocol }) => ({
        number,
        name: `p${number}`,
        ...(protocol === undefined ? {} : { protocol }),
      })),
      resolution: resolvable ? resolution : 'NONE',
      ...(exported === undefined ? {} : { exportTo: exported }),
    });
  });

const destination = fc.record(
  {
    host,
    port: port.map((number) => ({ number })),
    subset: fc.constantFrom(...SUBSETS),
  },
  { requiredKeys: ['host'] },
);

const route = fc.oneof(
  { weight: 3, arbitrary: destination.map((each) => [{ destination: each }]) },
  {
    weight: 1,
    arbitrary: fc.tuple(destination, destination, fc.constantFrom(0, 1, 90)).map(([first, second, weight]) => [
      { destination: first, weight: 10 },
      { destination: second, weight },
    ]),
  },
);

const textMatch = (values: readonly string[]): fc.Arbitrary<Json> =>
  fc.oneof(
    fc.constantFrom(...values).map((exact) => ({ exact })),
    fc.constantFrom(...values).map((prefix) => ({ prefix })),
    fc.constantFrom('.*', '/a.*', '/[ab]', 'v[0-9]', '.+').map((regex) => ({ regex })),
  );

const httpMatch = fc.record(
  {
    name: fc.constantFrom('m', 'n'),
    uri: textMatch(['/', '/a', '/a/b', '/b']),
    ignoreUriCase: fc.boolean(),
    method: textMatch(['GET', 'POST']),
    authority: textMatch(['a.test', 'b.test:80', 'x.a.test']),
    headers: fc.dictionary(fc.constantFrom('x-one', 'x-two'), fc.oneof(fc.constant({}), textMatch(['v1', 'v2'])), {
      minKeys: 1,
      maxKeys: 2,
    }),
    withoutHeaders: fc.dictionary(fc.constantFrom('x-one', 'x-two'), fc.oneof(fc.constant({}), textMatch(['v1'])), {
      minKeys: 1,
      maxKeys: 1,
    }),
    queryParams: fc.dictionary(fc.constantFrom('x', 'y'), textMatch(['1', '2']), { minKeys: 1, maxKeys: 1 }),
    port,
    gateways: fc.constantFrom(['mesh'], ['default/gateway'], ['mesh', 'default/gateway']),
    sourceLabels: fc.constantFrom({ app: 'client' }, { app: 'else' }),
    sourceNamespace: fc.constantFrom('default', 'other'),
  },
  { requiredKeys: [] },
);

const httpRoute = fc
  .record({
    name: fc.constantFrom(undefined, 'first', 'second'),
    match: fc.oneof(
      { weight: 1, arbitrary: fc.constant(undefined) },
      { weight: 3, arbitrary: fc.array(httpMatch, { minLength: 1, maxLength: 2 }) },
    ),
    action: fc.oneof(
      { weight: 5, arbitrary: route.map((each): Json => ({ route: each })) },
      { weight: 1, arbitrary: fc.constant({ redirect: { uri: '/moved' } }) },
      { weight: 1, arbitrary: fc.constant({ directResponse: { status: 418 } }) },
    ),
    timeout: fc.constantFrom(undefined, undefined, '3s', '0.5s'),
  })
  .map(({ name, match, action, timeout }) =>
    defined({ name, match, ...action, timeout: 'route' in action ? timeout : undefined }),
  );

const l4 = {
  destinationSubnets: fc.constantFrom(['192.0.2.0/24'], ['192.0.2.0/30', '198.51.100.0/24'], ['198.51.100.7']),
  port,
  gateways: fc.constantFrom(['mesh'], ['default/gateway']),
  sourceLabels: fc.constantFrom({ app: 'client' }, { app: 'else' }),
  sourceNamespace: fc.constantFrom('default', 'other'),
};

const tcpRoute = fc
  .record({
    match: fc.oneof(
      fc.constant(undefined),
      fc.array(fc.record(l4, { requiredKeys: [] }), { minLength: 1, maxLength: 2 }),
    ),
    route,
  })
  .map((each) => defined(each));

const virtualService = fc
  .record({
    hosts: fc.oneof<fc.Arbitrary<string[]>[]>(
      anyHost.map((each) => [each]),
      fc.constantFrom(['a.test', 'b.test'], ['*.x.a.test', 'b.test']),
    ),
    gateways: fc.constantFrom(undefined, undefined, ['mesh'], ['mesh', 'default/gateway'], ['default/gateway']),
    http: fc.option(fc.array(httpRoute, { minLength: 1, maxLength: 3 }), { nil: undefined }),
    tls: fc.option(
      fc.array(
        fc.tuple(fc.array(fc.record(l4, { requiredKeys: [] }), { minLength: 1, maxLength: 2 }), route, fc.nat()),
        { minLength: 1, maxLength: 2 },
      ),
      { nil: undefined },
    ),
    tcp: fc.option(fc.array(tcpRoute, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    exportTo,
    namespace,
  })
  .filter(({ http, tls, tcp }) => http !== undefined || tls !== undefined || tcp !== undefined)
  .map(({ hosts, gateways, http, tls, tcp, exportTo: exported, namespace: own }): Json => {
    // Names that a rule matches must lie within its hosts.
    const names = [
      ...hosts,
      ...EXACT_HOSTS.filter((each) => hosts.some((wide) => wide.startsWith('*') && each.endsWith(wide.slice(1)))),
    ];
    const tlsRoutes = tls?.map(([matches, to, pick]) => ({
      match: matches.map((match, index) => ({ ...match, sniHosts: [names[(pick + index) % names.length]] })),
      route: to,
    }));
    return resource('VirtualService', own, defined({ hosts, gateways, http, tls: tlsRoutes, tcp, exportTo: exported }));
  });

const destinationRule = fc
  .record({
    host: anyHost,
    subsets: fc.uniqueArray(fc.constantFrom(...SUBSETS), { minLength: 1 }),
    exportTo,
    namespace,
  })
  .map(({ host: name, subsets, exportTo: exported, namespace: own }): Json =>
    resource(
      'DestinationRule',
      own,
      defined({ host: name, subsets: subsets.map((each) => ({ name: each })), exportTo: exported }),
    ),
  );

const sidecar = fc
  .record({
    namespace: fc.constantFrom('default', 'istio-system'),
    selector: fc.constantFrom(undefined, { app: 'client' }, { app: 'else' }),
    hosts: fc.uniqueArray(fc.constantFrom('*/*', './*', 'other/*', '*/*.a.test', '*/a.test', 'default/b.test'), {
      minLength: 1,
      maxLength: 2,
    }),
    mode: fc.constantFrom(undefined, 'REGISTRY_ONLY', 'ALLOW_ANY'),
  })
  .map(({ namespace: own, selector, hosts, mode }): Json =>
    resource(
      'Sidecar',
      own,
      defined({
        workloadSelector: selector === undefined ? undefined : { labels: selector },
        egress: [{ hosts }],
        outboundTrafficPolicy: mode === undefined ? undefined : { mode },
      }),
    ),
  );

export interface RandomMesh {
  readonly meshConfig: object;
  readonly resources: readonly object[];
}

/** What the client `default`, labelled `app: client`, sees; captured whole, and inside TLS only what a proxy sees. */
export function loadMesh({ meshConfig, resources }: RandomMesh): MeshConfig {
  return parseMeshConfig([meshConfig, ...resources], {
    workload: { namespace: 'default', labels: { app: 'client' }, addresses: ['10.244.0.5'] },
    tlsRequests: 'opaque',
    loopback: 'bypass',
  });
}

/** Resources of distinct ages; of one kind no two for the same host and namespace, which validation lets pass and Istio merges. */
export const mesh: fc.Arbitrary<RandomMesh> = fc
  .record({
    mode: fc.constantFrom('REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'),
    entries: fc.uniqueArray(serviceEntry, { minLength: 1, maxLength: 6, comparator: shareHost }),
    rules: fc.array(virtualService, { maxLength: 4 }),
    policies: fc.uniqueArray(destinationRule, { maxLength: 3, comparator: shareHost }),
    sidecars: fc.array(sidecar, { maxLength: 2 }),
  })
  .map(({ mode, entries, rules, policies, sidecars }) => ({
    meshConfig: { outboundTrafficPolicy: { mode } },
    resources: [...sidecars, ...policies, ...rules, ...entries].map((each, index) => dated(each, index)),
  }));

export const connection: fc.Arbitrary<Connection> = fc
  .record({
    address: fc.constantFrom(...ADDRESSES, '192.0.2.77', '198.51.100.200', '203.0.113.9'),
    port: fc.constantFrom(...PORTS, 9999),
    kind: fc.constantFrom('http1', 'http2', 'tcp', 'tls'),
    name: fc.constantFrom(...EXACT_HOSTS, 'z.a.test', 'unknown.example', 'A.Test'),
    authorityPort: fc.constantFrom('', '', ':80', ':12345'),
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom(...PATHS),
    headers: fc.dictionary(fc.constantFrom('x-one', 'X-Two'), fc.constantFrom('v1', 'v2', 'other'), { maxKeys: 2 }),
    hasSni: fc.constantFrom(true, true, true, false),
  })
  .map(({ address, port: number, kind, name, authorityPort, method, path, headers, hasSni }): Connection => {
    const base = { address, port: number };
    if (kind === 'tcp') return { ...base, transport: 'tcp', protocol: 'tcp' };
    if (kind === 'tls') return { ...base, transport: 'tls', ...(hasSni ? { sni: name } : {}) };
    const request = { method, path, headers, scheme: 'http' };
    return { ...base, transport: 'tcp', protocol: kind, authority: `${name}${authorityPort}`, request };
  });

function resource(kind: string, own: string, spec: Json): Json {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name: kind.toLowerCase(), namespace: own }, spec };
}

/** A name of its own, and an age: the later in the list, the older. */
function dated(each: Json, index: number): Json {
  const metadata = each['metadata'] as Json;
  const created = new Date(Date.UTC(2026, 0, 100 - index)).toISOString().replace('.000', '');
  return {
    ...each,
    metadata: { ...metadata, name: `${String(metadata['name'])}-${index}`, creationTimestamp: created },
  };
}

function shareHost(a: Json, b: Json): boolean {
  const read = (each: Json): [string[], unknown] => {
    const spec = each['spec'] as { hosts?: string[]; host?: string };
    return [spec.hosts ?? [spec.host ?? ''], (each['metadata'] as Json)['namespace']];
  };
  const [hosts, own] = read(a);
  const [others, theirs] = read(b);
  return own === theirs && hosts.some((each) => others.includes(each));
}

function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
