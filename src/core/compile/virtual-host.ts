import { HostnameIndex } from '../match/hostname-index.ts';
import type { HttpRoute } from './http-route.ts';

/** Envoy's virtual host: the routes that share a set of authorities, tried in order. */
export interface VirtualHost {
  /** `host:port`, or the name of a catch-all. */
  readonly name: string;
  /** In order; the first whose match holds is taken. Compiled when first asked for. */
  readonly routes: readonly HttpRoute[];
  /** A Gateway server with `httpsRedirect`: plaintext is answered 301. */
  readonly requireTls: boolean;
}

/** A virtual host whose routes wait until somebody asks. */
export class LazyVirtualHost implements VirtualHost {
  readonly name: string;
  readonly requireTls: boolean;
  #routes: readonly HttpRoute[] | undefined;
  readonly #build: () => readonly HttpRoute[];

  constructor(name: string, build: () => readonly HttpRoute[], requireTls = false) {
    this.name = name;
    this.requireTls = requireTls;
    this.#build = build;
  }

  get routes(): readonly HttpRoute[] {
    this.#routes ??= this.#build();
    return this.#routes;
  }
}

/** Virtual hosts by domain, found as Envoy finds them: the exact name, else the longest wildcard. */
export class VirtualHostIndex {
  readonly #index = new HostnameIndex<VirtualHost>();
  #hasRagged = false;

  /** `domain`: in lower case; a name, `*.suffix`, `*suffix` or `*`. Of equal domains the first added stays. */
  add(domain: string, virtualHost: VirtualHost): void {
    if (domain.length > 1 && domain.charCodeAt(0) === 42 && domain.charCodeAt(1) !== 46) this.#hasRagged = true;
    this.#index.add(domain, virtualHost);
  }

  /** `host`: in lower case, without its port. */
  find(host: string): VirtualHost | undefined {
    const exact = this.#index.getExact(host);
    if (exact !== undefined) return exact;
    // A wildcard needs a character of its own: `*.a.com` is not the virtual host of `.a.com`, nor `*a.com` of `a.com`.
    const mayBeBare = this.#hasRagged || host.charCodeAt(0) === 46;
    return this.#index.getWildcard(mayBeBare ? host.slice(1) : host);
  }
}
