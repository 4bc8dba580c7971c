import type { Scope } from './compiled.ts';
import type { RouteTable } from './route-table.ts';
import type { Gateway, Server } from '../model/gateway.ts';

/** One server of a Gateway that feeds a route table. */
export interface GatewayServer {
  readonly gateway: Gateway;
  readonly server: Server;
}

/**
 * Merges the VirtualServices bound to the servers that share a route name at a gateway. `port` is the port that the
 * pod listens on for them, `name` Istio's route name (`http.80`, `https.443.name.gateway.namespace`).
 */
export declare function buildGatewayRouteTable(
  scope: Scope,
  name: string,
  port: number,
  servers: readonly GatewayServer[],
): RouteTable;
