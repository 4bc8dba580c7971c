import type { Resource, WorkloadSelector } from './resource.ts';
import type { WorkloadEntrySpec } from './workload-entry.ts';

/** How a ServiceEntry's endpoints are found. Absent means `NONE`: the dialled address. */
export type Resolution = 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';

/** A port as a client dials it. `protocol` absent means that the protocol is detected from the first bytes. */
export interface ServicePortSpec {
  readonly number: number;
  readonly name: string;
  readonly protocol?: string;
  /** The port at the endpoint; absent means `number`. */
  readonly targetPort?: number;
}

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly addresses?: readonly string[];
  readonly ports?: readonly ServicePortSpec[];
  /** Absent means `MESH_EXTERNAL`. */
  readonly location?: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  readonly resolution?: Resolution;
  readonly endpoints?: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: WorkloadSelector;
  readonly exportTo?: readonly string[];
  readonly subjectAltNames?: readonly string[];
}

/** `status.addresses`: the addresses that Istio's IP auto-allocation gave to the hosts. */
export interface ServiceEntryStatus {
  readonly addresses?: readonly { readonly value?: string; readonly host?: string }[];
}

/** networking.istio.io ServiceEntry: names, addresses and ports that the mesh knows. */
export interface ServiceEntry extends Resource<'ServiceEntry', ServiceEntrySpec> {
  readonly status?: ServiceEntryStatus;
}
