import type { ClientTLSFields, ServerTLSFields } from '../schema/tls-settings.ts';
import { configMapNameProblem } from './credential-name.ts';
import type { Report } from './problem.ts';
import { isCipherSuite } from './cipher-suites.ts';

/** TLS that is originated: DestinationRule, MeshConfig. `namespace`: the resource's, for `configmap://` credentials. */
export function validateClientTLS(
  report: Report,
  field: string,
  tls: ClientTLSFields | undefined,
  namespace?: string,
): void {
  if (tls === undefined) return;
  const mode = tls.mode ?? 'DISABLE';
  const originates = mode === 'SIMPLE' || mode === 'MUTUAL';
  if (originates && tls.insecureSkipVerify === true) validateUnverified(report, field, tls, mode);
  if (namespace !== undefined && tls.credentialName?.startsWith('configmap://') === true) {
    report.check('credentialName', `${field}.credentialName`, configMapNameProblem(tls.credentialName, namespace));
  }
  if (originates && given(tls.credentialName)) {
    const files = (['clientCertificate', 'caCertificates', 'privateKey', 'caCrl'] as const).filter((name) =>
      given(tls[name]),
    );
    if (files.length > 0) {
      report.error(
        'tlsCredentialNameWithFiles',
        field,
        `credentialName and ${files.join(', ')} exclude each other`,
        'keep the secret or the files',
      );
    }
    return;
  }
  if (mode !== 'MUTUAL') return;
  if (!given(tls.clientCertificate))
    report.error(
      'tlsClientCertificate',
      `${field}.clientCertificate`,
      'mode MUTUAL needs a client certificate',
      'set clientCertificate and privateKey, or credentialName',
    );
  if (!given(tls.privateKey))
    report.error(
      'tlsClientCertificate',
      `${field}.privateKey`,
      'mode MUTUAL needs a private key',
      'set clientCertificate and privateKey, or credentialName',
    );
}

function validateUnverified(report: Report, field: string, tls: ClientTLSFields, mode: 'SIMPLE' | 'MUTUAL'): void {
  // With MUTUAL, credentialName may hold the client's certificate only.
  const verifies =
    given(tls.caCertificates) ||
    (tls.subjectAltNames?.length ?? 0) > 0 ||
    (mode === 'SIMPLE' && given(tls.credentialName));
  if (!verifies) return;
  report.error(
    'tlsSkipVerifyWithTrust',
    field,
    'insecureSkipVerify switches off the checks that caCertificates, credentialName and subjectAltNames ask for',
    'remove insecureSkipVerify',
  );
}

/** TLS that is terminated: servers of a Gateway, ingress of a Sidecar. */
export function validateServerTLS(report: Report, field: string, tls: ServerTLSFields | undefined): void {
  if (tls === undefined) return;
  validateCiphers(report, field, tls);
  const mode = tls.mode ?? 'PASSTHROUGH';
  switch (mode) {
    case 'ISTIO_MUTUAL':
      validateMeshTLS(report, field, tls);
      return;
    case 'PASSTHROUGH':
    case 'AUTO_PASSTHROUGH':
      if (namesCertificates(tls)) {
        report.warning(
          'tlsUnusedCertificates',
          field,
          `mode ${mode} does not terminate TLS; its certificates are ignored`,
          'remove them, or set mode SIMPLE or MUTUAL',
        );
      }
      return;
    default:
      validateTerminatedTLS(report, field, tls, mode);
  }
}

function validateCiphers(report: Report, field: string, tls: ServerTLSFields): void {
  const suites = tls.cipherSuites ?? [];
  const old = tls.minProtocolVersion === 'TLSV1_0' || tls.minProtocolVersion === 'TLSV1_1';
  if (old && suites.length === 0) {
    report.warning(
      'tlsOldVersion',
      `${field}.minProtocolVersion`,
      'the default cipher suites do not work below TLS 1.2',
      'list cipherSuites that do, or require TLSV1_2',
    );
  }
  const seen = new Set<string>();
  for (const [index, suite] of suites.entries()) {
    const at = `${field}.cipherSuites[${index}]`;
    if (!isCipherSuite(suite))
      report.warning(
        'tlsCipherSuites',
        at,
        `${JSON.stringify(suite)} is not a cipher suite that Envoy knows; it is ignored`,
      );
    else if (seen.has(suite)) report.warning('tlsCipherSuites', at, `${JSON.stringify(suite)} stands twice`);
    seen.add(suite);
  }
}

function validateMeshTLS(report: Report, field: string, tls: ServerTLSFields): void {
  for (const name of [
    'serverCertificate',
    'privateKey',
    'caCertificates',
    'credentialName',
    'credentialNames',
    'tlsCertificates',
  ] as const) {
    if (given(tls[name]))
      report.error(
        'tlsMeshCertificates',
        `${field}.${name}`,
        `mode ISTIO_MUTUAL uses the mesh's own certificates; ${name} must not be set`,
      );
  }
}

function namesCertificates(tls: ServerTLSFields): boolean {
  return (
    given(tls.caCrl) ||
    given(tls.serverCertificate) ||
    given(tls.privateKey) ||
    given(tls.caCertificates) ||
    given(tls.credentialName) ||
    given(tls.credentialNames) ||
    given(tls.tlsCertificates)
  );
}

function validateTerminatedTLS(report: Report, field: string, tls: ServerTLSFields, mode: string): void {
  const pair = given(tls.serverCertificate) && given(tls.privateKey);
  const sources = [given(tls.credentialName), given(tls.credentialNames), pair, given(tls.tlsCertificates)];
  if (sources.filter(Boolean).length > 1) {
    report.error(
      'tlsOneCertificateSource',
      field,
      'the certificate comes from more than one place',
      'keep one of credentialName, credentialNames, serverCertificate with privateKey, tlsCertificates',
    );
  }
  if (given(tls.credentialName) || given(tls.credentialNames)) return;
  if (mode !== 'SIMPLE' && !given(tls.caCertificates)) {
    report.error(
      'tlsServerCertificate',
      `${field}.caCertificates`,
      `mode ${mode} needs caCertificates to verify clients with`,
    );
  }
  if (given(tls.tlsCertificates)) {
    if ((tls.tlsCertificates?.length ?? 0) > 2)
      report.warning('tlsServerCertificate', `${field}.tlsCertificates`, 'only the first two certificates are used');
    for (const [index, certificate] of (tls.tlsCertificates ?? []).entries()) {
      requirePair(report, `${field}.tlsCertificates[${index}]`, certificate, mode);
    }
  } else {
    requirePair(report, field, tls, mode);
  }
  if (given(tls.caCrl) && mode === 'SIMPLE') {
    report.error(
      'tlsCrl',
      `${field}.caCrl`,
      'mode SIMPLE verifies no client; a revocation list has nothing to act on',
      'set mode MUTUAL, or remove caCrl',
    );
  }
}

function requirePair(
  report: Report,
  field: string,
  {
    serverCertificate,
    privateKey,
  }: { readonly serverCertificate?: string | undefined; readonly privateKey?: string | undefined },
  mode: string,
): void {
  if (!given(serverCertificate))
    report.error('tlsServerCertificate', `${field}.serverCertificate`, `mode ${mode} needs a server certificate`);
  if (!given(privateKey))
    report.error('tlsServerCertificate', `${field}.privateKey`, `mode ${mode} needs a private key`);
}

function given(value: string | readonly unknown[] | undefined): boolean {
  return value !== undefined && value.length > 0;
}
