import type { VirtualServiceSpec } from '../../core/model/virtual-service.ts';
import { isClaimRoute } from '../validate/http-header.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { selects } from './selector.ts';
import { gatewayFullName } from './virtual-service-gateway.ts';

/** Routes by a claim of a token at a gateway whose pods verify no token. */
export const claimRoute: Check = {
  id: 'claim-route',
  codes: ['IST0149'],
  istio: 'virtualservice.JWTClaimRouteAnalyzer',
  run(analysis) {
    for (const virtualService of analysis.all('VirtualService')) {
      const claim = routedClaim(virtualService.spec);
      if (claim !== undefined) checkGateways(analysis, virtualService, claim);
    }
  },
};

function checkGateways(analysis: Analysis, virtualService: Analyzed<VirtualServiceSpec>, claim: string): void {
  for (const written of virtualService.spec.gateways ?? []) {
    const gateway =
      written === 'mesh' ? undefined : analysis.find('Gateway', gatewayFullName(written, virtualService.namespace));
    if (gateway === undefined) continue;
    for (const pod of analysis.all('Pod').filter(({ labels }) => selects(gateway.spec.selector, labels))) {
      const verified = analysis
        .all('RequestAuthentication')
        .filter(({ namespace }) => namespace === 'istio-system' || namespace === pod.namespace)
        .some(({ spec }) => selects(spec.selector?.matchLabels, pod.labels));
      if (verified) continue;
      analysis.report(
        'IST0149',
        virtualService,
        `routes by ${claim}, but no RequestAuthentication verifies tokens at pod ${pod.name} of Gateway ${gateway.fullName}`,
      );
    }
  }
}

function routedClaim({ http = [] }: VirtualServiceSpec): string | undefined {
  const names = http.flatMap(({ match = [] }) =>
    match.flatMap(({ headers = {}, withoutHeaders = {} }) => [...Object.keys(headers), ...Object.keys(withoutHeaders)]),
  );
  return names.find(isClaimRoute);
}
