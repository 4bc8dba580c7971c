import type { Scope } from '../compile/compiled.ts';
import type { RouteTable } from '../compile/route-table.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';

/**
 * Where a request arrived. Built once per filter chain and kept: decisions without per-request data are remembered by the
 * identity of this object.
 */
export interface HttpContext {
  readonly scope: Scope;
  /** Envoy's names, for `listener` and `filterChain` of the decision. */
  readonly listener?: string;
  readonly filterChain?: string;
  /** TLS ended at this gateway: the scheme is `https`, and `httpsRedirect` has nothing to do. */
  readonly tls?: boolean;
}

/** Decides one request by its authority, path, method and headers. An absent `request` is taken as `GET /`. */
export declare function decideHttp(table: RouteTable, connection: Connection, context: HttpContext): Decision;

/**
 * Decides a request inside TLS, which a proxy does not see, by the VirtualService http routes of the service that was
 * dialled. Undefined: no http route governs this host and port, the answer to the TLS connection stands.
 */
export declare function decideTlsRequest(
  scope: Scope,
  service: { readonly hostname: string; readonly port: number },
  connection: Connection,
  context: HttpContext,
): Decision | undefined;
