import { isHttp, isSniffed, type Protocol } from '../match/protocol.ts';
import type { FilterChain } from './filter-chain.ts';
import { criteriaKey } from './filter-chain.ts';

/** What a listener under construction speaks. `auto` tells HTTP from other bytes by looking at them. */
export type ListenerProtocol = 'http' | 'tcp' | 'auto';

/** What one service wants at one address and port. */
export interface ListenerRequest {
  readonly kind: ListenerProtocol;
  /** As the port declares it. */
  readonly protocol: Protocol;
  readonly chains: readonly FilterChain[];
}

/** How a port's protocol is listened for. */
export function listenerProtocol(protocol: Protocol): ListenerProtocol {
  if (isHttp(protocol)) return 'http';
  return isSniffed(protocol) ? 'auto' : 'tcp';
}

/**
 * A listener while it is being built: services arrive in order of age, and the older wins where two want the same.
 */
export class ListenerEntry {
  readonly binds: readonly string[];
  readonly port: number;
  #kind: ListenerProtocol;
  #protocol: Protocol;
  #chains: FilterChain[];
  /** Criteria already taken. Made when a second service arrives: most listeners have one. */
  #taken: Set<string> | undefined;
  /** The Sidecar declared this port: its catch-all egress listener adds nothing. */
  locked = false;

  constructor(binds: readonly string[], port: number, request: ListenerRequest) {
    this.binds = binds;
    this.port = port;
    this.#kind = request.kind;
    this.#protocol = request.protocol;
    this.#chains = [...request.chains];
  }

  get chains(): readonly FilterChain[] {
    return this.#chains;
  }

  /** Whether a further HTTP service changes nothing, because requests are told apart in the route table. */
  get sharesHttp(): boolean {
    return this.#kind !== 'tcp';
  }

  add(request: ListenerRequest): void {
    if (request.kind === 'http' && this.sharesHttp) return;
    if (this.#reserves(request.protocol)) return;
    if (request.kind === 'auto' && this.#kind === 'http') {
      this.#chains = [...request.chains];
      this.#taken = undefined;
    } else {
      // Beside other bytes an HTTP chain has to ask for HTTP.
      if (request.kind !== this.#kind) this.#chains = this.#chains.map((chain) => chain.sniffed());
      this.#merge(request.kind === this.#kind ? request.chains : request.chains.map((chain) => chain.sniffed()));
    }
    if (request.kind !== this.#kind) {
      this.#kind = 'auto';
      this.#protocol = 'Unsupported';
    }
  }

  /** MongoDB and MySQL share a listener with their own kind only. */
  #reserves(protocol: Protocol): boolean {
    if (protocol === this.#protocol) return false;
    return [protocol, this.#protocol].some((either) => either === 'Mongo' || either === 'MySQL');
  }

  #merge(chains: readonly FilterChain[]): void {
    this.#taken ??= new Set(this.#chains.map(criteriaKey));
    for (const chain of chains) {
      const key = criteriaKey(chain);
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      this.#chains.push(chain);
    }
  }
}
