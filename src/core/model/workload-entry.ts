import type { Resource } from './resource.ts';

export interface WorkloadEntrySpec {
  /** IP address, host name, or `unix:///path`. */
  readonly address?: string;
  /** Port name to port number. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly network?: string;
  readonly locality?: string;
  readonly weight?: number;
  readonly serviceAccount?: string;
}

/** networking.istio.io WorkloadEntry: an endpoint that a ServiceEntry selects by label. */
export type WorkloadEntry = Resource<'WorkloadEntry', WorkloadEntrySpec>;
