import type { Ip } from '../match/ip-address.ts';
import type { ApplicationProtocol, FilterChain } from './filter-chain.ts';
import { FilterChainIndex } from './filter-chain-index.ts';
import { isMatchAll } from './filter-chain.ts';

/**
 * What receives the connections to one port of one address, or of all. Its chains are indexed when the first
 * connection arrives.
 */
export class Listener {
  /** Envoy's name: `0.0.0.0_443`, `virtualOutbound`. */
  readonly name: string;
  readonly port: number;
  /** Without the default chain, unless it is the only one. */
  readonly chains: readonly FilterChain[];
  readonly #matchAll: FilterChain | undefined;
  #fallThrough: FilterChain | ((listener: string) => FilterChain) | undefined;
  /** Without a TLS inspector all bytes count as plaintext, and there is no SNI. */
  readonly tlsInspector: boolean;
  readonly httpInspector: boolean;
  #index: FilterChainIndex | undefined;

  /** `fallThrough` makes the chain that serves where none matches all; absent: such connections are closed. */
  constructor(
    name: string,
    port: number,
    chains: readonly FilterChain[],
    fallThrough?: (listener: string) => FilterChain,
  ) {
    this.#matchAll = chains.length > 1 ? chains.findLast(isMatchAll) : undefined;
    this.#fallThrough = fallThrough;
    this.name = name;
    this.port = port;
    this.chains = chains.length > 1 ? chains.filter((chain) => !isMatchAll(chain)) : chains;
    this.tlsInspector = chains.some((chain) => chain.sniHosts.length > 0 || chain.origin.terminatesTls === true);
    this.httpInspector = chains.some((chain) => chain.applicationProtocols.length > 0);
  }

  /** Takes what no other chain wants. */
  get defaultChain(): FilterChain | undefined {
    if (this.#matchAll !== undefined) return this.#matchAll;
    if (typeof this.#fallThrough === 'function') this.#fallThrough = this.#fallThrough(this.name);
    return this.#fallThrough;
  }

  /** `sni` in lower case, empty for none. `application`: what the first plaintext bytes are; undefined: no HTTP. */
  match(
    address: Ip | undefined,
    sni: string,
    tls: boolean,
    application: ApplicationProtocol | undefined,
  ): FilterChain | undefined {
    const { tlsInspector } = this;
    return (
      this.prepare().match(address, tlsInspector ? sni : '', tls && tlsInspector, application) ?? this.defaultChain
    );
  }

  /** Whether some chain asks for a block of addresses. */
  get needsAddress(): boolean {
    return this.prepare().needsAddress;
  }

  /** Indexes the chains, unless it was done before. */
  prepare(): FilterChainIndex {
    this.#index ??= new FilterChainIndex(this.chains);
    return this.#index;
  }
}
