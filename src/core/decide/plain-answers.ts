import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Connection } from '../model/connection.ts';
import type { AllowDecision, Decision, DenyDecision } from '../model/decision.ts';
import type { Arrival } from './arrival.ts';

const NOBODY = Object.freeze([]);
const BAD_GATEWAY = Object.freeze({ status: 502 });

/** Not a Connection: nobody can say what would be dialled. */
export function denyInvalid(connection: Connection): DenyDecision {
  return INVALID[seenAs(connection)];
}

/** An exception in our code: fails closed. The message tells what broke, for the log. */
export function internalError(error: unknown): DenyDecision {
  const message = error instanceof Error ? error.message : 'unknown';
  return Object.freeze({
    action: 'deny',
    reason: 'internal_error',
    cluster: '',
    determinedBy: NOBODY,
    seenAs: 'tcp',
    responseFlags: '',
    responseCodeDetails: `internal_error{${message}}`,
  });
}

/** Outside the capture settings: no sidecar sees it. */
export function notCaptured({ scope }: CompiledMesh, arrival: Arrival): AllowDecision {
  const cluster = scope.passthroughCluster;
  return {
    action: 'allow',
    via: 'bypass',
    reason: 'not_captured',
    cluster: cluster.name,
    destinations: [{ cluster: cluster.name, weight: 1, upstream: cluster }],
    determinedBy: NOBODY,
    seenAs: shows(arrival),
  };
}

/** The proxy's own ports. */
export function denyLoop({ scope }: CompiledMesh, arrival: Arrival): DenyDecision {
  return {
    action: 'deny',
    reason: 'loop',
    cluster: scope.blackHoleCluster.name,
    determinedBy: NOBODY,
    seenAs: shows(arrival),
    responseFlags: 'UH',
    listener: 'virtualOutbound',
    filterChain: 'virtualOutbound-blackhole',
  };
}

/** A gateway does not listen there: the connection is refused. */
export function denyNoListener(arrival: Arrival): DenyDecision {
  return {
    action: 'deny',
    reason: 'no_listener',
    cluster: '',
    determinedBy: NOBODY,
    seenAs: shows(arrival),
    responseFlags: '',
  };
}

/** The listener has no chain for such a connection, and no policy for the rest. */
export function denyNoFilterChain(arrival: Arrival): DenyDecision {
  return {
    action: 'deny',
    reason: 'no_filter_chain',
    cluster: '',
    determinedBy: NOBODY,
    seenAs: arrival.tls ? 'tls' : 'tcp',
    responseFlags: 'NR',
    responseCodeDetails: 'filter_chain_not_found',
  };
}

/** Other bytes where only HTTP is understood. */
export function denyProtocolError({ origin }: FilterChain): DenyDecision {
  return {
    action: 'deny',
    reason: 'protocol_error',
    cluster: '',
    determinedBy: origin.gateway === undefined ? NOBODY : [origin.gateway],
    seenAs: 'http',
    responseFlags: 'DPE',
    responseCodeDetails: 'http1.codec_error',
    listener: origin.listener,
  };
}

/** The Host header or SNI and the dialled name are admitted, but not by one rule. */
export function denyMismatch({ scope }: CompiledMesh, arrival: Arrival, dialled: Decision): DenyDecision {
  return {
    action: 'deny',
    reason: 'host_mismatch',
    cluster: scope.blackHoleCluster.name,
    determinedBy: dialled.determinedBy,
    seenAs: shows(arrival),
    responseFlags: 'UH',
    ...(arrival.application !== undefined && { localReply: BAD_GATEWAY }),
  };
}

function shows({ tls, application }: Arrival): Decision['seenAs'] {
  if (tls) return 'tls';
  return application === undefined ? 'tcp' : 'http';
}

function seenAs({ transport, request }: Connection): Decision['seenAs'] {
  if (transport === 'tls') return 'tls';
  return request === undefined ? 'tcp' : 'http';
}

function invalid(seenAs: Decision['seenAs']): DenyDecision {
  return Object.freeze({
    action: 'deny',
    reason: 'invalid_connection',
    cluster: '',
    determinedBy: NOBODY,
    seenAs,
    responseFlags: '',
    ...(seenAs === 'http' && { localReply: BAD_GATEWAY }),
  });
}

const INVALID = { http: invalid('http'), tls: invalid('tls'), tcp: invalid('tcp') } as const;
