import { CidrIndex, parseCidr } from '../match/cidr-index.ts';
import { HostnameIndex } from '../match/hostname-index.ts';
import type { Ip } from '../match/ip-address.ts';
import type { ApplicationProtocol, FilterChain } from './filter-chain.ts';

/** The chains for one name: most names have one alone. */
type Named = FilterChain | ChainGroup;

/** Chains by server name. */
class BySni {
  #names: HostnameIndex<Named> | undefined;
  /** Those that ask for no name. */
  #any: Named | undefined;

  constructor(chains: readonly FilterChain[] = []) {
    for (const chain of chains) this.add(chain);
  }

  add(chain: FilterChain): void {
    if (chain.sniHosts.length === 0) this.#any = this.#any === undefined ? chain : joined(this.#any, chain);
    for (const name of chain.sniHosts) {
      this.#names ??= new HostnameIndex();
      const held = this.#names.add(name, chain);
      if (held !== chain) this.#names.replace(name, joined(held, chain));
    }
  }

  match(sni: string, tls: boolean, application: ApplicationProtocol | undefined): FilterChain | undefined {
    const named = (sni === '' ? undefined : this.#names?.get(sni)) ?? this.#any;
    return named?.choose(tls, application);
  }
}

function joined(held: Named, chain: FilterChain): ChainGroup {
  const group = held instanceof ChainGroup ? held : new ChainGroup(held);
  group.add(chain);
  return group;
}

/** Several chains by transport, then by application protocol. */
class ChainGroup {
  #raw: ByApplication | undefined;
  #any: ByApplication | undefined;

  constructor(first: FilterChain) {
    this.add(first);
  }

  add(chain: FilterChain): void {
    if (chain.transportProtocol === 'raw_buffer') addApplication((this.#raw ??= emptyByApplication()), chain);
    else addApplication((this.#any ??= emptyByApplication()), chain);
  }

  choose(tls: boolean, application: ApplicationProtocol | undefined): FilterChain | undefined {
    const byApplication = (tls ? undefined : this.#raw) ?? this.#any;
    if (byApplication === undefined) return undefined;
    switch (application) {
      case undefined:
        return byApplication.any;
      case 'http/1.1':
        return byApplication.http1 ?? byApplication.any;
      case 'h2c':
        return byApplication.h2c ?? byApplication.any;
      case 'istio':
        return byApplication.istio ?? byApplication.any;
    }
  }
}

interface ByApplication {
  http1: FilterChain | undefined;
  h2c: FilterChain | undefined;
  istio: FilterChain | undefined;
  any: FilterChain | undefined;
}

/**
 * Filter chains by destination block, SNI, transport and application protocol, narrowed in that order as Envoy does:
 * at each level the chains that state the criterion and meet it shut out those that do not state it, and there is no
 * way back from a level. So a connection inside one chain's block never sees a chain without blocks.
 */
export class FilterChainIndex {
  readonly #blocks: CidrIndex<BySni> | undefined;
  /** Chains without a block, and those that ask for all addresses of a family. */
  readonly #any4: BySni;
  readonly #any6: BySni;

  constructor(chains: readonly FilterChain[]) {
    const anywhere = chains.filter(({ destinationCidrs }) => destinationCidrs.length === 0);
    const somewhere = chains.filter(({ destinationCidrs }) => destinationCidrs.length > 0);
    const all4 = somewhere.filter(({ destinationCidrs }) => destinationCidrs.includes('0.0.0.0/0'));
    const all6 = somewhere.filter(({ destinationCidrs }) => destinationCidrs.includes('::/0'));
    this.#any4 = new BySni([...anywhere, ...all4]);
    this.#any6 = all4.length + all6.length === 0 ? this.#any4 : new BySni([...anywhere, ...all6]);
    this.#blocks = indexByBlock(somewhere);
  }

  /** Whether some chain asks for a block, so that an answer needs the address. */
  get needsAddress(): boolean {
    return this.#blocks !== undefined;
  }

  /**
   * The chain for a connection; undefined leaves it to the listener's default chain. `address` undefined: chains with
   * blocks are out of play. `sni` in lower case, empty for none.
   */
  match(
    address: Ip | undefined,
    sni: string,
    tls: boolean,
    application: ApplicationProtocol | undefined,
  ): FilterChain | undefined {
    let bySni = address?.family === 6 ? this.#any6 : this.#any4;
    if (address !== undefined && this.#blocks !== undefined) bySni = this.#blocks.get(address) ?? bySni;
    return bySni.match(sni, tls, application);
  }
}

/** Undefined: nobody asks for a block. */
function indexByBlock(chains: readonly FilterChain[]): CidrIndex<BySni> | undefined {
  let index: CidrIndex<BySni> | undefined;
  for (const chain of chains) {
    for (const block of chain.destinationCidrs) {
      const cidr = block === '0.0.0.0/0' || block === '::/0' ? undefined : parseCidr(block);
      if (cidr !== undefined) (index ??= new CidrIndex()).add(cidr, new BySni()).add(chain);
    }
  }
  return index;
}

function emptyByApplication(): ByApplication {
  return { http1: undefined, h2c: undefined, istio: undefined, any: undefined };
}

/** Of chains that ask for the same the first stays. */
function addApplication(index: ByApplication, chain: FilterChain): void {
  if (chain.applicationProtocols.length === 0) index.any ??= chain;
  if (chain.applicationProtocols.includes('http/1.1')) index.http1 ??= chain;
  if (chain.applicationProtocols.includes('h2c')) index.h2c ??= chain;
  if (chain.applicationProtocols.includes('istio')) index.istio ??= chain;
}
