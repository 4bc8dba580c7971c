import type { VirtualService } from '../model/virtual-service.ts';
import { refOf } from './age.ts';
import { alternativeHosts } from './alternative-hosts.ts';
import type { MeshService, Scope } from './compiled.ts';
import { FilterChain } from './filter-chain.ts';
import { routeAction, serviceAction, staticMatch } from './tcp-target.ts';

/** One port of one service as the asker dials it. */
export interface ServiceListen {
  readonly scope: Scope;
  readonly service: MeshService;
  readonly listenerPort: number;
  /** Envoy's name of the listener. */
  readonly listener: string;
  /** The service's own blocks, where its listener is shared by all addresses; empty: none. */
  readonly blocks: readonly string[];
  /** The listener stands at the service's own address: no SNI is asked for. */
  readonly ownAddress: boolean;
  /** Those whose hosts overlap the service's and that have `tls` or `tcp` routes, in order of precedence. */
  readonly virtualServices: readonly VirtualService[];
}

/**
 * The chains of a TLS or HTTPS port. One chain per match of a VirtualService that speaks for this asker; as soon as there
 * is one, the service's own SNI chain is gone. Of two matches with the same names and subnets the first stays.
 */
export function tlsRouteChains(listen: ServiceListen): readonly FilterChain[] {
  const { scope, service, listenerPort, listener } = listen;
  const chains: FilterChain[] = [];
  const seen = new Set<string>();
  let destinationCidrs = listen.blocks;
  let narrowed = false;
  for (const virtualService of listen.virtualServices) {
    const ref = refOf(virtualService);
    for (const { match = [], route = [] } of virtualService.spec.tls ?? []) {
      if (route.length === 0) continue;
      for (const one of match) {
        if (!staticMatch(one, scope, listenerPort)) continue;
        const { sniHosts = [], destinationSubnets = [] } = one;
        if (destinationSubnets.length > 0 && listenerPort > 0) {
          // Stays in force for the matches that follow: Istio reuses the variable.
          destinationCidrs = destinationSubnets;
          narrowed = true;
        }
        const key = `${sniHosts.join()}|${destinationSubnets.join()}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const origin = { listener, service, virtualService: ref, narrowed };
        chains.push(
          new FilterChain({ sniHosts, destinationCidrs }, origin, () => routeAction(scope, route, listenerPort, ref)),
        );
      }
    }
  }
  return chains.length > 0 ? chains : [ownChain(listen)];
}

function ownChain({ scope, service, listener, listenerPort, blocks, ownAddress }: ServiceListen): FilterChain {
  const sniHosts = ownAddress ? [] : serviceNames(scope, service);
  return new FilterChain({ sniHosts, destinationCidrs: blocks }, { listener, service }, () =>
    serviceAction(scope, service, listenerPort),
  );
}

/** The host of a service, and the names that point to it with their short forms. */
function serviceNames(scope: Scope, service: MeshService): readonly string[] {
  if (service.aliases.length === 0) return [service.hostname];
  return [service.hostname, ...service.aliases.flatMap((alias) => [alias, ...alternativeHosts(scope, alias)])];
}
