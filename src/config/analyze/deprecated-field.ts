import type { Check } from './check.ts';

export const deprecatedField: Check = {
  id: 'deprecated-field',
  codes: ['IST0002'],
  istio: 'deprecation.DeprecationAnalyzer',
  run(analysis) {
    for (const sidecar of analysis.all('Sidecar')) {
      if (sidecar.spec.outboundTrafficPolicy?.egressProxy === undefined) continue;
      analysis.report('IST0002', sidecar, 'egressProxy is ignored by Istio', {
        field: 'spec.outboundTrafficPolicy.egressProxy',
      });
    }
    for (const virtualService of analysis.all('VirtualService')) {
      for (const [index, { fault }] of (virtualService.spec.http ?? []).entries()) {
        if ((fault?.delay?.percent ?? 0) <= 0) continue;
        analysis.report('IST0002', virtualService, 'fault.delay.percent is deprecated', {
          field: `spec.http[${index}].fault.delay.percent`,
          fix: 'use percentage',
        });
      }
    }
  },
};
