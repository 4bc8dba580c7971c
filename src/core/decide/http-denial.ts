import type { HttpRoute } from '../compile/http-route.ts';
import type { VirtualHost } from '../compile/virtual-host.ts';
import type { Decision, DecisionReason, DenyDecision } from '../model/decision.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { CallRefusal, NormalizedCall } from './http-call.ts';
import { localReply } from './http-reply.ts';
import { httpsLocation } from './http-route-url.ts';
import type { HttpContext } from './http-route.ts';

interface Refusal {
  readonly reason: DecisionReason;
  readonly body?: string;
  readonly responseFlags: string;
  readonly responseCodeDetails: string;
}

const BAD_REQUEST = 'Bad Request';
const REFUSALS: Readonly<Record<CallRefusal, Refusal>> = {
  codec_error: {
    reason: 'protocol_error',
    body: BAD_REQUEST,
    responseFlags: 'DPE',
    responseCodeDetails: 'http1.codec_error',
  },
  invalid_authority: {
    reason: 'invalid_authority',
    body: BAD_REQUEST,
    responseFlags: 'DPE',
    responseCodeDetails: 'http.invalid_authority',
  },
  unsupported_upgrade: { reason: 'unsupported_upgrade', responseFlags: '', responseCodeDetails: 'upgrade_failed' },
  missing_host: { reason: 'missing_host', responseFlags: '', responseCodeDetails: 'missing_host_header' },
  path_normalization_failed: {
    reason: 'invalid_path',
    responseFlags: '',
    responseCodeDetails: 'path_normalization_failed',
  },
};

/** The answers of `block_all`, which are all alike: the usual case under REGISTRY_ONLY. */
const blocked = new WeakMap<HttpContext, DenyDecision>();

/** A request that does not come as far as its routes. */
export function refuse(refusal: CallRefusal, context: HttpContext): DenyDecision {
  const { reason, body, responseFlags, responseCodeDetails } = REFUSALS[refusal];
  return deny(context, [context.scope.policySource], {
    reason,
    localReply: localReply(undefined, {
      status: refusal === 'unsupported_upgrade' ? 403 : 400,
      ...(body !== undefined && { body }),
    }),
    responseFlags,
    responseCodeDetails,
  });
}

/** No virtual host of the table has the authority: only gateways have such tables. */
export function noVirtualHost(call: NormalizedCall, context: HttpContext): DenyDecision {
  return deny(context, [context.scope.policySource], { reason: 'no_virtual_host', ...notFound(call) });
}

/** The host is known, and none of its routes takes the request. */
export function noRoute(call: NormalizedCall, virtualHost: VirtualHost, context: HttpContext): DenyDecision {
  const sources = virtualHost.routes.map((route) => route.virtualService).filter((ref) => ref !== undefined);
  return deny(context, [...new Set(sources)], { reason: 'no_route', ...notFound(call) });
}

/** Plaintext for a Gateway server that wants TLS. */
export function httpsRedirect(call: NormalizedCall, context: HttpContext): DenyDecision {
  return deny(context, [context.scope.policySource], {
    reason: 'https_redirect',
    localReply: localReply(call, { status: 301, location: httpsLocation(call) }),
    responseFlags: '',
    responseCodeDetails: 'direct_response',
  });
}

/** An unknown host under REGISTRY_ONLY. */
export function blockAll(
  route: HttpRoute,
  virtualHost: VirtualHost,
  call: NormalizedCall,
  context: HttpContext,
): Decision {
  if (call.isGrpc) return buildBlockAll(route, virtualHost, call, context);
  let decision = blocked.get(context);
  if (decision === undefined) {
    decision = buildBlockAll(route, virtualHost, undefined, context);
    blocked.set(context, decision);
  }
  return decision;
}

function buildBlockAll(
  route: HttpRoute,
  virtualHost: VirtualHost,
  call: NormalizedCall | undefined,
  context: HttpContext,
): DenyDecision {
  return deny(context, [context.scope.policySource], {
    reason: 'no_service_entry',
    routeName: route.name,
    virtualHost: virtualHost.name,
    localReply: localReply(call, { status: 502 }),
    responseFlags: '',
    responseCodeDetails: 'direct_response',
  });
}

function notFound(call: NormalizedCall): Pick<DenyDecision, 'localReply' | 'responseFlags' | 'responseCodeDetails'> {
  return {
    localReply: localReply(call, { status: 404 }),
    responseFlags: 'NR',
    responseCodeDetails: 'route_not_found',
  };
}

function deny(
  { listener, filterChain }: HttpContext,
  determinedBy: readonly ResourceRef[],
  rest: Pick<DenyDecision, 'reason' | 'localReply' | 'responseFlags' | 'responseCodeDetails'> &
    Partial<Pick<DenyDecision, 'routeName' | 'virtualHost'>>,
): DenyDecision {
  return Object.freeze({
    action: 'deny',
    cluster: '',
    determinedBy: Object.freeze(determinedBy),
    seenAs: 'http',
    ...(listener !== undefined && { listener }),
    ...(filterChain !== undefined && { filterChain }),
    ...rest,
  });
}
