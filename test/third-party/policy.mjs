import { INSTALLED, PROTOCOLS } from './protocols.mjs';

/**
 * The mesh config that the clients run under: YAML, with the ports of the day. Where `changed`, `/later` is not routed
 * any more.
 */
export function policy(ports, { changed = false } = {}) {
  const documents = [
    serviceEntry('api', 'api.mesh.test', [
      { number: ports.http, name: 'http', protocol: 'HTTP' },
      { number: ports.https, name: 'https', protocol: 'HTTPS' },
      { number: ports.h2, name: 'http2', protocol: 'HTTP2' },
      { number: ports.h2s, name: 'https-h2', protocol: 'HTTPS' },
    ]),
    serviceEntry(
      'routed',
      'routed.mesh.test',
      [
        { number: 80, name: 'http', protocol: 'HTTP', targetPort: ports.http },
        { number: 443, name: 'https', protocol: 'HTTPS', targetPort: ports.https },
        { number: 8080, name: 'http2', protocol: 'HTTP2', targetPort: ports.h2 },
        { number: 8443, name: 'https-h2', protocol: 'HTTPS', targetPort: ports.h2s },
      ],
      { resolution: 'STATIC', endpoints: [{ address: '127.0.0.1' }] },
    ),
    serviceEntry('grpc', 'grpc.mesh.test', [
      { number: ports.grpc, name: 'grpc', protocol: 'GRPC' },
      { number: ports.grpcs, name: 'https', protocol: 'HTTPS' },
    ]),
    // A forward proxy, as Istio has it declared: what goes through it is not looked into.
    serviceEntry('proxy', 'proxy.mesh.test', [{ number: ports.proxy, name: 'tcp', protocol: 'TCP' }]),
    serviceEntry('refused', 'refused.mesh.test', [{ number: ports.refused, name: 'tcp', protocol: 'TCP' }]),
    ...Object.entries({ ...PROTOCOLS, ...INSTALLED }).flatMap(([name, protocol]) => {
      if (ports[name] === undefined) return [];
      const port = { number: ports[name], name: protocol.toLowerCase(), protocol };
      return serviceEntry(name, `${name}.mesh.test`, [port]);
    }),
    virtualService('api', 'api.mesh.test', [
      route('/slow', { timeout: '0.3s' }),
      route('/old', {
        rewrite: { uri: '/new' },
        headers: { request: { set: { 'x-added': 'yes' } }, response: { set: { 'x-changed': 'yes' } } },
      }),
      { match: [{ uri: { prefix: '/teapot' } }], directResponse: { status: 418, body: { string: '{"short":true}' } } },
      // Everything but some paths: a host that is known, and a request that no route takes.
      { match: [{ uri: { regex: changed ? '/(?:[^ul].*)?' : '/(?:[^u].*)?' } }], route: to('api.mesh.test') },
    ]),
    virtualService('grpc', 'grpc.mesh.test', [
      { match: [{ uri: { prefix: '/echo.Echo/Slow' } }], timeout: '0.3s', route: to('grpc.mesh.test') },
      {
        match: [{ uri: { regex: changed ? '/echo.Echo/[^UL].*' : '/echo.Echo/[^U].*' } }],
        route: to('grpc.mesh.test'),
      },
    ]),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: JSON.stringify({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }) },
    },
  ];
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}

export function serviceEntry(name, host, ports, more = { resolution: 'DNS' }) {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'default' },
    spec: { hosts: [host], ports, ...more },
  };
}

function virtualService(name, host, http) {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'default' },
    spec: { hosts: [host], http },
  };
}

function route(prefix, more) {
  return { match: [{ uri: { prefix } }], ...more, route: to('api.mesh.test') };
}

function to(host) {
  return [{ destination: { host } }];
}
