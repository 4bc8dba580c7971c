import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { UpstreamTls } from '../core/model/decision.ts';
import { EgressError } from '../errors.ts';

/** Certificates and key as PEM, as options of `tls.connect` have them. */
export interface KeyMaterial {
  readonly ca?: string;
  readonly crl?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The files of one DestinationRule: those of one set belong together, and are taken over together. */
type KeyFiles = Pick<UpstreamTls, 'caCertificates' | 'caCrl' | 'clientCertificate' | 'privateKey'>;

interface Loaded {
  /** When the files were looked at, in milliseconds since the epoch. */
  checkedAt: number;
  /** Sizes and times of the files, whether what stood in them was good or not. */
  stamp: string;
  good: KeyMaterial;
}

const loaded = new Map<string, Loaded>();

/** How long files are taken as unchanged without looking, in milliseconds. */
const RECHECK_MS = 1000;

/**
 * What stands in the files: certificates are rotated by rewriting them, and the next connection uses what stands there.
 * A new certificate without its key yet, half a file, or none, is told of, and what was good before stays in use.
 *
 * @throws ERR_EGRESS_TLS when nothing was good before.
 */
export function readKeyMaterial(files: KeyFiles, cluster: string): KeyMaterial {
  const paths = pathsOf(files);
  if (paths.length === 0) return {};
  const set = JSON.stringify(paths);
  const known = loaded.get(set);
  const now = Date.now();
  if (known && now - known.checkedAt < RECHECK_MS) return known.good;
  if (known) known.checkedAt = now;
  const stamp = paths.map(([, path]) => stampOf(path)).join(' ');
  if (known?.stamp === stamp) return known.good;
  if (known) known.stamp = stamp;
  try {
    const good = checked(
      Object.fromEntries(paths.map(([field, path]) => [field, read(path, cluster)])),
      files,
      cluster,
    );
    loaded.set(set, { checkedAt: now, stamp, good });
    return good;
  } catch (error) {
    if (known === undefined) throw error;
    process.emitWarning(`${(error as Error).message}: what stood there before stays in use`, {
      type: 'EgressWarning',
      code: 'SIDECARLESS',
    });
    return known.good;
  }
}

function pathsOf(files: KeyFiles): readonly (readonly [keyof KeyMaterial, string])[] {
  const { caCertificates, caCrl, clientCertificate, privateKey } = files;
  const fields = [
    ['ca', caCertificates === 'system' ? undefined : caCertificates],
    ['crl', caCrl],
    ['cert', clientCertificate],
    ['key', privateKey],
  ] as const;
  return fields.flatMap(([field, path]) => (path === undefined ? [] : [[field, path] as const]));
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 'none' : `${stats.ino}:${stats.mtimeMs}:${stats.size}`;
}

function read(path: string, cluster: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new EgressError(
      'ERR_EGRESS_TLS',
      `ERR_EGRESS_TLS: cannot read \`${path}\`, which TLS to ${cluster} needs`,
      error,
    );
  }
}

function checked(material: KeyMaterial, files: KeyFiles, cluster: string): KeyMaterial {
  try {
    // NODE: a CA file without a certificate is no error of createSecureContext; every server would be refused.
    if (material.ca !== undefined) new X509Certificate(material.ca);
    createSecureContext(material);
    return material;
  } catch (error) {
    const names = pathsOf(files).map(([, path]) => `\`${path}\``);
    throw new EgressError(
      'ERR_EGRESS_TLS',
      `ERR_EGRESS_TLS: ${names.join(', ')}, which TLS to ${cluster} needs, cannot be used: ${(error as Error).message}`,
      error,
    );
  }
}
