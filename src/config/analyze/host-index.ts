import type { KubernetesServiceSpec } from '../../core/model/service.ts';
import type { ServiceEntrySpec } from '../../core/model/service-entry.ts';
import { hostMatches } from '../../core/match/hostname.ts';
import { convertKubernetesProtocol, parseProtocol, type Protocol } from '../../core/match/protocol.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import { completeHost } from './scoped-host.ts';

/** A port that some ServiceEntry or Service gives a host. */
export interface DefinedPort {
  readonly number: number;
  readonly protocol: Protocol;
}

/** Every host that the resources define, whoever sees it. */
export class HostIndex {
  readonly #names = new Map<string, DefinedPort[]>();
  readonly #wildcards = new Map<string, DefinedPort[]>();

  constructor(analysis: Analysis) {
    for (const entry of analysis.all('ServiceEntry')) {
      for (const host of entry.spec.hosts ?? []) this.#add(host.toLowerCase(), entryPorts(entry));
    }
    for (const service of analysis.all('Service')) {
      this.#add(completeHost(service.name, service.namespace, analysis.mesh.clusterDomain), servicePorts(service));
    }
  }

  /** Ports of all that the host, name or wildcard, overlaps with; undefined when nothing defines it. */
  ports(host: string): readonly DefinedPort[] | undefined {
    const exact = this.#names.get(host);
    if (exact !== undefined) return exact;
    // Only a wildcard can overlap with names other than itself.
    const candidates = host.startsWith('*') ? [...this.#names, ...this.#wildcards] : [...this.#wildcards];
    const matching = candidates.filter(([defined]) => hostMatches(defined, host));
    return matching.length === 0 ? undefined : matching.flatMap(([, ports]) => ports);
  }

  #add(host: string, ports: readonly DefinedPort[]): void {
    const index = host.startsWith('*') ? this.#wildcards : this.#names;
    const known = index.get(host);
    if (known === undefined) index.set(host, [...ports]);
    else known.push(...ports);
  }
}

export function entryPorts({ spec }: Analyzed<ServiceEntrySpec>): DefinedPort[] {
  return (spec.ports ?? []).map(({ number, protocol }) => ({ number, protocol: parseProtocol(protocol) }));
}

function servicePorts({ spec }: Analyzed<KubernetesServiceSpec>): DefinedPort[] {
  return (spec.ports ?? []).map(({ port, name = '', protocol, appProtocol }) => ({
    number: port,
    protocol: convertKubernetesProtocol(port, name, protocol, appProtocol),
  }));
}
