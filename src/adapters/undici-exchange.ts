import { answered, type TryOutcome } from '../upstream/retry.ts';
import { tellConnectTries } from './connect-tries.ts';
import type { Exchange } from './seam.ts';
import {
  isConnectError,
  isFailureNoted,
  isRefusal,
  noteClientGone,
  noteConnectFailure,
  noteUpstreamFailure,
  type UpstreamFailure,
} from './upstream-failure.ts';
import { flatResponseHead, readResponseHead } from './undici-headers.ts';
import type { ResponseHead } from './undici-headers.ts';

export function noteAnswer(exchange: Exchange, status: number, head: ResponseHead): void {
  exchange.firstByteAt = performance.now();
  exchange.responseCode = status;
  exchange.responseCodeDetails = 'via_upstream';
  exchange.responseHeaders = flatResponseHead(head);
}

/** How a request came to grief. A denial was described when it was decided. */
export function noteFailure(exchange: Exchange, error: NodeJS.ErrnoException, aborted: boolean): void {
  if (isRefusal(error) || isFailureNoted(exchange)) return;
  tellConnectTries(exchange, error);
  const { code = '' } = error;
  const outcome = outcomeOf(error, true);
  const answered = exchange.firstByteAt !== undefined;
  if (aborted) noteClientGone(exchange);
  else if (outcome?.kind === 'connect-failure' && !answered) noteConnectFailure(exchange, error);
  else if (code === 'ERR_HTTP2_STREAM_ERROR') noteUpstreamFailure(exchange, resetOfStream(error));
  // An answer over HTTP/1 that breaks off is one that its parser cannot make sense of.
  else if (code.startsWith('HPE_') || (answered && outcome !== undefined))
    noteUpstreamFailure(exchange, 'protocol_error');
  else if (outcome !== undefined) noteUpstreamFailure(exchange, 'connection_termination');
  // undici's own limits: the client has had enough.
  else if (code.startsWith('UND_ERR_')) noteClientGone(exchange);
}

function resetOfStream({ message }: Error): UpstreamFailure {
  if (message.includes('REFUSED_STREAM')) return 'remote_refused_stream_reset';
  return message.includes('PROTOCOL_ERROR') ? 'protocol_error' : 'remote_reset';
}

/** What an error means for another try. Undefined: nothing that could go better. */
export function outcomeOf(error: NodeJS.ErrnoException, started: boolean): TryOutcome | undefined {
  if (isRefusal(error)) return undefined;
  const { code = '' } = error;
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || isConnectError(error)) return { kind: 'connect-failure' };
  if (code === 'ERR_HTTP2_STREAM_ERROR')
    return { kind: 'reset', sent: started, refused: error.message.includes('REFUSED_STREAM') };
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return { kind: 'reset', sent: started };
  return undefined;
}

/** What an answer means for another try. */
export function answerOutcome(status: number, head: ResponseHead): TryOutcome {
  const list = readResponseHead(head);
  return answered(status, (name) => list.find(([other]) => other.toLowerCase() === name)?.[1]);
}
