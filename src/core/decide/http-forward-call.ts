import type { CatchAllAction, ForwardAction } from '../compile/http-route-action.ts';
import type { HttpRoute } from '../compile/http-route.ts';
import type { AllowDecision, Decision, HeaderOperation, RouteDecision } from '../model/decision.ts';
import type { WeightedDestination } from '../model/decision.ts';
import type { NormalizedCall } from './http-call.ts';
import { formatOperations } from './http-header-format.ts';
import { ENVOY_CONTROLS } from './http-headers.ts';
import { localReply } from './http-reply.ts';
import { wrap, type ForwardPlan } from './http-route-forward.ts';
import { rewritePath } from './http-route-url.ts';

/**
 * The decision for one request on a planned route: the plan itself, unless the request leaves other than it came or
 * the route's headers depend on it.
 */
export function forwardCall(
  plan: ForwardPlan,
  action: ForwardAction | CatchAllAction,
  route: HttpRoute,
  call: NormalizedCall,
): Decision {
  const isPlain = !plan.dynamic && !call.hasEnvoyHeader && call.path === call.request.path && !call.absolute;
  const isGrpc = call.isGrpc;
  if (isPlain && !isGrpc) return plan.decision;
  const own = [...controlRemovals(call), ...(isGrpc ? grpcTimeout(action, call) : [])];
  if (isPlain && own.length === 0) return answerTo(plan.decision, call);
  const { forward } = plan;
  const path =
    action.kind === 'forward' && action.rewrite !== undefined ? rewritePath(action.rewrite, call) : call.path;
  const destinations = forward.destinations.map((destination) =>
    destinationForCall(destination, own, action, route, call, plan.formatted),
  );
  // One of several destinations may replace it once more.
  const authority = (action.kind === 'forward' && action.authority) || call.authority;
  const request = Object.freeze({ method: call.method, path, authority });
  const changed: AllowDecision | RouteDecision = Object.freeze({
    ...forward,
    destinations: Object.freeze(destinations),
    request,
  });
  return answerTo(wrap(changed, plan), call);
}

/** A denial says to a gRPC client what it says to others by status. */
function answerTo(decision: Decision, call: NormalizedCall): Decision {
  if (decision.action !== 'deny' || !call.isGrpc) return decision;
  return Object.freeze({ ...decision, localReply: localReply(call, { status: decision.localReply?.status ?? 503 }) });
}

function destinationForCall(
  destination: WeightedDestination,
  own: readonly HeaderOperation[],
  action: ForwardAction | CatchAllAction,
  route: HttpRoute,
  call: NormalizedCall,
  formatted: boolean,
): WeightedDestination {
  const { requestHeaders = [] } = destination;
  const operations = [...own];
  if (formatted) {
    operations.push(...formatOperations(requestHeaders, { call, routeName: route.name, cluster: destination.cluster }));
  } else {
    operations.push(...requestHeaders);
  }
  // Envoy keeps the old name only where the route, not one of several destinations, replaces it.
  if (action.kind === 'forward' && action.authority !== '') {
    operations.push({ op: 'set', name: 'x-envoy-original-host', value: call.authority });
    if (action.appendForwardedHost) operations.push({ op: 'add', name: 'x-forwarded-host', value: call.authority });
  }
  if (action.kind === 'forward' && action.rewrite !== undefined) {
    operations.push({ op: 'set', name: 'x-envoy-original-path', value: call.path });
  }
  if (operations.length === 0) return destination;
  return Object.freeze({ ...destination, requestHeaders: Object.freeze(operations) });
}

function controlRemovals({ request, hasEnvoyHeader }: NormalizedCall): HeaderOperation[] {
  const removals: HeaderOperation[] = [];
  if (!hasEnvoyHeader) return removals;
  for (const name in request.headers) {
    const lowered = name.toLowerCase();
    if (ENVOY_CONTROLS.has(lowered)) removals.push({ op: 'remove', name: lowered });
  }
  return removals;
}

/** Envoy tells a gRPC server how long the client will wait: the first of its own wish, a try's limit, the route's. */
function grpcTimeout(action: ForwardAction | CatchAllAction, call: NormalizedCall): HeaderOperation[] {
  if (call.protocol === 'http1') return [];
  const limit = action.kind === 'forward' ? action.timeoutMs : 0;
  const perTry = action.kind === 'forward' ? (action.retries?.perTryTimeoutMs ?? 0) : 0;
  const wish = parseGrpcTimeout(call.header('grpc-timeout'));
  const whole = limit !== 0 && (wish === 0 || wish > limit) ? limit : wish;
  const expected = perTry !== 0 && (whole === 0 || perTry < whole) ? perTry : whole;
  return expected === 0 ? [] : [{ op: 'set', name: 'grpc-timeout', value: formatGrpcTimeout(expected) }];
}

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds, rounded up; 0: none, or not a gRPC timeout. */
function parseGrpcTimeout(text: string | undefined): number {
  const match = text === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return 0;
  return Math.ceil(Number(match[1]) * (GRPC_UNITS[match[2] ?? ''] ?? 0));
}

/** In the smallest unit that needs no more than eight digits. */
function formatGrpcTimeout(ms: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['m', 1],
    ['S', 1000],
    ['M', 60_000],
    ['H', 3_600_000],
  ];
  for (const [unit, size] of units) {
    const count = Math.trunc(ms / size);
    if (count <= 99_999_999) return `${count}${unit}`;
  }
  return '99999999H';
}
