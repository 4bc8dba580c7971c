import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Arrival } from './arrival.ts';

/**
 * The filter chain that a sidecar would choose by address and port: the listener of exactly that address, else the one
 * for all addresses, else the virtual listener, which knows nothing but the outbound traffic policy.
 */
export function findChain(mesh: CompiledMesh, arrival: Arrival): FilterChain | undefined {
  const { address, port, sni, tls, application } = arrival;
  const listeners = mesh.listeners.get(port);
  const listener =
    (address === undefined ? undefined : listeners?.atAddress(address)) ??
    listeners?.forAll(address?.family) ??
    mesh.virtualOutbound;
  return listener.match(address, sni, tls, application);
}
