import type { Scope } from './compiled.ts';
import { destinationCluster } from './http-route-destination.ts';
import { NO_HEADER_CHANGES } from './http-route-headers.ts';
import { translateRouteMatch } from './http-route-match.ts';
import { compileRoutePredicate } from './http-route-predicate.ts';
import type { BlockAllAction, CatchAllAction } from './http-route-action.ts';
import type { HttpRoute } from './http-route.ts';

/** Istio's names of the catch-all virtual hosts; an egress proxy goes by that of ALLOW_ANY. */
const NAMES: Readonly<Record<(BlockAllAction | CatchAllAction)['kind'], string>> = {
  allow_any: 'allow_any',
  egress_proxy: 'allow_any',
  block_all: 'block_all',
  allow_any_dynamic_dns: 'allow_any_dynamic_dns',
};

/** The only route of the last virtual host of a sidecar's table: what the policy says of unknown hosts. */
export function catchAllRoute(scope: Scope): HttpRoute {
  const action = catchAllAction(scope);
  const match = translateRouteMatch(undefined);
  return { name: NAMES[action.kind], match, accepts: compileRoutePredicate(match), action, headers: NO_HEADER_CHANGES };
}

function catchAllAction({ outboundTrafficPolicy }: Scope): BlockAllAction | CatchAllAction {
  const { mode, egressProxy } = outboundTrafficPolicy;
  switch (mode) {
    case 'REGISTRY_ONLY':
      return { kind: 'block_all' };
    case 'ALLOW_ANY_DYNAMIC_DNS':
      return { kind: 'allow_any_dynamic_dns' };
    case 'ALLOW_ANY':
      if (egressProxy === undefined) return { kind: 'allow_any' };
      return { kind: 'egress_proxy', cluster: destinationCluster(egressProxy, undefined, 0) };
  }
}
