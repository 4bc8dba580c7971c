import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { SecretFields } from './analysis.ts';
import type { Check } from './check.ts';
import { reportUnselected } from './gateway-port.ts';
import { selects } from './selector.ts';

/** The Secrets that Gateways refer to, in the namespace of the gateway's pods. */
export const gatewayCredential: Check = {
  id: 'gateway-credential',
  codes: ['IST0101', 'IST0161'],
  istio: 'gateway.SecretAnalyzer',
  run(analysis) {
    // Without any pod, nothing is known of pods.
    if (analysis.all('Pod').length === 0) return;
    const secrets = new Map(analysis.secrets().map((secret) => [secret.fullName, secret]));
    for (const gateway of analysis.all('Gateway')) {
      const namespace =
        analysis.all('Pod').find(({ labels }) => selects(gateway.spec.selector, labels))?.namespace ?? '';
      if (namespace === '') {
        reportUnselected(analysis, gateway);
        continue;
      }
      for (const [index, { tls }] of (gateway.spec.servers ?? []).entries()) {
        const { credentialName = '' } = tls ?? {};
        if (credentialName === '') continue;
        const field = `spec.servers[${index}].tls.credentialName`;
        const secret = secrets.get(credentialName.includes('/') ? credentialName : `${namespace}/${credentialName}`);
        if (secret === undefined) {
          analysis.report('IST0101', gateway, `there is no Secret ${credentialName} in namespace ${namespace}`, {
            field,
          });
          continue;
        }
        const problem = certificateProblem(secret.spec);
        if (problem !== undefined)
          analysis.report('IST0161', gateway, `Secret ${credentialName} ${problem}`, { field });
      }
    }
  },
};

/** `tls.crt` with `tls.key`, or the older `cert` with `key`; valid now and made for each other. */
function certificateProblem({ data = {}, stringData = {} }: SecretFields): string | undefined {
  const read = (...names: readonly string[]): string => {
    for (const name of names) {
      if (stringData[name] !== undefined) return stringData[name];
      if (data[name] !== undefined) return Buffer.from(data[name], 'base64').toString('utf8');
    }
    return '';
  };
  const certificate = read('tls.crt', 'cert');
  const key = read('tls.key', 'key');
  if (certificate === '' || key === '') return 'has no certificate with its key';
  try {
    const parsed = new X509Certificate(certificate);
    const now = Date.now();
    if (Date.parse(parsed.validTo) < now) return `holds a certificate that expired on ${parsed.validTo}`;
    if (Date.parse(parsed.validFrom) > now) return `holds a certificate that is not valid before ${parsed.validFrom}`;
    return parsed.checkPrivateKey(createPrivateKey(key)) ? undefined : 'holds a key that does not fit its certificate';
  } catch {
    return 'holds no certificate with its key';
  }
}
