import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import type { UpstreamCluster, UpstreamTls } from '../core/model/decision.ts';
import { EgressError } from '../errors.ts';
import { readKeyMaterial } from './key-material.ts';
import type { UpstreamTarget } from './request-plan.ts';

/** What is spoken inside, which ALPN tells: an HTTP version, or bytes of which nothing is known. */
export type InsideTls = 'http/1.1' | 'h2' | 'bytes';

/** How a folder of mesh certificates calls its files: a sidecar's OUTPUT_CERTS, and the credentials mounted for a workload. */
const MESH_FILES = [
  { clientCertificate: 'cert-chain.pem', privateKey: 'key.pem', caCertificates: 'root-cert.pem' },
  { clientCertificate: 'certificates.pem', privateKey: 'private_key.pem', caCertificates: 'ca_certificates.pem' },
] as const;

/** Mode ISTIO_MUTUAL with the files of the workload's own identity. Other modes stay. */
function withIdentity(tls: UpstreamTls, folder: string | undefined, cluster: string): UpstreamTls {
  if (tls.mode !== 'ISTIO_MUTUAL') return tls;
  if (folder === undefined)
    throw new EgressError(
      'ERR_EGRESS_TLS',
      `ERR_EGRESS_TLS: ${cluster} asks for ISTIO_MUTUAL, and this process has no certificate of the mesh: name their folder with meshCertificates`,
    );
  const [usual, other] = MESH_FILES;
  const names = existsSync(join(folder, other.clientCertificate)) ? other : usual;
  return {
    ...tls,
    clientCertificate: join(folder, names.clientCertificate),
    privateKey: join(folder, names.privateKey),
    caCertificates: join(folder, names.caCertificates),
  };
}

/**
 * In the mesh a receiving proxy knows by ALPN that TLS is the mesh's own, and what is inside (Istio's filter `istio.alpn`).
 * `istio-peer-exchange` is not offered: it promises an exchange of metadata that nobody here would make.
 */
function alpnOf(mode: UpstreamTls['mode'], inside: InsideTls): string[] {
  if (mode !== 'ISTIO_MUTUAL') return inside === 'bytes' ? [] : [inside];
  return inside === 'bytes' ? ['istio'] : [inside === 'h2' ? 'istio-h2' : 'istio-http/1.1', 'istio', inside];
}

/**
 * Options of `tls.connect` for TLS that is originated on behalf of the application, as a DestinationRule says
 * (Istio: ClientTLSSettings). Verified against `caCertificates` (`system`: Node's own roots and NODE_EXTRA_CA_CERTS); the
 * certificate must carry one of `subjectAltNames`, or the SNI. TLS 1.2 and 1.3, as Envoy's default for clients.
 * With ISTIO_MUTUAL the files are those of the workload's identity, in the folder `meshCertificates`.
 */
export function originationOptions(
  target: UpstreamTarget,
  meshCertificates: string | undefined,
  inside: InsideTls = 'http/1.1',
): ConnectionOptions {
  const { cluster } = target;
  if (!target.tls) return {};
  const { servername } = target.tls;
  const tls = withIdentity(target.tls, meshCertificates, cluster.name);
  const protocols = alpnOf(tls.mode, inside);
  const verified = tls.caCertificates !== undefined && !tls.insecureSkipVerify;
  if (tls.insecureSkipVerify) warnUnverified(cluster);
  return {
    minVersion: 'TLSv1.2',
    ...(protocols.length > 0 && { ALPNProtocols: protocols }),
    rejectUnauthorized: verified,
    servername: servername ?? '',
    ...readKeyMaterial(tls, cluster.name),
    checkServerIdentity: (_host, certificate) => (verified ? checkNames(target, certificate) : undefined),
  };
}

const unverified = new Set<string>();

/** Once for each rule: any server can be the one that it names. */
function warnUnverified({ name, destinationRule: rule }: UpstreamCluster): void {
  const who = rule ? `DestinationRule ${rule.namespace}/${rule.name}` : name;
  if (unverified.has(who)) return;
  unverified.add(who);
  process.emitWarning(`${who}: insecureSkipVerify is set, no certificate of ${name} is verified`, {
    type: 'EgressWarning',
    code: 'SIDECARLESS',
  });
}

/** The certificate has to carry one of the names that the rule asks for; without any, its chain is enough. */
function checkNames({ tls, cluster }: UpstreamTarget, certificate: PeerCertificate): Error | undefined {
  const wanted = tls?.subjectAltNames ?? [];
  if (wanted.length > 0) {
    if (wanted.some((name) => carries(certificate, name))) return undefined;
    return new EgressError(
      'ERR_EGRESS_TLS',
      `ERR_EGRESS_TLS: the certificate of ${cluster.host} carries none of the subjectAltNames ${wanted.join(', ')}`,
    );
  }
  if (tls?.autoSanValidation && tls.servername !== undefined) return checkServerIdentity(tls.servername, certificate);
  return undefined;
}

/** Exact names and URIs (SPIFFE), or a DNS name that the certificate's own wildcard covers. */
function carries(certificate: PeerCertificate, name: string): boolean {
  const alternatives = (certificate.subjectaltname ?? '').split(', ');
  if (
    alternatives.some((entry) => entry === `DNS:${name}` || entry === `URI:${name}` || entry === `IP Address:${name}`)
  )
    return true;
  return !name.includes('/') && checkServerIdentity(name, certificate) === undefined;
}
