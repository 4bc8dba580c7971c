/** Policies that admit everything that the behaviours do. */
import type { Equipment } from './lab.ts';

export function openPolicy(): string {
  return 'outboundTrafficPolicy: {mode: ALLOW_ANY}\n';
}

/** Every name and address of the lab, by its port and by what that port carries. */
export function registryPolicy({ ports }: Pick<Equipment, 'ports'>): string {
  const declared = (protocolOfTls: string): object[] => [
    ...ports.http.map((number) => ({ number, name: `http-${number}`, protocol: 'HTTP' })),
    ...ports.tls.map((number) => ({ number, name: `tls-${number}`, protocol: protocolOfTls })),
    ...ports.tcp.map((number) => ({ number, name: `tcp-${number}`, protocol: 'TCP' })),
  ];
  const names = { hosts: ['*.behaviour.test', 'localhost'], ports: declared('TLS'), resolution: 'NONE' };
  const addresses = {
    hosts: ['loopback.behaviour.internal'],
    addresses: ['127.0.0.1', '127.0.0.2', '::1'],
    ports: declared('TCP'),
    resolution: 'NONE',
  };
  // What a forward proxy is asked to carry has to be admitted where it goes. Nobody dials it.
  const tunnelled = {
    hosts: ['tunnelled.behaviour.test'],
    ports: [{ number: 443, name: 'tls-443', protocol: 'TLS' }],
    resolution: 'NONE',
  };
  return [
    'outboundTrafficPolicy: {mode: REGISTRY_ONLY}',
    entry('names', names),
    entry('addresses', addresses),
    entry('tunnelled', tunnelled),
  ].join('\n---\n');
}

/** JSON is YAML. */
function entry(name: string, spec: object): string {
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'default' },
    spec,
  });
}
