import type { Connection } from '../core/model/connection.ts';
import type { Decision } from '../core/model/decision.ts';
import type { Exchange, SeamName } from './exchange.ts';

/** The record of a request or connection that was decided this moment. */
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
    responseCode: 0,
    responseFlags: '',
    bytesReceived: 0,
    bytesSent: 0,
    attempts: 1,
    requestedServerName: connection.sni,
  };
}
