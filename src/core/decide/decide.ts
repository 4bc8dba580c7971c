import { compileMeshConfig, type CompiledMesh } from '../compile/compile-mesh.ts';
import type { SameRequests } from '../compile/remembered-decisions.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { readArrival } from './arrival.ts';
import { captureVerdict, captureVerdictOfPort } from './capture.ts';
import { decideDialled } from './dialled-host.ts';
import { followChain } from './follow-chain.ts';
import { decideAtGateway } from './gateway.ts';
import { denyInvalid, denyLoop, internalError, notCaptured } from './plain-answers.ts';
import { isPlainRequest } from './http-call.ts';
import { isSameForPlain } from './http-route.ts';
import { findChain } from './sidecar.ts';
import { isSameForAllInside } from './tls-route.ts';

/**
 * What Istio's sidecar (or gateway, for a workload of type `router`) would do with a connection or request, and who said so.
 *
 * Pure and total: the same question has the same answer, no input makes it throw, and what it cannot read or answer is
 * denied (`invalid_connection`, `internal_error`). The first call for a MeshConfig and workload compiles them; later calls
 * take well under a microsecond. See {@link compileMeshConfig} to pay up front.
 *
 * With `host`, the name that the application dialled decides as if the service's own address had been dialled; an address
 * that is known too may admit what the name does not. Without `host`, only what a proxy sees decides, as Istio does.
 */
export function decide(connection: Connection, meshConfig: MeshConfig): Decision {
  try {
    const mesh = compileMeshConfig(meshConfig, connection.workload);
    return recall(connection, mesh) ?? decideAnew(connection, mesh);
  } catch (error) {
    return internalError(error);
  }
}

/**
 * Which other requests on such a connection are answered by the very decision that `decide` gives for this one, for as long
 * as the mesh config is the same: all there can be, the plain ones (see {@link isPlainTarget} and {@link isPlainHeader}), or,
 * undefined, maybe none.
 */
export function answeredAlike(connection: Connection, meshConfig: MeshConfig): SameRequests | undefined {
  try {
    return compileMeshConfig(meshConfig, connection.workload).remembered.find(connection)?.requests;
  } catch {
    return undefined;
  }
}

/** The steps, in their order. */
function decideCompiled(connection: Connection, mesh: CompiledMesh): Decision {
  const arrival = readArrival(connection);
  if (arrival === undefined) return denyInvalid(connection);
  if (mesh.scope.type === 'router') return decideAtGateway(connection, arrival, mesh);

  const { address, port } = arrival;
  const capture =
    address === undefined ? captureVerdictOfPort(mesh.capture, port) : captureVerdict(mesh.capture, address, port);
  if (capture === 'bypass' || capture === 'dns') return notCaptured(mesh, arrival);
  if (isProxyPort(mesh, port)) return denyLoop(mesh, arrival);

  if (arrival.dialled) return decideDialled(connection, arrival, mesh, capture === undefined);
  return followChain(findChain(mesh, arrival), connection, arrival, mesh);
}

/** The proxy's own ports lead back into the proxy: it refuses them unless a service listens there. */
function isProxyPort({ mesh, listeners }: CompiledMesh, port: number): boolean {
  return (port === mesh.proxyListenPort || port === mesh.proxyInboundListenPort) && !listeners.has(port);
}

/** An answer that was given before holds for every connection of the same kind, and for the requests that it was given for. */
function recall(connection: Connection, mesh: CompiledMesh): Decision | undefined {
  const remembered = mesh.remembered.find(connection);
  if (remembered === undefined) return undefined;
  const { request, authority } = connection;
  if (request === undefined || remembered.requests === 'all') return remembered.decision;
  return isPlainRequest(request, authority) ? remembered.decision : undefined;
}

function decideAnew(connection: Connection, mesh: CompiledMesh): Decision {
  const decision = decideCompiled(connection, mesh);
  if (mesh.scope.type !== 'sidecar' || !mesh.remembered.takes(connection)) return decision;
  const requests = sameRequests(connection, decision);
  if (requests !== undefined) mesh.remembered.add(connection, decision, requests);
  return decision;
}

/** Which requests on such a connection, if it carries any, are answered by this very decision; undefined: maybe no other. */
function sameRequests(
  { request, transport, protocol, authority }: Connection,
  decision: Decision,
): SameRequests | undefined {
  if (request === undefined) return 'all';
  if (transport === 'tls') return isSameForAllInside(decision) ? 'all' : undefined;
  if (protocol !== undefined && protocol !== 'http1') return undefined;
  return isSameForPlain(decision) && isPlainRequest(request, authority) ? 'plain' : undefined;
}
