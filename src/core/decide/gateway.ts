import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Listener } from '../compile/listener.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import type { Arrival } from './arrival.ts';
import { followChain } from './follow-chain.ts';
import { denyNoListener } from './plain-answers.ts';

/** What a gateway pod does with a connection: it has listeners for its servers and no outbound traffic policy. */
export function decideAtGateway(connection: Connection, arrival: Arrival, mesh: CompiledMesh): Decision {
  const found = findGatewayChain(mesh, arrival);
  return found === undefined ? denyNoListener(arrival) : followChain(found.chain, connection, arrival, mesh);
}

/** The listener that takes the connection, and the chain of the server that does, if one does. */
export function findGatewayChain(
  mesh: CompiledMesh,
  arrival: Arrival,
): { readonly listener: Listener; readonly chain: FilterChain | undefined } | undefined {
  const { address, sni, tls } = arrival;
  const listener = findListener(mesh, arrival);
  return listener === undefined ? undefined : { listener, chain: listener.match(address, sni, tls, undefined) };
}

/** The listener of that address, else the one for all. */
function findListener({ gateway }: CompiledMesh, { address, port }: Arrival): Listener | undefined {
  const listeners = gateway.listeners.get(port) ?? [];
  const bound = address === undefined ? undefined : listeners.find(({ name }) => name === `${address.text}_${port}`);
  return bound ?? listeners.find(({ name }) => name.startsWith('0.0.0.0_') || name.startsWith('::_'));
}
