import { CidrIndex, parseCidr } from '../match/cidr-index.ts';
import { HostnameIndex } from '../match/hostname-index.ts';
import type { Ip } from '../match/ip-address.ts';
import type { ApplicationProtocol, FilterChain } from './filter-chain.ts';

interface ByApplication {
  http1: FilterChain | undefined;
  h2c: FilterChain | undefined;
  istio: FilterChain | undefined;
  any: FilterChain | undefined;
}

interface ByTransport {
  raw: ByApplication | undefined;
  any: ByApplication | undefined;
}

interface BySni {
  readonly names: HostnameIndex<ByTransport> | undefined;
  readonly any: ByTransport | undefined;
}

/**
 * Filter chains by destination block, SNI, transport and application protocol, narrowed in that order as Envoy does:
 * at each level the chains that state the criterion and meet it shut out those that do not state it, and there is no
 * way back from a level. So a connection inside one chain's block never sees a chain without blocks.
 */
export class FilterChainIndex {
  readonly #blocks: CidrIndex<BySni> | undefined;
  /** Chains without a block, and those that ask for all addresses of a family. */
  readonly #any4: BySni | undefined;
  readonly #any6: BySni | undefined;

  constructor(chains: readonly FilterChain[]) {
    const anywhere: FilterChain[] = [];
    const blocks = new Map<string, FilterChain[]>();
    for (const chain of chains) {
      if (chain.destinationCidrs.length === 0) anywhere.push(chain);
      for (const block of chain.destinationCidrs) append(blocks, block, chain);
    }
    this.#any4 = indexBySni([...anywhere, ...(blocks.get('0.0.0.0/0') ?? [])]);
    this.#any6 = indexBySni([...anywhere, ...(blocks.get('::/0') ?? [])]);
    blocks.delete('0.0.0.0/0');
    blocks.delete('::/0');
    this.#blocks = blocks.size === 0 ? undefined : indexByBlock(blocks);
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
    if (bySni === undefined) return undefined;
    const named = sni === '' ? undefined : bySni.names?.get(sni);
    const byTransport = named ?? bySni.any;
    if (byTransport === undefined) return undefined;
    const byApplication = (tls ? undefined : byTransport.raw) ?? byTransport.any;
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

function indexByBlock(blocks: ReadonlyMap<string, readonly FilterChain[]>): CidrIndex<BySni> {
  const index = new CidrIndex<BySni>();
  for (const [block, chains] of blocks) {
    const cidr = parseCidr(block);
    const bySni = indexBySni(chains);
    if (cidr !== undefined && bySni !== undefined) index.add(cidr, bySni);
  }
  return index;
}

function indexBySni(chains: readonly FilterChain[]): BySni | undefined {
  if (chains.length === 0) return undefined;
  const unnamed: FilterChain[] = [];
  const byName = new Map<string, FilterChain[]>();
  for (const chain of chains) {
    if (chain.sniHosts.length === 0) unnamed.push(chain);
    for (const name of chain.sniHosts) append(byName, name, chain);
  }
  let names: HostnameIndex<ByTransport> | undefined;
  for (const [name, group] of byName) (names ??= new HostnameIndex()).add(name, indexByTransport(group));
  return { names, any: unnamed.length === 0 ? undefined : indexByTransport(unnamed) };
}

function indexByTransport(chains: readonly FilterChain[]): ByTransport {
  const index: ByTransport = { raw: undefined, any: undefined };
  for (const chain of chains) {
    if (chain.transportProtocol === 'raw_buffer') addApplication((index.raw ??= emptyByApplication()), chain);
    else addApplication((index.any ??= emptyByApplication()), chain);
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

function append(groups: Map<string, FilterChain[]>, key: string, chain: FilterChain): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [chain]);
  else group.push(chain);
}
