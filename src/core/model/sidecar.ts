import type { ConnectionPoolSettings } from './destination-rule.ts';
import type { OutboundTrafficPolicy } from './mesh-config.ts';
import type { Resource, WorkloadSelector } from './resource.ts';

export interface IstioEgressListener {
  readonly port?: {
    readonly number?: number;
    readonly protocol?: string;
    readonly name?: string;
    readonly targetPort?: number;
  };
  readonly bind?: string;
  readonly captureMode?: 'DEFAULT' | 'IPTABLES' | 'NONE';
  /** `namespace/dnsName`; `~/*` imports nothing. */
  readonly hosts: readonly string[];
}

export interface SidecarSpec {
  readonly workloadSelector?: WorkloadSelector;
  /** Inbound; read, and of no effect on egress. */
  readonly ingress?: readonly unknown[];
  readonly egress?: readonly IstioEgressListener[];
  readonly inboundConnectionPool?: ConnectionPoolSettings;
  readonly outboundTrafficPolicy?: OutboundTrafficPolicy;
}

/** networking.istio.io Sidecar: what of the mesh a workload sees. */
export type Sidecar = Resource<'Sidecar', SidecarSpec>;
