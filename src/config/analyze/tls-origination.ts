import { isHttp, isTls } from '../../core/match/protocol.ts';
import type { ClientTLSSettings, DestinationRuleSpec } from '../../core/model/destination-rule.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { HostIndex, type DefinedPort } from './host-index.ts';
import { completeHost } from './scoped-host.ts';

type Rule = Analyzed<DestinationRuleSpec>;

/** TLS settings with their place, and the port that they are for. */
interface PlacedTls {
  readonly tls: ClientTLSSettings;
  readonly field: string;
  readonly port?: number;
}

/** TLS origination that does not check who answers, or does not say whom it wants. */
export const tlsOrigination: Check = {
  id: 'tls-origination',
  codes: ['SCL2004', 'SCL2005'],
  run(analysis) {
    const hosts = new HostIndex(analysis);
    for (const rule of analysis.all('DestinationRule')) {
      for (const placed of originations(rule.spec)) {
        checkVerification(analysis, rule, placed);
        checkSni(analysis, rule, placed, hosts);
      }
    }
  },
};

function originations(spec: DestinationRuleSpec): PlacedTls[] {
  const found: PlacedTls[] = [];
  const policies = [
    { policy: spec.trafficPolicy, at: 'spec.trafficPolicy' },
    ...(spec.subsets ?? []).map(({ trafficPolicy }, index) => ({
      policy: trafficPolicy,
      at: `spec.subsets[${index}].trafficPolicy`,
    })),
  ];
  for (const { policy, at } of policies) {
    if (policy?.tls !== undefined) found.push({ tls: policy.tls, field: `${at}.tls` });
    for (const [index, { tls, port }] of (policy?.portLevelSettings ?? []).entries()) {
      if (tls === undefined) continue;
      const field = `${at}.portLevelSettings[${index}].tls`;
      found.push(port === undefined ? { tls, field } : { tls, field, port: port.number });
    }
  }
  return found.filter(({ tls }) => tls.mode === 'SIMPLE' || tls.mode === 'MUTUAL');
}

function checkVerification(analysis: Analysis, rule: Rule, { tls, field }: PlacedTls): void {
  if (tls.insecureSkipVerify === true) {
    analysis.report('SCL2004', rule, `whoever answers for ${rule.spec.host} is trusted`, {
      field: `${field}.insecureSkipVerify`,
      fix: 'remove it, and set caCertificates for a private CA',
    });
  }
  const { credentialName = '' } = tls;
  if (credentialName === '' || credentialName.startsWith('configmap://') || rule.spec.workloadSelector !== undefined)
    return;
  analysis.report('SCL2004', rule, 'a sidecar ignores credentialName without a workloadSelector and sends plaintext', {
    field: `${field}.credentialName`,
    fix: 'set workloadSelector, or name the files',
  });
}

/** Requests carry a host to take the SNI from; other connections do not. */
function checkSni(analysis: Analysis, rule: Rule, { tls, field, port }: PlacedTls, hosts: HostIndex): void {
  if ((tls.sni ?? '') !== '') return;
  const host = completeHost(rule.spec.host ?? '', rule.namespace, analysis.mesh.clusterDomain);
  const ports = (hosts.ports(host) ?? []).filter(({ number }) => port === undefined || number === port);
  const nameless = ports.find(carriesNoHost);
  if (nameless === undefined) return;
  analysis.report(
    'SCL2005',
    rule,
    `connections to ${rule.spec.host} port ${nameless.number} carry no host, so TLS begins without SNI`,
    {
      field: `${field}.sni`,
      fix: 'set sni',
    },
  );
}

function carriesNoHost({ protocol }: DefinedPort): boolean {
  return !isHttp(protocol) && !isTls(protocol) && protocol !== 'Unsupported';
}
