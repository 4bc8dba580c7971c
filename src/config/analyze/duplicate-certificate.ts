import type { ServerTLSSettings } from '../../core/model/gateway.ts';
import type { Check } from './check.ts';

/** A client that reuses an HTTP/2 connection for another host of the same certificate gets 404 from the other Gateway. */
export const duplicateCertificate: Check = {
  id: 'duplicate-certificate',
  codes: ['IST0138'],
  istio: 'gateway.CertificateAnalyzer',
  run(analysis) {
    for (const gateway of analysis.all('Gateway')) {
      for (const other of analysis.all('Gateway')) {
        if (other.fullName === gateway.fullName || !isPartOf(gateway.spec.selector, other.spec.selector)) continue;
        for (const [index, { tls }] of (gateway.spec.servers ?? []).entries()) {
          for (const server of other.spec.servers ?? []) {
            if (tls === undefined || server.tls === undefined || !sameCertificate(tls, server.tls)) continue;
            analysis.report('IST0138', gateway, `serves the same certificate as Gateway ${other.fullName}`, {
              field: `spec.servers[${index}].tls`,
              fix: 'serve the hosts of one certificate from one Gateway',
            });
          }
        }
      }
    }
  },
};

type Selector = Readonly<Record<string, string>> | undefined;

function isPartOf(selector: Selector, other: Selector): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => other?.[key] === value);
}

function sameCertificate(a: ServerTLSSettings, b: ServerTLSSettings): boolean {
  const { credentialName: own = '' } = a;
  const { credentialName: others = '' } = b;
  if (own !== '' || others !== '') return own === others;
  return (
    given(a.serverCertificate) &&
    given(a.privateKey) &&
    a.serverCertificate === b.serverCertificate &&
    a.privateKey === b.privateKey
  );
}

function given(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
