import { PROTOCOLS } from './servers/protocols.mjs';

/** The mesh config that the clients run under: YAML, with the ports of the day. */
export function policy(servers) {
  const { http, https, h2c } = servers;
  const api = [
    { number: http.port, name: 'http', protocol: 'HTTP' },
    { number: https.port, name: 'https', protocol: 'HTTPS' },
  ];
  const documents = [
    serviceEntry('api', 'api.mesh.test', api, 'DNS'),
    serviceEntry(
      'routed',
      'routed.mesh.test',
      [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: http.port }],
      'STATIC',
    ),
    serviceEntry('grpc', 'grpc.mesh.test', [{ number: h2c.port, name: 'grpc', protocol: 'GRPC' }], 'DNS'),
    ...Object.entries(PROTOCOLS).map(([name, protocol]) => {
      const port = { number: servers[name].port, name: protocol.toLowerCase(), protocol };
      return serviceEntry(name, `${name}.mesh.test`, [port], 'DNS');
    }),
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'api', namespace: 'default' },
      spec: {
        hosts: ['api.mesh.test'],
        http: [
          route('/slow', { timeout: '0.3s' }),
          route('/old', {
            rewrite: { uri: '/new' },
            headers: { request: { set: { 'x-added': 'yes' } }, response: { set: { 'x-changed': 'yes' } } },
          }),
          {
            match: [{ uri: { prefix: '/teapot' } }],
            directResponse: { status: 418, body: { string: '{"short":true}' } },
          },
          // Everything but this path: a host that is known, and a request that no route takes.
          { match: [{ uri: { regex: '/(?:[^u].*)?' } }], route: [{ destination: { host: 'api.mesh.test' } }] },
        ],
      },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'grpc', namespace: 'default' },
      spec: {
        hosts: ['grpc.mesh.test'],
        http: [
          {
            match: [{ uri: { prefix: '/echo.Echo/Slow' } }],
            timeout: '0.3s',
            route: [{ destination: { host: 'grpc.mesh.test' } }],
          },
          { route: [{ destination: { host: 'grpc.mesh.test' } }] },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: JSON.stringify({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }) },
    },
  ];
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}

export function serviceEntry(name, host, ports, resolution) {
  const endpoints = resolution === 'STATIC' ? { endpoints: [{ address: '127.0.0.1' }] } : {};
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'default' },
    spec: { hosts: [host], ports, resolution, ...endpoints },
  };
}

function route(prefix, more) {
  return { match: [{ uri: { prefix } }], ...more, route: [{ destination: { host: 'api.mesh.test' } }] };
}
