import type { ChainAction, Scope } from './compiled.ts';
import { FilterChain, SNIFFED_HTTP } from './filter-chain.ts';
import { Listener } from './listener.ts';
import { tcpTarget } from './tcp-target.ts';

/** Envoy's name of the listener that takes what no other listener is bound to. */
export const VIRTUAL_OUTBOUND = 'virtualOutbound';

/** The table of the only HTTP chain that the virtual listener ever has. */
export const DYNAMIC_DNS_ROUTES = 'virtualOutbound-catchall-tcp-http';

/** Takes connections to addresses and ports that no visible service has: the outbound traffic policy alone speaks. */
export function virtualOutboundListener(scope: Scope): Listener {
  const listener = VIRTUAL_OUTBOUND;
  const chains = [new FilterChain({}, { listener, name: 'virtualOutbound-catchall-tcp' }, () => policyAction(scope))];
  if (scope.outboundTrafficPolicy.mode === 'ALLOW_ANY_DYNAMIC_DNS') {
    const origin = { listener, name: DYNAMIC_DNS_ROUTES, http: true } as const;
    chains.push(new FilterChain(SNIFFED_HTTP, origin, () => ({ kind: 'http', routeTable: DYNAMIC_DNS_ROUTES })));
  }
  return new Listener(listener, scope.mesh.proxyListenPort, chains);
}

/** The chain for bytes that no chain of a listener wants. */
export function fallThroughChain(scope: Scope, listener: string): FilterChain {
  return new FilterChain({}, { listener, name: 'PassthroughFilterChain' }, () => policyAction(scope));
}

/** The fate of unknown bytes: on to where they were going, to the Sidecar's egress proxy, or nowhere. */
export function policyAction(scope: Scope): Extract<ChainAction, { kind: 'tcp' }> {
  const { mode, egressProxy } = scope.outboundTrafficPolicy;
  const cluster = mode === 'REGISTRY_ONLY' ? scope.blackHoleCluster : scope.passthroughCluster;
  const proxied = mode === 'ALLOW_ANY' && egressProxy !== undefined;
  const target = proxied
    ? tcpTarget(scope, egressProxy, 1, 0)
    : { cluster: cluster.name, weight: 1, upstream: cluster };
  return { kind: 'tcp', targets: [target] };
}
