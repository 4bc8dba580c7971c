import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import { decideTlsRequest } from './http-tls-request.ts';
import { decideTcp } from './tcp-route.ts';

/**
 * The answer to TLS. A proxy sees no further; an application's own library also sees the request, so with
 * `tlsRequests: 'govern'` the `http` routes for the service that was dialled hold inside TLS too. They do not widen: only
 * a connection that goes on to a service of the registry gets so far.
 */
export function decideTls(chain: FilterChain, connection: Connection, port: number, mesh: CompiledMesh): Decision {
  const decision = decideTcp(chain, true, port, mesh);
  const { service, listener, name } = chain.origin;
  if (service === undefined || decision.action === 'deny') return decision;
  if (connection.request === undefined || mesh.mesh.tlsRequests !== 'govern') return decision;
  chain.tlsContext ??= { scope: mesh.scope, listener, ...(name !== undefined && { filterChain: name }), tls: true };
  return decideTlsRequest(mesh.scope, { hostname: service.hostname, port }, connection, chain.tlsContext) ?? decision;
}
