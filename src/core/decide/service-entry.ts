import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Arrival } from './arrival.ts';
import { findChain } from './sidecar.ts';

/**
 * The filter chain for a connection of which the application itself named the destination.
 *
 * The service of that name (or the longest wildcard that covers it) which has the port is met as if its own address had
 * been dialled. Else the shared listener serves, as far as it asks for a name or for an address: a chain that takes
 * whatever comes belongs to its own service, and swallows no connection to another. The rest is unknown.
 */
export function findDialledChain(mesh: CompiledMesh, arrival: Arrival): FilterChain | undefined {
  const { host, address, port, sni, tls, application } = arrival;
  if (host !== '') {
    const own = mesh.listeners.get(port)?.named(host)?.match(host, address, sni, tls, application);
    if (own !== undefined) return own;
  }
  const chain = findChain(mesh, arrival);
  if (chain === undefined || isChosen(chain, mesh, arrival)) return chain;
  return mesh.virtualOutbound.match(address, sni, tls, application);
}

/** Whether the chain was chosen by name or by address, or speaks for nobody in particular. */
function isChosen(chain: FilterChain, mesh: CompiledMesh, { address, port }: Arrival): boolean {
  const { http, origin, sniHosts, destinationCidrs } = chain;
  if (http || origin.service === undefined) return true;
  if (sniHosts.length > 0 || destinationCidrs.length > 0) return true;
  return address !== undefined && mesh.listeners.get(port)?.atAddress(address) !== undefined;
}
