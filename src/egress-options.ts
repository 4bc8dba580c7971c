import type { DenyAs, TimeoutAs } from './adapters/seam.ts';
import type { Workload } from './core/model/connection.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import type { AddressGuardMode } from './upstream/address-guard.ts';

/** What the guard takes of the options of `createEgress`. */
export interface GuardOptions {
  readonly meshConfig: MeshConfig;
  readonly workload?: Workload | undefined;
  readonly mode?: 'enforce' | 'report' | undefined;
  readonly denyAs?: DenyAs | undefined;
  readonly timeoutAs?: TimeoutAs | undefined;
  readonly addressGuard?: AddressGuardMode | undefined;
  readonly unixSockets?: readonly string[] | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly random?: (() => number) | undefined;
}
