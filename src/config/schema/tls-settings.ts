import * as form from './form.ts';
import { celRule, flag, flagValue, text, texts } from './fields.ts';

/** ClientTLSSettings: how TLS is originated. */
export const clientTLSSettings = form.strictObject({
  mode: form.oneWordOf(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']).optional(),
  clientCertificate: text.optional(),
  privateKey: text.optional(),
  caCertificates: text.optional(),
  credentialName: text.optional(),
  subjectAltNames: texts.optional(),
  sni: text.optional(),
  insecureSkipVerify: flagValue.optional(),
  caCrl: text.optional(),
});
export type ClientTLSFields = form.Infer<typeof clientTLSSettings>;

const tlsVersion = form.oneWordOf(['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']);

/** ServerTLSSettings: of a Gateway's server and of a Sidecar's ingress listener. */
export const serverTLSSettings = form
  .strictObject({
    httpsRedirect: flag.optional(),
    mode: form
      .oneWordOf(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'])
      .optional(),
    serverCertificate: text.optional(),
    privateKey: text.optional(),
    caCertificates: text.optional(),
    caCrl: text.optional(),
    credentialName: text.optional(),
    caCertCredentialName: text.optional(),
    credentialNames: form.array(text).min(1).max(2).optional(),
    tlsCertificates: form
      .array(
        form.strictObject({
          serverCertificate: text.optional(),
          privateKey: text.optional(),
          caCertificates: text.optional(),
        }),
      )
      .min(1)
      .max(2)
      .optional(),
    subjectAltNames: texts.optional(),
    verifyCertificateSpki: texts.optional(),
    verifyCertificateHash: texts.optional(),
    minProtocolVersion: tlsVersion.optional(),
    maxProtocolVersion: tlsVersion.optional(),
    cipherSuites: texts.optional(),
  })
  .refine(
    (tls) => !(tls.credentialName !== undefined && tls.credentialNames !== undefined),
    celRule('tlsOneCertificateSource', 'sets credentialName and credentialNames; only one of them may be set'),
  )
  .refine(
    (tls) => !(tls.credentialName !== undefined && tls.tlsCertificates !== undefined),
    celRule('tlsOneCertificateSource', 'sets credentialName and tlsCertificates; only one of them may be set'),
  )
  .refine(
    (tls) => !(tls.credentialNames !== undefined && tls.tlsCertificates !== undefined),
    celRule('tlsOneCertificateSource', 'sets credentialNames and tlsCertificates; only one of them may be set'),
  );
export type ServerTLSFields = form.Infer<typeof serverTLSSettings>;
