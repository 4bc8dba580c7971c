import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { celRule, optional, text } from './fields.ts';
import { whenGiven } from './when-given.ts';

/** ClientTLSSettings: how TLS is originated. */
export const clientTLSSettings = lazily(() =>
  z.strictObject({
    mode: whenGiven(() => z.enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'])),
    clientCertificate: optional.text,
    privateKey: optional.text,
    caCertificates: optional.text,
    credentialName: optional.text,
    subjectAltNames: optional.texts,
    sni: optional.text,
    insecureSkipVerify: optional.flagValue,
    caCrl: optional.text,
  }),
);
export type ClientTLSFields = z.infer<ReturnType<typeof clientTLSSettings>>;

const tlsVersion = z.enum(['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']);

/** ServerTLSSettings: of a Gateway's server and of a Sidecar's ingress listener. */
export const serverTLSSettings = lazily(() =>
  z
    .strictObject({
      httpsRedirect: optional.flag,
      mode: whenGiven(() =>
        z.enum(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL']),
      ),
      serverCertificate: optional.text,
      privateKey: optional.text,
      caCertificates: optional.text,
      caCrl: optional.text,
      credentialName: optional.text,
      caCertCredentialName: optional.text,
      credentialNames: whenGiven(() => z.array(text).check(z.minLength(1), z.maxLength(2))),
      tlsCertificates: whenGiven(() =>
        z
          .array(
            z.strictObject({
              serverCertificate: optional.text,
              privateKey: optional.text,
              caCertificates: optional.text,
            }),
          )
          .check(z.minLength(1), z.maxLength(2)),
      ),
      subjectAltNames: optional.texts,
      verifyCertificateSpki: optional.texts,
      verifyCertificateHash: optional.texts,
      minProtocolVersion: whenGiven(() => tlsVersion),
      maxProtocolVersion: whenGiven(() => tlsVersion),
      cipherSuites: optional.texts,
    })
    .check(
      z.refine(
        (tls) => !(tls.credentialName !== undefined && tls.credentialNames !== undefined),
        celRule('tlsOneCertificateSource', 'sets credentialName and credentialNames; only one of them may be set'),
      ),
      z.refine(
        (tls) => !(tls.credentialName !== undefined && tls.tlsCertificates !== undefined),
        celRule('tlsOneCertificateSource', 'sets credentialName and tlsCertificates; only one of them may be set'),
      ),
      z.refine(
        (tls) => !(tls.credentialNames !== undefined && tls.tlsCertificates !== undefined),
        celRule('tlsOneCertificateSource', 'sets credentialNames and tlsCertificates; only one of them may be set'),
      ),
    ),
);
export type ServerTLSFields = z.infer<ReturnType<typeof serverTLSSettings>>;
