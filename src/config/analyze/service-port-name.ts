import { convertKubernetesProtocol } from '../../core/match/protocol.ts';
import type { Check } from './check.ts';

const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
]);

/** Ports whose protocol Istio can only guess. */
export const servicePortName: Check = {
  id: 'service-port-name',
  codes: ['IST0118', 'IST0150'],
  istio: 'service.PortNameAnalyzer',
  run(analysis) {
    for (const service of analysis.all('Service')) {
      if (SYSTEM_NAMESPACES.has(service.namespace) || isControlPlane(service.labels)) continue;
      const external = service.spec.type === 'ExternalName';
      for (const [index, { port, name = '', protocol, appProtocol }] of (service.spec.ports ?? []).entries()) {
        const unknown = convertKubernetesProtocol(port, name, protocol, appProtocol) === 'Unsupported';
        if (!unknown && !(external && name === 'tcp')) continue;
        analysis.report(
          external ? 'IST0150' : 'IST0118',
          service,
          `port ${port} is called ${JSON.stringify(name)}, which names no protocol`,
          {
            field: `spec.ports[${index}]`,
            fix: 'call it http-..., tcp-..., tls-..., or set appProtocol',
          },
        );
      }
    }
  },
};

function isControlPlane(labels: Readonly<Record<string, string>>): boolean {
  return (
    labels['gateway.istio.io/managed'] !== undefined || labels['istio'] !== undefined || labels['release'] === 'istio'
  );
}
