import { refOf } from './age.ts';
import { FilterChain } from './filter-chain.ts';
import { routeAction, serviceAction, staticMatch } from './tcp-target.ts';
import type { ServiceListen } from './tls-route-chains.ts';

/**
 * The chains of a TCP port, or of the bytes of a sniffed port that are no HTTP. The first `tcp` route that speaks for this
 * asker without naming subnets takes the whole service; routes that name subnets stand before the service's own chain.
 */
export function tcpRouteChains(listen: ServiceListen): readonly FilterChain[] {
  const { scope, service, listener, listenerPort, blocks } = listen;
  const chains: FilterChain[] = [];
  let ownChain = true;
  for (const virtualService of listen.virtualServices) {
    const ref = refOf(virtualService);
    for (const { match = [], route = [] } of virtualService.spec.tcp ?? []) {
      if (route.length === 0) continue;
      const subnets = matchedSubnets(listen, match);
      if (subnets === 'none') continue;
      const action = () => routeAction(scope, route, listenerPort, ref);
      if (subnets === 'all') {
        chains.push(new FilterChain({ destinationCidrs: blocks }, { listener, service, virtualService: ref }, action));
        return chains;
      }
      const origin = { listener, service, virtualService: ref, narrowed: true };
      chains.push(new FilterChain({ destinationCidrs: subnets }, origin, action));
      if (sameBlocks(subnets, blocks)) ownChain = false;
    }
  }
  if (ownChain) {
    const action = () => serviceAction(scope, service, listenerPort);
    chains.push(new FilterChain({ destinationCidrs: blocks }, { listener, service }, action));
  }
  return chains;
}

type TcpMatches = readonly { readonly destinationSubnets?: readonly string[] }[];

/** `all` when some match that holds names no subnet; the union of the subnets of those that hold; or `none` does. */
function matchedSubnets(listen: ServiceListen, match: TcpMatches): readonly string[] | 'all' | 'none' {
  if (match.length === 0) return 'all';
  const subnets: string[] = [];
  for (const one of match) {
    if (!staticMatch(one, listen.scope, listen.listenerPort)) continue;
    const { destinationSubnets = [] } = one;
    if (destinationSubnets.length === 0 || listen.listenerPort === 0) return 'all';
    subnets.push(...destinationSubnets);
  }
  return subnets.length === 0 ? 'none' : subnets;
}

function sameBlocks(a: readonly string[], b: readonly string[]): boolean {
  const other = [...b].sort();
  return a.length === b.length && [...a].sort().every((block, index) => block === other[index]);
}
