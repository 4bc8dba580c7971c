import type { Scope } from './compiled.ts';
import type { VirtualHost } from './virtual-host.ts';

/** Envoy's route configuration: the virtual hosts of one HTTP listener, found by authority. Built once per asker and name. */
export interface RouteTable {
  /** `<port>`, `<host>:<port>`, a bind path, `http_proxy`, or a gateway's `http.<port>` and `https.<port>...`. */
  readonly name: string;
  /** The port that requests arrive at; 0 for unix sockets and explicit proxies. */
  readonly port: number;
  /** `host`: an authority in lower case. Without its port, unless the table compares ports. */
  find(host: string): VirtualHost | undefined;
  /** Explicit proxies only: `find` takes the authority with its port. */
  readonly comparesPorts: boolean;
}

/** Builds the table that a chain names. Undefined when no egress listener of the scope serves it. */
export declare function buildRouteTable(scope: Scope, name: string): RouteTable | undefined;
