import { parseCidr } from '../match/cidr-index.ts';
import { hostSubsetOf } from '../match/hostname.ts';
import type { Decision } from '../model/decision.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { ChainAction, MeshService } from './compiled.ts';
import type { HttpEntrance } from './http-entrance.ts';

/** What Envoy's HTTP inspector finds in the first plaintext bytes; `istio`: TLS between sidecars, by its ALPN. */
export type ApplicationProtocol = 'http/1.1' | 'h2c' | 'istio';

/** The versions for which an HTTP chain of a shared listener asks. HTTP/1.0 is not among them. */
export const PLAINTEXT_HTTP: readonly ApplicationProtocol[] = Object.freeze(['http/1.1', 'h2c'] as const);

const NOTHING: readonly never[] = Object.freeze([]);

/** What a filter chain asks of a connection: Envoy's FilterChainMatch. Absent and empty ask nothing. */
export interface ChainCriteria {
  /** Exact or `*.suffix`; `*` asks nothing. */
  readonly sniHosts?: readonly string[];
  /** `10.0.0.0/8` or a bare address; `0.0.0.0` asks nothing. */
  readonly destinationCidrs?: readonly string[];
  readonly transportProtocol?: 'raw_buffer';
  readonly applicationProtocols?: readonly ApplicationProtocol[];
}

/** What is known of a chain beside its criteria. */
export interface ChainOrigin {
  /** Envoy's name of the listener. */
  readonly listener: string;
  /** Envoy's name of the chain; absent for most. */
  readonly name?: string;
  /** The service for which the chain was built; absent for catch-alls and gateways. */
  readonly service?: MeshService;
  /** The VirtualService whose route it carries out. */
  readonly virtualService?: ResourceRef;
  /** The Gateway whose server it is. */
  readonly gateway?: ResourceRef;
  /** The blocks were written in a VirtualService, so they narrow the service and do not name it. */
  readonly narrowed?: boolean;
  /** It leads to a route table. */
  readonly http?: true;
  /** The server ends the TLS itself: what is inside is seen. */
  readonly terminatesTls?: boolean;
}

/** Whose http routes hold for the requests inside a chain's TLS, and where they arrive. */
export interface TlsContext {
  readonly service: { readonly hostname: string; readonly port: number };
  readonly context: Omit<HttpEntrance, 'table'>;
}

/**
 * One filter chain of a listener. Where it leads is worked out when the first connection takes it: a mesh of a hundred
 * thousand entries uses few of them.
 */
export class FilterChain {
  // What every question reads stands first: an object of this size is spread over several lines of the processor's cache.
  /** It leads to a route table. */
  readonly http: boolean;
  /** The answer to a connection that shows TLS, and to one that does not: neither needs per-call data. */
  tlsDecision: Decision | undefined;
  tcpDecision: Decision | undefined;
  /** Of an HTTP chain, once a request has taken it. */
  entrance: HttpEntrance | undefined;
  /** Of a chain that carries TLS, once somebody asked for a request inside. `opaque`: no rule looks at it. */
  tlsContext: TlsContext | 'opaque' | undefined;
  /** Lower case. */
  readonly sniHosts: readonly string[];
  readonly destinationCidrs: readonly string[];
  readonly transportProtocol: 'raw_buffer' | undefined;
  readonly applicationProtocols: readonly ApplicationProtocol[];
  readonly origin: ChainOrigin;
  readonly #lead: () => ChainAction;
  #action: ChainAction | undefined;

  constructor(criteria: ChainCriteria, origin: ChainOrigin, lead: () => ChainAction) {
    this.sniHosts = criteria.sniHosts === undefined ? NOTHING : serverNames(criteria.sniHosts);
    this.destinationCidrs =
      criteria.destinationCidrs === undefined ? NOTHING : canonicalBlocks(criteria.destinationCidrs);
    this.transportProtocol = criteria.transportProtocol;
    this.applicationProtocols = criteria.applicationProtocols ?? NOTHING;
    this.origin = origin;
    this.http = origin.http === true;
    this.#lead = lead;
  }

  get action(): ChainAction {
    this.#action ??= this.#lead();
    return this.#action;
  }

  /** Whether a connection meets all criteria but the blocks. `sni` in lower case, empty for none. */
  accepts(sni: string, tls: boolean, application: ApplicationProtocol | undefined): boolean {
    if (this.choose(tls, application) === undefined) return false;
    const { sniHosts } = this;
    return sniHosts.length === 0 || (sni !== '' && sniHosts.some((host) => hostSubsetOf(sni, host)));
  }

  /** Itself for a connection that meets its criteria beside names and blocks, which were looked at before. */
  choose(tls: boolean, application: ApplicationProtocol | undefined): FilterChain | undefined {
    if (this.transportProtocol !== undefined && tls) return undefined;
    const { applicationProtocols } = this;
    if (applicationProtocols.length === 0) return this;
    return application !== undefined && applicationProtocols.includes(application) ? this : undefined;
  }

  /** The same chain, for connections of which the address is not looked at. */
  withoutBlocks(): FilterChain {
    if (this.destinationCidrs.length === 0) return this;
    const { sniHosts, transportProtocol, applicationProtocols } = this;
    const criteria = { sniHosts, applicationProtocols, ...(transportProtocol && { transportProtocol }) };
    return new FilterChain(criteria, this.origin, () => this.action);
  }

  /** An HTTP chain that leaves other bytes to the chains beside it; others stay as they are. */
  sniffed(): FilterChain {
    if (!this.http || this.applicationProtocols.length > 0) return this;
    return new FilterChain(SNIFFED_HTTP, this.origin, () => this.action);
  }
}

/** Asks for plaintext HTTP. */
export const SNIFFED_HTTP: ChainCriteria = Object.freeze({
  transportProtocol: 'raw_buffer',
  applicationProtocols: PLAINTEXT_HTTP,
});

/** Whether a chain asks for nothing at all: beside others it becomes the listener's default chain. */
export function isMatchAll(chain: FilterChain): boolean {
  return (
    chain.sniHosts.length === 0 &&
    chain.applicationProtocols.length === 0 &&
    chain.transportProtocol === undefined &&
    chain.destinationCidrs.length === 0
  );
}

/** Equal for two chains exactly when they ask for the same, which Envoy refuses: the older then stays alone. */
export function criteriaKey(chain: FilterChain): string {
  const { sniHosts, destinationCidrs, applicationProtocols, transportProtocol = '' } = chain;
  if (sniHosts.length === 1 && destinationCidrs.length + applicationProtocols.length + transportProtocol.length === 0) {
    // As nearly all chains of a large mesh: a name is found faster than a text that was put together from it.
    const [name = ''] = sniHosts;
    if (!name.includes('|')) return name;
  }
  const names = sniHosts.length > 1 ? [...new Set(sniHosts)].sort().join() : (sniHosts[0] ?? '');
  const blocks = destinationCidrs.length > 1 ? [...destinationCidrs].sort().join() : (destinationCidrs[0] ?? '');
  return `${transportProtocol}|${applicationProtocols.join()}|${names}|${blocks}`;
}

/** Envoy compares names in lower case. */
function serverNames(hosts: readonly string[]): readonly string[] {
  const [only] = hosts;
  if (only !== undefined && hosts.length === 1) return only === '*' ? NOTHING : [only.toLowerCase()];
  return hosts.filter((host) => host !== '*').map((host) => host.toLowerCase());
}

function canonicalBlocks(texts: readonly string[]): readonly string[] {
  const blocks = new Set<string>();
  for (const text of texts) {
    const cidr = text === '0.0.0.0' ? undefined : parseCidr(text);
    if (cidr !== undefined) blocks.add(cidr.text);
  }
  return [...blocks];
}
