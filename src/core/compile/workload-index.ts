import type { MeshConfig } from '../model/mesh-config.ts';
import type { Pod } from '../model/service.ts';
import type { WorkloadEntrySpec } from '../model/workload-entry.ts';
import { labelsMatch, namespaceOf, oldestFirst } from './age.ts';
import type { MeshEndpoint } from './compiled.ts';

type Labels = Readonly<Record<string, string>>;

/** A WorkloadEntry or Pod that a selector found, in the form of a WorkloadEntry. */
export interface SelectedWorkload {
  readonly kind: 'WorkloadEntry' | 'Pod';
  readonly spec: WorkloadEntrySpec;
}

const UNIX_PREFIX = 'unix://';
const NO_LABELS: Labels = Object.freeze({});

/** The workloads of a mesh by namespace, for ServiceEntries and Services that select them by label. */
export class WorkloadIndex {
  readonly #byNamespace = new Map<string, SelectedWorkload[]>();
  readonly #podLabels = new Map<string, Labels>();

  constructor(mesh: MeshConfig) {
    for (const entry of oldestFirst(mesh.workloadEntries)) {
      // Labels of the object's metadata count as well; those of the spec are overruled by them.
      const labels = { ...entry.spec.labels, ...entry.metadata.labels };
      this.#add(namespaceOf(entry), { kind: 'WorkloadEntry', spec: { ...entry.spec, labels } });
    }
    for (const pod of oldestFirst(mesh.pods)) {
      const address = podAddress(pod);
      if (address === undefined) continue;
      const labels = pod.metadata.labels ?? NO_LABELS;
      this.#podLabels.set(address, labels);
      if (isReady(pod))
        this.#add(namespaceOf(pod), { kind: 'Pod', spec: { address, labels, ports: containerPorts(pod) } });
    }
  }

  /** Those of the namespace that carry all the labels. Without labels: none, as Istio ignores an empty selector. */
  select(labels: Labels, namespace: string): readonly SelectedWorkload[] {
    if (Object.keys(labels).length === 0) return [];
    return (this.#byNamespace.get(namespace) ?? []).filter(({ spec }) => labelsMatch(labels, spec.labels));
  }

  /** Labels of the pod at an address. */
  podLabels(address: string): Labels {
    return this.#podLabels.get(address) ?? NO_LABELS;
  }

  #add(namespace: string, workload: SelectedWorkload): void {
    const workloads = this.#byNamespace.get(namespace);
    if (workloads === undefined) this.#byNamespace.set(namespace, [workload]);
    else workloads.push(workload);
  }
}

/** `unix:///path` and `unix://@name` have no port. */
export function addressFields(address: string, port: number): Pick<MeshEndpoint, 'address' | 'port'> {
  if (!address.startsWith(UNIX_PREFIX)) return { address, port };
  return { address: address.slice(UNIX_PREFIX.length), port: 0 };
}

/** The labels that subsets match: its own, and those that Istio derives from locality and network. */
export function completeLabels(workload: WorkloadEntrySpec): Labels {
  const { labels = NO_LABELS, locality, network } = workload;
  if (locality === undefined && network === undefined) return labels;
  const [region = '', zone = '', subzone = ''] = (locality ?? '').split('/');
  return {
    ...labels,
    ...(region === '' ? {} : { 'topology.kubernetes.io/region': region }),
    ...(zone === '' ? {} : { 'topology.kubernetes.io/zone': zone }),
    ...(subzone === '' ? {} : { 'topology.istio.io/subzone': subzone }),
    ...(network === undefined || network === '' ? {} : { 'topology.istio.io/network': network }),
  };
}

function podAddress(pod: Pod): string | undefined {
  return pod.spec.status?.podIP ?? pod.spec.status?.podIPs?.[0]?.ip;
}

/** Only a pod that says it is ready takes traffic by selection. */
function isReady(pod: Pod): boolean {
  const { phase, conditions = [] } = pod.spec.status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded') return false;
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function containerPorts(pod: Pod): Record<string, number> {
  const ports: Record<string, number> = {};
  const containers = pod.spec['containers'];
  if (!Array.isArray(containers)) return ports;
  for (const container of containers as readonly unknown[]) {
    for (const port of portsOf(container)) {
      if (typeof port.name === 'string' && typeof port.containerPort === 'number')
        ports[port.name] = port.containerPort;
    }
  }
  return ports;
}

function portsOf(container: unknown): readonly { readonly name?: unknown; readonly containerPort?: unknown }[] {
  if (typeof container !== 'object' || container === null || !('ports' in container)) return [];
  return Array.isArray(container.ports)
    ? (container.ports as readonly { name?: unknown; containerPort?: unknown }[])
    : [];
}
