/** The policy under which the clients of the benchmarks are governed: their server, among a hundred other services. */
import type { ServerReady } from './server-process.ts';

export function policyFor(server: Pick<ServerReady, 'http' | 'https' | 'http2'>): object[] {
  const ports = [
    { number: server.http, name: 'http', protocol: 'HTTP' },
    { number: server.https, name: 'tls', protocol: 'TLS' },
    { number: server.http2, name: 'tls-streams', protocol: 'TLS' },
  ];
  return [
    { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
    entry('localhost', ports),
    ...Array.from({ length: 100 }, (_, index) =>
      entry(`service-${index}.example.com`, [{ number: 443, name: 'tls', protocol: 'TLS' }]),
    ),
  ];
}

function entry(host: string, ports: readonly object[]): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: host.replaceAll('.', '-'), namespace: 'istio-system' },
    spec: { hosts: [host], location: 'MESH_EXTERNAL', resolution: 'DNS', ports },
  };
}
