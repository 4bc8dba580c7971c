import type { DirectResponseAction } from '../compile/http-route-direct-response.ts';
import type { RedirectAction } from '../compile/http-route-redirect.ts';
import type { NoAction } from '../compile/http-route-action.ts';
import type { HttpRoute } from '../compile/http-route.ts';
import type { VirtualHost } from '../compile/virtual-host.ts';
import type { Decision, FaultPolicy, HeaderOperation, LocalReply, RouteDecision } from '../model/decision.ts';
import type { NormalizedCall } from './http-call.ts';
import { formatOperations, isFormatted } from './http-header-format.ts';
import { localReply } from './http-reply.ts';
import { baseOf, responseOperations, type ForwardPlan } from './http-route-forward.ts';
import { ownLocation, redirectLocation } from './http-route-url.ts';
import type { HttpContext } from './http-route.ts';

/** The answer of a route that has one: Envoy calls a redirect a direct response too. */
export function routeReply(
  action: RedirectAction | DirectResponseAction | NoAction,
  route: HttpRoute,
  virtualHost: VirtualHost,
  call: NormalizedCall,
  { listener, filterChain, scope }: HttpContext,
): Decision {
  const { virtualService, operation, cors, fault } = route;
  const responseHeaders = formatReplyHeaders(responseOperations(route.headers), route, call);
  return Object.freeze({
    action: 'route',
    reason: action.kind === 'redirect' ? 'redirect' : 'direct_response',
    cluster: '',
    routeName: route.name,
    virtualHost: virtualHost.name,
    determinedBy: Object.freeze([virtualService ?? scope.policySource]),
    seenAs: 'http',
    ...(listener !== undefined && { listener }),
    ...(filterChain !== undefined && { filterChain }),
    ...(virtualService !== undefined && { virtualService }),
    destinations: Object.freeze([]),
    ...(cors !== undefined && { cors }),
    ...(fault !== undefined && { fault }),
    ...(operation !== undefined && { operation }),
    localReply: replyOf(action, call),
    ...(responseHeaders.length > 0 && { responseHeaders: Object.freeze(responseHeaders) }),
    responseFlags: '',
    responseCodeDetails: 'direct_response',
  } satisfies RouteDecision);
}

function replyOf(action: RedirectAction | DirectResponseAction | NoAction, call: NormalizedCall): LocalReply {
  switch (action.kind) {
    case 'redirect':
      return localReply(call, { status: action.status, location: redirectLocation(action, call) });
    case 'direct_response': {
      const { status, body } = action;
      const located = status === 201 || (status >= 300 && status < 400);
      return localReply(call, {
        status,
        ...(body !== undefined && { body }),
        ...(located && { location: ownLocation(call) }),
      });
    }
    case 'none':
      return localReply(call, { status: 404 });
  }
}

/** An abort that always happens. A delay that always happens comes first, and is for whoever carries it out. */
export function faultAbort(plan: ForwardPlan, fault: FaultPolicy, call: NormalizedCall): Decision {
  const { httpStatus, grpcStatus } = fault.abort ?? {};
  const reply = localReply(call, {
    status: httpStatus ?? 200,
    body: 'fault filter abort',
    ...(httpStatus === undefined && grpcStatus !== undefined && { grpcStatus }),
  });
  return replyInstead(plan, {
    reason: 'fault_abort',
    localReply: reply,
    responseFlags: fault.delay?.percent === 100 ? 'DI,FI' : 'FI',
    responseCodeDetails: 'fault_filter_abort',
  });
}

/** Envoy's own answer to a CORS preflight. */
export function preflight(plan: ForwardPlan, headers: readonly (readonly [string, string])[]): Decision {
  return replyInstead(plan, {
    reason: 'cors_preflight',
    localReply: Object.freeze({ status: 200, ...(headers.length > 0 && { headers }) }),
    responseFlags: '',
    responseCodeDetails: 'cors_response',
  });
}

/** The route stays visible around an answer that is given before it is followed. */
function replyInstead(
  { forward, timeoutMs }: ForwardPlan,
  reply: Required<Pick<RouteDecision, 'reason' | 'localReply' | 'responseFlags' | 'responseCodeDetails'>>,
): Decision {
  const { destinations, retries, fault, mirrors, cors, hashPolicy, operation } = forward;
  const answered: RouteDecision = Object.freeze({
    action: 'route',
    destinations,
    ...(retries !== undefined && { retries }),
    ...(fault !== undefined && { fault }),
    ...(mirrors !== undefined && { mirrors }),
    ...(cors !== undefined && { cors }),
    ...(hashPolicy !== undefined && { hashPolicy }),
    ...(operation !== undefined && { operation }),
    ...baseOf(forward),
    ...reply,
  });
  if (timeoutMs === 0) return answered;
  return Object.freeze({ action: 'timeout', timeoutMs, then: answered, ...baseOf(answered) });
}

function formatReplyHeaders(
  operations: readonly HeaderOperation[],
  route: HttpRoute,
  call: NormalizedCall,
): readonly HeaderOperation[] {
  if (!operations.some(({ value }) => isFormatted(value ?? ''))) return operations;
  return formatOperations(operations, { call, routeName: route.name, cluster: '' });
}
