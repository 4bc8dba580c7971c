import type { ClientTLSSettings } from '../../core/model/destination-rule.ts';
import type { Check } from './check.ts';

/** TLS that is originated without naming the CA that the server must come from. */
export const serverVerification: Check = {
  id: 'server-verification',
  codes: ['IST0128', 'IST0129'],
  istio: 'destinationrule.CaCertificateAnalyzer',
  run(analysis) {
    for (const rule of analysis.all('DestinationRule')) {
      const { trafficPolicy, workloadSelector } = rule.spec;
      const selected = workloadSelector !== undefined;
      if (namesNoCa(trafficPolicy?.tls, selected)) {
        analysis.report('IST0128', rule, `TLS to ${rule.spec.host} names no caCertificates`, {
          field: 'spec.trafficPolicy.tls',
          fix: 'set caCertificates, or credentialName',
        });
      }
      for (const [index, { port, tls }] of (trafficPolicy?.portLevelSettings ?? []).entries()) {
        if (!namesNoCa(tls, selected)) continue;
        analysis.report('IST0129', rule, `TLS to ${rule.spec.host} port ${port?.number} names no caCertificates`, {
          field: `spec.trafficPolicy.portLevelSettings[${index}].tls`,
          fix: 'set caCertificates, or credentialName',
        });
      }
    }
  },
};

function namesNoCa(tls: ClientTLSSettings | undefined, selected: boolean): boolean {
  if (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') return false;
  // A secret can hold the CA; sidecars read secrets for rules that select workloads.
  if ((tls.credentialName ?? '') !== '' && selected) return false;
  return (tls.caCertificates ?? '') === '';
}
