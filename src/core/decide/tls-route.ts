import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain, TlsContext } from '../compile/filter-chain.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import { decideTlsRequest, governsTlsRequests } from './http-tls-request.ts';
import { decideTcp } from './tcp-route.ts';

/** Answers to TLS which nobody looks into: they hold whatever the request inside is. */
const sameForAll = new WeakSet<Decision>();

/** Whether every request inside such a TLS connection is answered by this very decision. */
export function isSameForAllInside(decision: Decision): boolean {
  return sameForAll.has(decision);
}

/**
 * The answer to TLS. A proxy sees no further; an application's own library also sees the request, so with
 * `tlsRequests: 'govern'` the `http` routes for the service that was dialled hold inside TLS too. They do not widen: only
 * a connection that goes on to a service of the registry gets so far.
 */
export function decideTls(chain: FilterChain, connection: Connection, port: number, mesh: CompiledMesh): Decision {
  const decision = decideTcp(chain, true, port, mesh);
  if (connection.request === undefined || decision.action === 'deny') return decision;
  if (chain.tlsContext === undefined) {
    chain.tlsContext = contextOf(chain, port, mesh);
    // An answer belongs to its chain, and nobody's chain is shared by those who have a rule for what is inside.
    if (chain.tlsContext === 'opaque') sameForAll.add(decision);
  }
  if (chain.tlsContext === 'opaque') return decision;
  const { service, context } = chain.tlsContext;
  return decideTlsRequest(mesh.scope, service, connection, context) ?? decision;
}

/** `opaque`: nobody may look inside, or nobody has a rule for what is inside. */
function contextOf({ origin }: FilterChain, port: number, { mesh, scope }: CompiledMesh): TlsContext | 'opaque' {
  if (origin.service === undefined || mesh.tlsRequests !== 'govern') return 'opaque';
  const service = { hostname: origin.service.hostname, port };
  if (!governsTlsRequests(scope, service)) return 'opaque';
  const { listener, name } = origin;
  return { service, context: { scope, listener, ...(name !== undefined && { filterChain: name }), tls: true } };
}
