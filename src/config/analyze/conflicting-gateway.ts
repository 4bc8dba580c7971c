import { hostMatches } from '../../core/match/hostname.ts';
import type { GatewaySpec, Server } from '../../core/model/gateway.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { reportUnselected } from './gateway-port.ts';
import { selects, selectorText } from './selector.ts';

type Gateway = Analyzed<GatewaySpec>;

/** Gateways that serve the same host on the same port of the same pods. */
export const conflictingGateway: Check = {
  id: 'conflicting-gateway',
  codes: ['IST0101', 'IST0145'],
  istio: 'gateway.ConflictingGatewayAnalyzer',
  run(analysis) {
    const gateways = analysis.all('Gateway');
    const listening = gateways.filter(({ spec }) => (spec.servers ?? []).length > 0);
    for (const gateway of gateways) {
      const selector = selectorText(gateway.spec.selector);
      // A selector is known when a pod has it and some Gateway listens with it.
      const known =
        listening.some((other) => selectorText(other.spec.selector).includes(selector)) &&
        analysis.all('Pod').some(({ labels }) => selects(gateway.spec.selector, labels));
      if (selector !== '' && !known && analysis.all('Pod').length > 0) reportUnselected(analysis, gateway);
      else checkServers(analysis, gateway, listening);
    }
  },
};

function checkServers(analysis: Analysis, gateway: Gateway, gateways: readonly Gateway[]): void {
  const others = gateways.filter((other) => other.fullName !== gateway.fullName && sharePods(analysis, gateway, other));
  for (const [index, server] of (gateway.spec.servers ?? []).entries()) {
    const conflicting = others.filter(({ spec }) => (spec.servers ?? []).some((other) => shareHost(server, other)));
    if (conflicting.length === 0) continue;
    const names = conflicting.map(({ fullName }) => fullName).join(', ');
    analysis.report('IST0145', gateway, `port ${server.port?.number} serves hosts that ${names} serves, too`, {
      field: `spec.servers[${index}]`,
      fix: 'merge the Gateways, or give them different hosts',
    });
  }
}

function sharePods(analysis: Analysis, a: Gateway, b: Gateway): boolean {
  if (selectorText(a.spec.selector) === selectorText(b.spec.selector)) return true;
  return analysis.all('Pod').some(({ labels }) => selects(a.spec.selector, labels) && selects(b.spec.selector, labels));
}

function shareHost(a: Server, b: Server): boolean {
  if (a.port?.number !== b.port?.number) return false;
  return (a.hosts ?? []).some((host) => (b.hosts ?? []).some((other) => hostMatches(host, other)));
}
