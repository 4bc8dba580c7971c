import type { GatewaySpec } from '../../core/model/gateway.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { selects, selectorText } from './selector.ts';

/** The ports of a Gateway against those of the Services of its pods. */
export const gatewayPort: Check = {
  id: 'gateway-port',
  codes: ['IST0101', 'IST0162'],
  istio: 'gateway.IngressGatewayPortAnalyzer',
  run(analysis) {
    // Without any pod, nothing is known of pods.
    if (analysis.all('Pod').length === 0) return;
    for (const gateway of analysis.all('Gateway')) checkGateway(analysis, gateway);
  },
};

function checkGateway(analysis: Analysis, gateway: Analyzed<GatewaySpec>): void {
  const { selector, servers = [] } = gateway.spec;
  const pods = analysis.all('Pod').filter(({ labels }) => selects(selector, labels));
  if (pods.length === 0) {
    reportUnselected(analysis, gateway);
    return;
  }
  const ports = new Set<number>();
  for (const service of analysis.all('Service')) {
    const serves = pods.some(
      (pod) => pod.namespace === service.namespace && selects(service.spec.selector, pod.labels),
    );
    for (const { port, targetPort, protocol = 'TCP' } of serves ? (service.spec.ports ?? []) : []) {
      if (protocol !== 'TCP') continue;
      ports.add(port);
      if (typeof targetPort === 'number') ports.add(targetPort);
    }
  }
  for (const [index, { port }] of servers.entries()) {
    if (port === undefined || ports.has(port.number)) continue;
    analysis.report('IST0162', gateway, `no Service of the pods ${selectorText(selector)} has port ${port.number}`, {
      field: `spec.servers[${index}].port.number`,
      fix: 'add the port to the Service of the gateway',
    });
  }
}

/** No pod has the labels of the selector. */
export function reportUnselected(analysis: Analysis, gateway: Analyzed<GatewaySpec>): void {
  analysis.report('IST0101', gateway, `no pod has the labels ${selectorText(gateway.spec.selector)}`, {
    field: 'spec.selector',
  });
}
