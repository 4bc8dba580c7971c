import type { Scope } from '../compile/compiled.ts';
import type { CatchAllAction, ForwardAction } from '../compile/http-route-action.ts';
import type { HttpRoute } from '../compile/http-route.ts';
import { acceptsAnyPath } from '../compile/http-route-predicate.ts';
import type { RouteTable } from '../compile/route-table.ts';
import type { VirtualHost } from '../compile/virtual-host.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import { readCall, type NormalizedCall } from './http-call.ts';
import { blockAll, httpsRedirect, noRoute, noVirtualHost, refuse } from './http-denial.ts';
import { forwardCall } from './http-forward-call.ts';
import { planForward, type ForwardPlan } from './http-route-forward.ts';
import { corsVerdict } from './http-route-cors.ts';
import { faultAbort, preflight, routeReply } from './http-route-reply.ts';

/**
 * Where a request arrived. Built once per filter chain and kept: decisions without per-request data are remembered by the
 * identity of this object.
 */
export interface HttpContext {
  readonly scope: Scope;
  /** Envoy's names, for `listener` and `filterChain` of the decision. */
  readonly listener?: string;
  readonly filterChain?: string;
  /** TLS ended at this gateway: the scheme is `https`, and `httpsRedirect` has nothing to do. */
  readonly tls?: boolean;
}

/** What a route comes to at one place, remembered. */
interface RememberedPlan {
  readonly virtualHost: VirtualHost;
  readonly context: HttpContext;
  readonly plan: ForwardPlan;
}

/** The plans of a route: the last, which is nearly always the one that is asked for, and one for each virtual host. */
interface PlanMemory {
  last: RememberedPlan;
  readonly byVirtualHost: Map<VirtualHost, RememberedPlan>;
}

const plans = new WeakMap<HttpRoute, PlanMemory>();

/** The answers of virtual hosts of which no route looks at a plain request. */
const sameForPlain = new WeakSet<Decision>();

/** Whether every plain request to the same virtual host is answered by this very decision. */
export function isSameForPlain(decision: Decision): boolean {
  return sameForPlain.has(decision);
}

/** Decides one request by its authority, path, method and headers. An absent `request` is taken as `GET /`. */
export function decideHttp(table: RouteTable, connection: Connection, context: HttpContext): Decision {
  const { scope, tls = false } = context;
  const normalization = scope.mesh.pathNormalization.normalization ?? 'DEFAULT';
  const call = readCall(connection, normalization, tls, scope.type === 'router');
  if (typeof call === 'string') return refuse(call, context);
  const virtualHost = table.namedTwice === true && connection.host === undefined ? undefined : table.find(call.host);
  if (virtualHost === undefined) return noVirtualHost(call, context);
  if (virtualHost.requireTls && !tls) return httpsRedirect(call, context);
  const { answer } = virtualHost;
  if (answer !== undefined && answer.context === context && call.isPlain && !call.isGrpc) return answer.decision;
  for (const route of virtualHost.routes) {
    if (route.accepts(call)) return followRoute(route, virtualHost, call, context);
  }
  return noRoute(call, virtualHost, context);
}

/** Envoy's filters in their order: fault, CORS, router. */
export function followRoute(
  route: HttpRoute,
  virtualHost: VirtualHost,
  call: NormalizedCall,
  context: HttpContext,
): Decision {
  const { action } = route;
  switch (action.kind) {
    case 'block_all':
      return blockAll(route, virtualHost, call, context);
    case 'redirect':
    case 'direct_response':
    case 'none':
      return routeReply(action, route, virtualHost, call, context);
    case 'allow_any':
    case 'allow_any_dynamic_dns':
    case 'egress_proxy':
    case 'forward': {
      const plan = planOf(route, action, virtualHost, context);
      if (route.fault?.abort?.percent === 100) return faultAbort(plan, route.fault, call);
      if (route.cors !== undefined) {
        const verdict = corsVerdict(route.cors, call);
        if (verdict.kind === 'preflight') return preflight(plan, verdict.headers);
      }
      const decision = forwardCall(plan, action, route, call);
      if (decision === plan.decision && !plan.dynamic && route.cors === undefined) {
        if (route === virtualHost.routes[0] && acceptsAnyPath(route.accepts)) {
          virtualHost.answer = { context, decision };
          sameForPlain.add(decision);
        }
      }
      return decision;
    }
  }
}

function planOf(
  route: HttpRoute,
  action: ForwardAction | CatchAllAction,
  virtualHost: VirtualHost,
  context: HttpContext,
): ForwardPlan {
  const memory = plans.get(route);
  if (memory !== undefined) {
    const { last } = memory;
    if (last.context === context && last.virtualHost === virtualHost) return last.plan;
    const other = memory.byVirtualHost.get(virtualHost);
    if (other?.context === context) {
      memory.last = other;
      return other.plan;
    }
  }
  const remembered = { virtualHost, context, plan: planForward(action, route, virtualHost, context) };
  if (memory === undefined) plans.set(route, { last: remembered, byVirtualHost: new Map([[virtualHost, remembered]]) });
  else {
    memory.last = remembered;
    memory.byVirtualHost.set(virtualHost, remembered);
  }
  return remembered.plan;
}
