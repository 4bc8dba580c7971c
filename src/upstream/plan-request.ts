import type { Connection } from '../core/model/connection.ts';
import type {
  AllowDecision,
  Decision,
  Endpoint,
  Forward,
  LocalReply,
  RouteDecision,
  UpstreamCluster,
  WeightedDestination,
} from '../core/model/decision.ts';
import { drawFault, drawn } from './fault.ts';
import {
  drawDestination,
  nextTargetOf,
  pickEndpoint,
  targetOf,
  type EndpointState,
  type Random,
} from './pick-destination.ts';
import type { RequestPlan, TimeoutAs, UpstreamTarget } from './request-plan.ts';
import { retryNeeds } from './retry-conditions.ts';

/** A request that goes on, or is answered in place. */
export type Planned =
  | { readonly kind: 'plan'; readonly plan: RequestPlan }
  | {
      readonly kind: 'reply';
      readonly reply: LocalReply;
      readonly responseFlags: string;
      readonly responseCodeDetails?: string;
      readonly delayMs?: number;
      readonly destination?: WeightedDestination;
    };

export interface PlanContext {
  readonly random: Random;
  readonly state: EndpointState;
  readonly timeoutAs: TimeoutAs;
}

/** Plans in which nothing is drawn, made once for a decision that is itself made once. */
const fixed = new WeakMap<Decision, RequestPlan>();

/**
 * The plan that every request with this decision gets, when it is one with which nothing is left to do per request.
 * Undefined: it is not, or no request came to be planned yet.
 */
export function standingPlan(decision: Decision, timeoutAs: TimeoutAs): RequestPlan | undefined {
  const plan = fixed.get(decision);
  if (plan === undefined || plan.timeoutAs !== timeoutAs) return undefined;
  const { destination, endpoint, request, timeoutMs, delayMs, mirrors, requestHeaders, responseHeaders } = plan;
  const upstream = destination?.upstream;
  const idle =
    endpoint === undefined &&
    request === undefined &&
    timeoutMs === undefined &&
    delayMs === undefined &&
    mirrors.length === 0 &&
    requestHeaders.length === 0 &&
    responseHeaders.length === 0 &&
    !upstream?.circuitBreakers &&
    !upstream?.gateway;
  return idle ? plan : undefined;
}

/** What is to be done with a request that was not denied: draws what is left to chance. */
export function planRequest(
  decision: Exclude<Decision, { action: 'deny' }>,
  connection: Connection,
  context: PlanContext,
): Planned {
  const known = fixed.get(decision);
  if (known && known.timeoutAs === context.timeoutAs) return { kind: 'plan', plan: known };
  const forward = decision.action === 'timeout' ? decision.then : decision;
  const fault = drawFault(forward.fault, context.random);
  const delayMs = fault?.delayMs;
  const delayed = delayMs === undefined ? {} : { delayMs };
  if (forward.action === 'route' && forward.localReply)
    return { ...localReply(forward, forward.localReply), ...delayed };
  if (fault?.abort)
    return {
      kind: 'reply',
      reply: fault.abort,
      responseFlags: fault.responseFlags,
      responseCodeDetails: 'fault_filter_abort',
      ...delayed,
    };
  const destination = drawDestination(forward.destinations, context.random);
  if (!destination && forward.action === 'route') return unavailable('NC', 'cluster_not_found', '', delayed);
  if (destination && !destination.upstream)
    return { ...unavailable('NC', 'cluster_not_found', '', delayed), destination };
  const plan = makePlan(decision, forward, destination, connection, context, delayMs);
  if (plan === 'no_healthy_upstream')
    return {
      ...unavailable('UH', 'no_healthy_upstream', 'no healthy upstream', delayed),
      ...(destination && { destination }),
    };
  if (isFixed(forward, plan)) fixed.set(decision, plan);
  return { kind: 'plan', plan };
}

function makePlan(
  decision: Decision,
  forward: AllowDecision | RouteDecision,
  destination: WeightedDestination | undefined,
  connection: Connection,
  { random, state, timeoutAs }: PlanContext,
  delayMs: number | undefined,
): RequestPlan | 'no_healthy_upstream' {
  const request = leaving(forward, destination, connection);
  const name = hostOf(request?.authority ?? connection.authority) ?? connection.host;
  const upstream = destination?.upstream;
  let target: UpstreamTarget | undefined;
  let watched: Endpoint | undefined;
  if (forward.action === 'route' && upstream) {
    const endpoint = pickEndpoint(upstream, state, random);
    if (!endpoint && needsEndpoint(upstream)) return 'no_healthy_upstream';
    target = targetOf(upstream, endpoint, connection, name, forward.tunnel);
    if (upstream.endpoints.length > 1 || upstream.outlierDetection) watched = endpoint;
  }
  const mirrors = (forward.mirrors ?? []).filter(({ percent }) => drawn(percent, random));
  return Object.freeze({
    decision,
    requestHeaders: destination?.requestHeaders ?? [],
    responseHeaders: destination?.responseHeaders ?? [],
    timeoutAs,
    mirrors,
    ...(destination && { destination }),
    ...(target && { target }),
    ...(watched && { endpoint: watched }),
    ...(request && { request }),
    ...(decision.action === 'timeout' && { timeoutMs: decision.timeoutMs }),
    ...(forward.action === 'route' && forward.retries && { retries: forward.retries }),
    ...(forward.action === 'allow' &&
      forward.retries &&
      retryNeeds(forward.retries).connects && { connectRetries: forward.retries }),
    ...(delayMs !== undefined && { delayMs }),
    ...(upstream &&
      forward.action === 'route' && {
        nextTarget: (tried: readonly UpstreamTarget[]) =>
          nextTargetOf(upstream, tried, { connection, name, tunnel: forward.tunnel, random, state }),
      }),
  });
}

/** Only what differs from the request as it was made. */
function leaving(
  forward: Forward,
  destination: WeightedDestination | undefined,
  { request: asked, authority: dialled }: Connection,
): RequestPlan['request'] {
  const { request } = forward;
  if (!asked || (!request && destination?.authority === undefined)) return undefined;
  const method = request?.method ?? asked.method;
  const authority = destination?.authority ?? (dialled === undefined ? '' : (request?.authority ?? dialled));
  const path = inFormOf(asked.path, request?.path ?? asked.path, authority);
  if (method === asked.method && path === asked.path && authority === (dialled ?? '')) return undefined;
  return { method, path, authority };
}

/** A target in absolute form stays one: a forward proxy reads from it where the request is to go. */
function inFormOf(asked: string, path: string, authority: string): string {
  const scheme = asked.startsWith('/') || !path.startsWith('/') ? null : /^[a-z][a-z0-9+.-]*:\/\//i.exec(asked);
  return scheme ? `${scheme[0]}${authority}${path}` : path;
}

function isFixed(forward: Forward, plan: RequestPlan): boolean {
  return (
    forward.destinations.length <= 1 &&
    (forward.destinations[0]?.upstream?.endpoints.length ?? 0) <= 1 &&
    !plan.target?.tls?.autoSni &&
    plan.request === undefined &&
    forward.request === undefined &&
    !forward.fault &&
    !forward.mirrors?.length
  );
}

/** Clusters that lead to the dialled host itself have no endpoints of their own. */
export function needsEndpoint({ type }: UpstreamCluster): boolean {
  return type !== 'ORIGINAL_DST' && type !== 'DYNAMIC_FORWARD_PROXY';
}

function localReply(route: RouteDecision, reply: LocalReply): Extract<Planned, { kind: 'reply' }> {
  return {
    kind: 'reply',
    reply,
    responseFlags: route.responseFlags ?? '',
    ...(route.responseCodeDetails !== undefined && { responseCodeDetails: route.responseCodeDetails }),
  };
}

function unavailable(
  responseFlags: string,
  responseCodeDetails: string,
  body: string,
  delayed: { delayMs?: number },
): Extract<Planned, { kind: 'reply' }> {
  return { kind: 'reply', reply: { status: 503, body }, responseFlags, responseCodeDetails, ...delayed };
}

/** The name part of `name:port`. */
function hostOf(authority: string | undefined): string | undefined {
  if (authority === undefined || authority === '') return undefined;
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  return authority.split(':', 1)[0];
}
