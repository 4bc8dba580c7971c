import { cidrContains, parseCidr, unmapCidr, type Cidr } from '../match/cidr-index.ts';
import { HostnameIndex } from '../match/hostname-index.ts';
import type { Ip } from '../match/ip-address.ts';
import { alternativeHosts } from './alternative-hosts.ts';
import type { MeshService, Scope } from './compiled.ts';
import type { ApplicationProtocol, FilterChain } from './filter-chain.ts';
import type { ListenerEntry } from './listener-entry.ts';
import { Listener } from './listener.ts';
import { isUnspecified } from './service-address.ts';
import { fallThroughChain } from './virtual-outbound.ts';

const NO_CHAINS: readonly FilterChain[] = Object.freeze([]);

/**
 * One service at one port, as if it were alone in the mesh: what a connection meets that was dialled by the service's
 * name. The blocks of the service's own addresses are met as long as no address is known; subnets that a VirtualService names
 * are not.
 */
export class NamedListener {
  readonly service: MeshService;
  /** The only chain, as most services have it; undefined: look at them all. */
  #single: FilterChain | undefined;
  /** Empty for a single one. */
  #chains: readonly FilterChain[];
  #listener: Listener | undefined;
  /** An entry with several addresses is one service for each. */
  #others: readonly MeshService[] | undefined;
  #blocks: readonly Cidr[] | undefined;
  /** Whoever dials the service by a name and shows that very name in TLS takes the only chain: no need to look further. */
  #takesOwnName: boolean;

  /** `hasOtherNames`: aliases or short forms lead here, too. */
  constructor(service: MeshService, chains: readonly FilterChain[], hasOtherNames: boolean) {
    this.service = service;
    this.#single = onlyChain(chains);
    this.#chains = this.#single === undefined ? chains : NO_CHAINS;
    this.#takesOwnName = this.#single !== undefined && !hasOtherNames && takesName(this.#single, service.hostname);
  }

  add(service: MeshService, chains: readonly FilterChain[]): void {
    this.#others = [...(this.#others ?? []), service];
    this.#blocks = undefined;
    if (chains.length === 0) return;
    const held = this.#single === undefined ? this.#chains : [this.#single];
    const all = [...held, ...chains];
    this.#single = onlyChain(all);
    this.#chains = this.#single === undefined ? all : NO_CHAINS;
    this.#takesOwnName &&= this.#single !== undefined;
  }

  /**
   * `host`: the name that was dialled. Undefined: no chain of this service is for such a connection. One that is led where
   * it was dialled, and is not HTTP, has to be dialled to an address that the service names, where it names any.
   */
  match(
    host: string,
    address: Ip | undefined,
    sni: string,
    tls: boolean,
    application: ApplicationProtocol | undefined,
  ): FilterChain | undefined {
    const chain = this.#find(host, address, sni, tls, application);
    if (address === undefined || chain === undefined || chain.http) return chain;
    this.#blocks ??= namedBlocks([this.service, ...(this.#others ?? [])]);
    return this.#blocks.length === 0 || this.#blocks.some((block) => cidrContains(block, address)) ? chain : undefined;
  }

  #find(
    host: string,
    address: Ip | undefined,
    sni: string,
    tls: boolean,
    application: ApplicationProtocol | undefined,
  ): FilterChain | undefined {
    if (tls && this.#takesOwnName && sni === host) return this.#single;
    if (this.#single !== undefined) return this.#single.accepts(sni, tls, application) ? this.#single : undefined;
    if (this.#listener === undefined) {
      const chains = this.#chains.map((chain) => (chain.origin.narrowed === true ? chain : chain.withoutBlocks()));
      this.#listener = new Listener(chains[0]?.origin.listener ?? '', 0, chains);
    }
    return this.#listener.match(address, sni, tls, application);
  }
}

/** What the services name as the addresses to which their clients connect. */
function namedBlocks(services: readonly MeshService[]): readonly Cidr[] {
  return services
    .filter(({ resolution }) => resolution === 'PASSTHROUGH')
    .flatMap(({ defaultAddress, addresses }) => [defaultAddress, ...addresses])
    .filter((address) => !isUnspecified(address))
    .map((address) => {
      const block = parseCidr(address);
      return block && unmapCidr(block);
    })
    .filter((block) => block !== undefined);
}

function onlyChain(chains: readonly FilterChain[]): FilterChain | undefined {
  return chains.length === 1 && chains[0]?.origin.narrowed !== true ? chains[0] : undefined;
}

function takesName({ sniHosts, applicationProtocols }: FilterChain, hostname: string): boolean {
  return applicationProtocols.length === 0 && (sniHosts.length === 0 || sniHosts.includes(hostname));
}

/** The listeners of one port: by address, for all addresses, and by the name of the service. */
export class PortListeners {
  readonly #scope: Scope;
  readonly #byAddress = new Map<string, Listener>();
  readonly #services = new Map<string, NamedListener>();
  readonly #byName = new HostnameIndex<NamedListener>();
  /** Those that have aliases or short forms. */
  readonly #manyNamed: NamedListener[] = [];
  #wildcard4: Listener | undefined;
  #wildcard6: Listener | undefined;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  addService(service: MeshService, chains: readonly FilterChain[]): void {
    const { hostname } = service;
    const held = this.#services.get(hostname);
    if (held !== undefined) {
      held.add(service, chains);
      return;
    }
    const name = hostname.toLowerCase();
    const hasOtherNames = service.aliases.length > 0 || alternativeHosts(this.#scope, name).length > 0;
    const named = new NamedListener(service, chains, hasOtherNames);
    this.#services.set(hostname, named);
    this.#byName.add(name, named);
    if (hasOtherNames) this.#manyNamed.push(named);
  }

  /** Names that are a service's own stand before the aliases and short forms of others. */
  finish(): void {
    for (const named of this.#manyNamed) {
      const { hostname, aliases } = named.service;
      for (const alias of aliases) this.#byName.add(alias.toLowerCase(), named);
      for (const name of [hostname, ...aliases]) {
        for (const form of alternativeHosts(this.#scope, name.toLowerCase())) this.#byName.add(form, named);
      }
    }
  }

  addListener({ binds, port, chains }: ListenerEntry): void {
    const listener = new Listener(`${binds[0]}_${port}`, port, chains, (name) => fallThroughChain(this.#scope, name));
    for (const bind of binds) {
      if (bind === '0.0.0.0') this.#wildcard4 = listener;
      else if (bind === '::') this.#wildcard6 = listener;
      else if (!isUnspecified(bind)) this.#byAddress.set(bind, listener);
    }
  }

  /** How many services have the port. */
  get size(): number {
    return this.#services.size;
  }

  /** The listener of exactly that address. */
  atAddress(address: Ip): Listener | undefined {
    return this.#byAddress.get(address.text);
  }

  /** The listener for all addresses of a family; without an address, of the asker's first family. */
  forAll(family: 4 | 6 | undefined): Listener | undefined {
    if (family === undefined) return this.#wildcard4 ?? this.#wildcard6;
    return family === 4 ? this.#wildcard4 : this.#wildcard6;
  }

  /** The service of that name at this port, or the longest wildcard that covers the name. */
  named(host: string): NamedListener | undefined {
    return this.#byName.get(host);
  }

  /** Whether an answer may depend on the address. */
  get needsAddress(): boolean {
    return this.#byAddress.size > 0 || (this.forAll(undefined)?.needsAddress ?? false);
  }

  get listeners(): readonly Listener[] {
    return [...new Set([this.#wildcard4, this.#wildcard6, ...this.#byAddress.values()])].filter(
      (listener) => listener !== undefined,
    );
  }
}
