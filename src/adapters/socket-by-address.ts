import type { LookupFunction, Socket } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import type { OptionsSnapshot } from './connection-snapshot.ts';
import { decidedSocket } from './decided-socket.ts';
import { isHttp2Connecting } from './http2-caller.ts';
import { CALL_OPTIONS, type CallOptions, type Guard, type SeamName } from './seam.ts';
import { bare, closeWhenIdle, dialTo, NOT_BELOW, targetOf, type Dial } from './socket-dial.ts';
import { observeSocket } from './socket-exchange.ts';
import { decideAnswers } from './socket-lookup.ts';
import { connectBelow } from './socket-over.ts';
import { recordsOf, type ConnectAttempt } from './socket-records.ts';

/** The name alone is not admitted: when it is looked up, its address is decided as if it had been dialled by it. */
export function dialByAddress(
  guard: Guard,
  socket: Socket,
  options: OptionsSnapshot,
  connection: Connection & { readonly host: string },
  seam: SeamName,
): Dial {
  const { host, port } = connection;
  const attempt: ConnectAttempt = { timeoutMs: undefined, secure: false, redial: undefined, addresses: 0 };
  const dial = dialTo(guard, socket, options, { connection, host, port, ground: 'address', attempt });
  if (dial.kind === 'refuse' || typeof dial.options['lookup'] !== 'function') return dial;
  const isHttp2 = isHttp2Connecting();
  const wishes = options[CALL_OPTIONS] as CallOptions | undefined;
  const lookup = decideAnswers(guard, dial.options['lookup'] as LookupFunction, (address, answer) => {
    const verdict = guard.connection({ ...connection, address }, seam, wishes);
    if (verdict.kind === 'resolve') return answer();
    if (verdict.exchange) observeSocket(guard, socket, verdict.exchange);
    if (verdict.kind === 'fail') return answer(verdict.error);
    const { connectTimeoutMs, idleTimeoutMs } = verdict;
    attempt.timeoutMs = connectTimeoutMs;
    if (idleTimeoutMs !== undefined) closeWhenIdle(socket, idleTimeoutMs);
    const target = targetOf(verdict, () => isHttp2);
    if (!target) return answer();
    if (!recordsOf(guard).exchangesHandles) return answer(guard.unroutable(connection, NOT_BELOW));
    recordsOf(guard).lead(socket, target);
    attempt.timeoutMs = undefined;
    const { generation } = guard;
    const timeout = connectTimeoutMs === undefined ? {} : { connectTimeoutMs };
    const mark = { ...decidedSocket({ guard, generation, connection, host, port, target, ...timeout }), target };
    connectBelow(socket, options, mark, attempt, answer);
  });
  return { kind: 'dial', options: bare({ ...dial.options, lookup }) };
}
