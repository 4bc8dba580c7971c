import { readFileSync, statSync } from 'node:fs';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import type { UpstreamCluster } from '../core/model/decision.ts';
import { EgressError } from '../errors.ts';
import type { UpstreamTarget } from './request-plan.ts';

/** One file of key material: read when first needed, and again when it changed on disk. */
interface CachedFile {
  readonly mtimeMs: number;
  readonly size: number;
  readonly checkedAt: number;
  readonly text: string;
}

const files = new Map<string, CachedFile>();

/** How long a file is taken as unchanged without looking, in milliseconds. */
const RECHECK_MS = 1000;

/** Certificates are rotated by rewriting the file: the next connection uses what stands there. */
function readKeyMaterial(path: string, cluster: string): string {
  const now = Date.now();
  const known = files.get(path);
  if (known && now - known.checkedAt < RECHECK_MS) return known.text;
  try {
    const { mtimeMs, size } = statSync(path);
    const text = known && known.mtimeMs === mtimeMs && known.size === size ? known.text : readFileSync(path, 'utf8');
    files.set(path, { mtimeMs, size, checkedAt: now, text });
    return text;
  } catch (error) {
    throw new EgressError(
      'ERR_EGRESS_TLS',
      `ERR_EGRESS_TLS: cannot read \`${path}\`, which the DestinationRule of ${cluster} names`,
      error,
    );
  }
}

/**
 * Options of `tls.connect` for TLS that is originated on behalf of the application, as a DestinationRule says
 * (Istio: ClientTLSSettings). Verified against `caCertificates` (`system`: Node's own roots and NODE_EXTRA_CA_CERTS); the
 * certificate must carry one of `subjectAltNames`, or the SNI. TLS 1.2 and 1.3, as Envoy's default for clients.
 */
export function originationOptions(target: UpstreamTarget): ConnectionOptions {
  const { tls, cluster } = target;
  if (!tls) return {};
  const read = (path: string): string => readKeyMaterial(path, cluster.name);
  const ca = tls.caCertificates;
  const verified = ca !== undefined && !tls.insecureSkipVerify;
  if (tls.insecureSkipVerify) warnUnverified(cluster);
  if (tls.mode === 'ISTIO_MUTUAL' && tls.clientCertificate === undefined)
    throw new EgressError(
      'ERR_EGRESS_TLS',
      `ERR_EGRESS_TLS: ${cluster.name} asks for ISTIO_MUTUAL, and this process has no certificate of the mesh`,
    );
  return {
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: verified,
    servername: tls.servername ?? '',
    ...(ca !== undefined && ca !== 'system' && { ca: read(ca) }),
    ...(tls.caCrl !== undefined && { crl: read(tls.caCrl) }),
    ...(tls.clientCertificate !== undefined && { cert: read(tls.clientCertificate) }),
    ...(tls.privateKey !== undefined && { key: read(tls.privateKey) }),
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
