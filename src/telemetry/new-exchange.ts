import type { Connection } from '../core/model/connection.ts';
import type { Decision } from '../core/model/decision.ts';
import type { Exchange, SeamName } from './exchange.ts';

/**
 * The record of a request or connection that was decided this moment, with all that it may ever hold: an object that grows field
 * by field is slow to fill in and to read.
 */
export function newExchange(
  connection: Connection,
  decision: Decision,
  seam: SeamName,
  layer: Exchange['layer'],
): Exchange {
  const start = performance.now();
  return {
    connection,
    decision,
    seam,
    layer,
    startTime: Date.now(),
    start,
    wouldDeny: undefined,
    carriesRequests: undefined,
    place: -1,
    opened: undefined,
    gatewayDecision: undefined,
    destination: undefined,
    request: undefined,
    protocol: undefined,
    responseCode: 0,
    responseFlags: '',
    responseCodeDetails: undefined,
    connectionTerminationDetails: undefined,
    upstreamTransportFailureReason: undefined,
    responseHeaders: undefined,
    responseTrailers: undefined,
    bytesReceived: 0,
    bytesSent: 0,
    attempts: 1,
    upstreamHost: undefined,
    localAddress: undefined,
    led: undefined,
    requestedServerName: connection.sni,
    tlsVersion: undefined,
    tlsCipher: undefined,
    reusedSocket: undefined,
    shared: undefined,
    requestSentAt: undefined,
    firstByteAt: undefined,
    endedAt: undefined,
  };
}
