import type { Scope } from './compiled.ts';
import type { RouteTable } from './route-table.ts';

/** The way into the route table of one filter chain. */
export interface HttpEntrance {
  readonly scope: Scope;
  readonly table: RouteTable;
  /** Envoy's names. */
  readonly listener: string;
  readonly filterChain?: string;
  /** The TLS ended here. */
  readonly tls?: boolean;
}
