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

interface DefinedHost {
  readonly host: string;
  readonly ports: readonly DefinedPort[];
}

/** Every host that the resources define, whoever sees it. */
export class HostIndex {
  readonly #hosts: DefinedHost[] = [];
  readonly #exact = new Map<string, DefinedPort[]>();

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
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    const matching = this.#hosts.filter((defined) => hostMatches(defined.host, host));
    return matching.length === 0 ? undefined : matching.flatMap(({ ports }) => ports);
  }

  #add(host: string, ports: readonly DefinedPort[]): void {
    if (host.startsWith('*')) this.#hosts.push({ host, ports });
    else {
      const known = this.#exact.get(host);
      if (known === undefined) this.#exact.set(host, [...ports]);
      else known.push(...ports);
      this.#hosts.push({ host, ports });
    }
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
