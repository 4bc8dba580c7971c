import type { HttpRoute } from './http-route.ts';

/** Envoy's virtual host: the routes that share a set of authorities, tried in order. */
export interface VirtualHost {
  /** `host:port`, or the name of a catch-all. Empty for the blackhole of a gateway. */
  readonly name: string;
  /** In order; the first whose match holds is taken. */
  readonly routes: readonly HttpRoute[];
  /** A Gateway server with `httpsRedirect`: plaintext is answered 301. */
  readonly requireTls: boolean;
}
