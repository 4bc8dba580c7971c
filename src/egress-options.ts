import type { DenyAs, TimeoutAs } from './adapters/seam.ts';
import type { Workload } from './core/model/connection.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import type { AddressGuardMode } from './upstream/address-guard.ts';

/** Which names may be looked up: any, or those that the policy admits on some port. */
export type DnsQueries = 'any' | 'admitted';

/** What the guard takes of the options of `createEgress`. */
export interface GuardOptions {
  readonly meshConfig: MeshConfig;
  readonly workload?: Workload | undefined;
  readonly mode?: 'enforce' | 'report' | undefined;
  readonly denyAs?: DenyAs | undefined;
  readonly timeoutAs?: TimeoutAs | undefined;
  readonly addressGuard?: AddressGuardMode | undefined;
  readonly dnsQueries?: DnsQueries | undefined;
  readonly unixSockets?: readonly string[] | undefined;
  readonly meshCertificates?: string | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly random?: (() => number) | undefined;
}
