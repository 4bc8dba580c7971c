import { parseIp } from '../match/ip-address.ts';
import { lowerAscii } from '../match/string-match.ts';
import { alternativeHosts } from './alternative-hosts.ts';
import type { MeshService, Scope } from './compiled.ts';
import { isUnspecified, serviceAddresses, type AddressFamilies } from './service-address.ts';
import type { VirtualHost, VirtualHostIndex } from './virtual-host.ts';

/** The authorities of a virtual host, before others have taken theirs. */
export interface Domains {
  readonly names: readonly string[];
  /** Those of `names` that are short forms: they give way to a service that is really called so. */
  readonly alternatives: ReadonlySet<string>;
}

const NO_ALTERNATIVES: ReadonlySet<string> = new Set();

/** Istio's `generateVirtualHostDomains`. `port` 0: ports are not part of the domains. */
export function serviceDomains(service: MeshService, port: number, scope: Scope, families: AddressFamilies): Domains {
  const names: string[] = [];
  let alternatives: Set<string> | undefined;
  const add = (name: string): void => {
    const host = bracketed(name);
    names.push(host);
    if (port !== 0) names.push(`${host}:${port}`);
  };
  for (const host of [service.hostname, ...service.aliases]) {
    add(host);
    // A resolver takes a name with a final dot for the same name.
    if (parseIp(host) === undefined) add(`${host}.`);
    for (const alternative of alternativeHosts(scope, host)) {
      const before = names.length;
      add(alternative);
      alternatives ??= new Set();
      for (const name of names.slice(before)) alternatives.add(name);
    }
  }
  if (service.resolution === 'PASSTHROUGH' && service.registry === 'Kubernetes') {
    names.push(...names.map((name) => `*.${name}`));
  }
  for (const address of serviceAddresses(service, families)) if (!isUnspecified(address)) add(address);
  return { names, alternatives: alternatives ?? NO_ALTERNATIVES };
}

/** The one authority of a VirtualService host that no service has. */
export function plainDomains(host: string): Domains {
  return { names: [bracketed(host)], alternatives: NO_ALTERNATIVES };
}

/** Whether a service has no authority but its host, with and without a final dot. */
export function isNamedOnly(service: MeshService, scope: Scope, families: AddressFamilies): boolean {
  const { hostname } = service;
  if (service.registry !== 'ServiceEntry' || service.aliases.length > 0 || hostname.endsWith('.')) return false;
  if (!serviceAddresses(service, families).every(isUnspecified)) return false;
  return alternativeHosts(scope, hostname).length === 0 && parseIp(hostname) === undefined;
}

/** Hands every authority to the first virtual host that claims it. */
export class DomainLedger {
  readonly #index: VirtualHostIndex;
  /** What is taken, though nobody comes by that authority. */
  readonly #unreachable = new Set<string>();
  readonly #listServices: () => Iterable<string>;
  #services: ReadonlySet<string> | undefined;

  /** `listServices`: names of services, which no short form of another service may take. Few meshes have to know them. */
  constructor(index: VirtualHostIndex, listServices: () => Iterable<string>) {
    this.#index = index;
    this.#listServices = listServices;
  }

  /** Gives a virtual host what of `domains` is still free, in lower case. */
  claim({ names, alternatives }: Domains, virtualHost: VirtualHost, isReachable: (domain: string) => boolean): void {
    for (const name of names) {
      const domain = lowerAscii(name);
      if (this.#isTaken(domain) || (alternatives.has(name) && this.#isService(name))) continue;
      if (isReachable(domain)) this.#index.add(domain, virtualHost);
      else this.#unreachable.add(domain);
    }
  }

  #isTaken(domain: string): boolean {
    return this.#index.ownerOf(domain) !== undefined || this.#unreachable.has(domain);
  }

  #isService(name: string): boolean {
    this.#services ??= new Set(this.#listServices());
    return this.#services.has(name);
  }
}

/** `host:port` as Istio names virtual hosts. */
export function virtualHostName(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

function bracketed(host: string): string {
  return host.includes(':') && parseIp(host)?.family === 6 ? `[${host}]` : host;
}
