import { STATUS_CODES } from 'node:http';
import type { Connection } from '../core/model/connection.ts';
import type { LocalReply } from '../core/model/decision.ts';
import { replyHeaders } from './local-reply.ts';
import type { ClientHandler } from './undici-handler.ts';
import { toResponseHead } from './undici-headers.ts';

/** The request that is answered. */
interface Starter {
  readonly aborted: boolean;
  start(context: unknown): void;
}

const NO_TRAILERS = toResponseHead([]);

/**
 * Answers a client as an upstream would have, through its own handler; gives the bytes of the body. May throw what the
 * handler throws.
 */
export function giveReply(client: ClientHandler, reply: LocalReply, connection: Connection, starter: Starter): number {
  const { request } = connection;
  const type = request?.headers['content-type'];
  const isGrpc = typeof type === 'string' && /^application\/grpc($|[+;])/.test(type);
  const grpc = isGrpc || reply.grpcStatus !== undefined;
  const body = Buffer.from(grpc ? '' : (reply.body ?? ''), 'utf8');
  const method = request?.method ?? 'GET';
  const headers = replyHeaders(reply, body, { method, isGrpc });
  headers.push(['date', new Date().toUTCString()]);
  const status = grpc ? 200 : reply.status;
  starter.start({});
  const sent = method === 'HEAD' ? 0 : body.length;
  if (starter.aborted) return 0;
  let given = false;
  const finish = (): void => {
    if (given || starter.aborted) return;
    given = true;
    if (sent > 0) client.data(body);
    client.end(NO_TRAILERS);
  };
  if (client.head(status, toResponseHead(headers), STATUS_CODES[status] ?? '', finish)) finish();
  return sent;
}
