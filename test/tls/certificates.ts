/** Certificates for loopback servers, made fresh in each run: no key is ever committed. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import selfsigned from 'selfsigned';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** A certificate authority of its own. */
export async function createAuthority(name = 'sidecarless test authority'): Promise<KeyPair> {
  const pair = await selfsigned.generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + YEAR_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: pair.private, cert: pair.cert };
}

/** A server or client certificate for DNS names, IP addresses and URIs, signed by `authority`; the first name is the common name. */
export async function issueCertificate(authority: KeyPair, names: readonly string[]): Promise<KeyPair> {
  const pair = await selfsigned.generate([{ name: 'commonName', value: names[0] ?? 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + YEAR_MS),
    ca: { key: authority.key, cert: authority.cert },
    extensions: [
      {
        name: 'subjectAltName',
        altNames: names.map((name) =>
          name.includes('://')
            ? { type: 6 as const, value: name }
            : /^[\d.]+$|:/.test(name)
              ? { type: 7 as const, ip: name }
              : { type: 2 as const, value: name },
        ),
      },
    ],
  });
  return { key: pair.private, cert: pair.cert };
}

/** An authority, and a new folder with its certificate in `ca.pem`, as a DestinationRule names it. */
export async function authorityFolder(): Promise<{ readonly authority: KeyPair; readonly folder: string }> {
  const authority = await createAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'sidecarless-'));
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  return { authority, folder };
}
