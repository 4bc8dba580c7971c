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
