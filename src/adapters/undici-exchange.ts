import type { TryOutcome } from '../upstream/retry.ts';
import type { Exchange } from './seam.ts';
import { addFlag, isConnectTimeout, isRefusal, isTlsError } from './socket-exchange.ts';
import { readResponseHead } from './undici-headers.ts';
import type { ResponseHead } from './undici-headers.ts';

export function noteAnswer(exchange: Exchange, status: number, head: ResponseHead): void {
  exchange.firstByteAt = performance.now();
  exchange.responseCode = status;
  exchange.responseCodeDetails = 'via_upstream';
  exchange.responseHeaders = readResponseHead(head).flat();
}

/** Envoy's flags for how a request came to grief. A denial was described when it was decided. */
export function noteFailure(
  exchange: Exchange,
  error: NodeJS.ErrnoException,
  { headGiven, aborted }: { readonly headGiven: boolean; readonly aborted: boolean },
): void {
  if (isRefusal(error)) return;
  if (aborted) return addFlag(exchange, 'DC');
  if (headGiven) return addFlag(exchange, 'UPE');
  const outcome = outcomeOf(error, true);
  if (outcome?.kind === 'connect-failure')
    describe(exchange, 'UF', 503, isConnectTimeout(error) ? 'connection_timeout' : 'remote_connection_failure');
  else if (outcome?.kind === 'reset') describe(exchange, 'UC', 503, 'connection_termination');
  else if (error.code?.startsWith('HPE_')) describe(exchange, 'UPE', 502, 'protocol_error');
  if (isTlsError(error)) exchange.upstreamTransportFailureReason = `TLS_error:|${error.code ?? ''}:${error.message}`;
}

function describe(exchange: Exchange, flag: string, code: number, reason: string): void {
  addFlag(exchange, flag);
  exchange.responseCode = code;
  exchange.responseCodeDetails = `upstream_reset_before_response_started{${reason}}`;
}

/** What an error means for another try. Undefined: nothing that could go better. */
export function outcomeOf(error: NodeJS.ErrnoException, started: boolean): TryOutcome | undefined {
  if (isRefusal(error)) return undefined;
  const { code = '', syscall, name } = error;
  const connecting = syscall === 'connect' || syscall === 'getaddrinfo' || code === 'UND_ERR_CONNECT_TIMEOUT';
  if (connecting || name === 'AggregateError' || isTlsError(error)) return { kind: 'connect-failure' };
  if (code === 'ERR_HTTP2_STREAM_ERROR')
    return { kind: 'reset', sent: started, refused: error.message.includes('REFUSED_STREAM') };
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return { kind: 'reset', sent: started };
  return undefined;
}
