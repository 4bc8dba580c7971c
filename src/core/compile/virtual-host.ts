import { HostnameIndex } from '../match/hostname-index.ts';
import { isWildcard } from '../match/hostname.ts';
import { lowerAscii } from '../match/string-match.ts';
import type { Decision } from '../model/decision.ts';
import type { MeshService } from './compiled.ts';
import type { HttpRoute } from './http-route.ts';
import { virtualHostName } from './virtual-host-domains.ts';

/** What every plain request is answered that arrives at one place, because no route of its virtual host looks at it. */
export interface PlainAnswer {
  /** The place. */
  readonly context: object;
  readonly decision: Decision;
}

/** Envoy's virtual host: the routes that share a set of authorities, tried in order. */
export interface VirtualHost {
  /** `host:port`, or the name of a catch-all. */
  readonly name: string;
  /** In order; the first whose match holds is taken. Compiled when first asked for. */
  readonly routes: readonly HttpRoute[];
  /** A Gateway server with `httpsRedirect`: plaintext is answered 301. */
  readonly requireTls: boolean;
  /** A name that is its domain is so with a final dot as well. */
  readonly takesFinalDot?: true;
  /** That of the place where it was asked for last. */
  answer?: PlainAnswer | undefined;
}

/** A virtual host whose routes wait until somebody asks. */
export class LazyVirtualHost implements VirtualHost {
  readonly name: string;
  answer: PlainAnswer | undefined;
  #routes: readonly HttpRoute[] | undefined;
  readonly #build: () => readonly HttpRoute[];

  constructor(name: string, build: () => readonly HttpRoute[]) {
    this.name = name;
    this.#build = build;
  }

  get requireTls(): false {
    return false;
  }

  get routes(): readonly HttpRoute[] {
    this.#routes ??= this.#build();
    return this.#routes;
  }
}

/** That of a service which has its own name alone, at one port. A large mesh has many, so that it holds nothing of its own. */
export class ServiceVirtualHost implements VirtualHost {
  answer: PlainAnswer | undefined;
  readonly #service: MeshService;
  readonly #port: number;
  readonly #build: (service: MeshService, port: number) => readonly HttpRoute[];
  #routes: readonly HttpRoute[] | undefined;

  constructor(service: MeshService, port: number, build: (service: MeshService, port: number) => readonly HttpRoute[]) {
    this.#service = service;
    this.#port = port;
    this.#build = build;
  }

  get name(): string {
    return virtualHostName(lowerAscii(this.#service.hostname), this.#port);
  }

  get requireTls(): false {
    return false;
  }

  get takesFinalDot(): true {
    return true;
  }

  get routes(): readonly HttpRoute[] {
    this.#routes ??= this.#build(this.#service, this.#port);
    return this.#routes;
  }
}

const DOT = 46;

/** Virtual hosts by domain, found as Envoy finds them: the exact name, else the longest wildcard. */
export class VirtualHostIndex {
  readonly #index = new HostnameIndex<VirtualHost>();
  #hasRagged = false;

  /**
   * `domain`: in lower case; a name, `*.suffix`, `*suffix` or `*`. Of equal domains the first added stays. Returns the one
   * that has the domain now.
   */
  add(domain: string, virtualHost: VirtualHost): VirtualHost {
    if (domain.length > 1 && domain.charCodeAt(0) === 42 && domain.charCodeAt(1) !== DOT) this.#hasRagged = true;
    return this.#index.add(domain, virtualHost);
  }

  /** The virtual host to which this very domain belongs. */
  ownerOf(domain: string): VirtualHost | undefined {
    return isWildcard(domain) ? this.#index.getPattern(domain) : this.#exact(domain);
  }

  /** `host`: in lower case, without its port. */
  find(host: string): VirtualHost | undefined {
    const exact = this.#exact(host);
    if (exact !== undefined) return exact;
    // A wildcard needs a character of its own: `*.a.com` is not the virtual host of `.a.com`, nor `*a.com` of `a.com`.
    const mayBeBare = this.#hasRagged || host.charCodeAt(0) === DOT;
    return this.#index.getWildcard(mayBeBare ? host.slice(1) : host);
  }

  #exact(host: string): VirtualHost | undefined {
    const exact = this.#index.getExact(host);
    if (exact !== undefined || host.charCodeAt(host.length - 1) !== DOT) return exact;
    const withoutDot = this.#index.getExact(host.slice(0, -1));
    return withoutDot?.takesFinalDot === true ? withoutDot : undefined;
  }
}
