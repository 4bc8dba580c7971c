import type { IncomingHttpHeaders } from 'node:http2';
import type { LocalReply } from '../core/model/decision.ts';
import { replyHeaders } from './local-reply.ts';

/** Head and body of a local reply in HTTP/2; gRPC is answered in its own words. */
export function replyParts(
  reply: LocalReply,
  method: string,
  isGrpc: boolean,
): { head: IncomingHttpHeaders; body: Buffer } {
  const grpc = isGrpc || reply.grpcStatus !== undefined;
  const body = Buffer.from(grpc || method === 'HEAD' ? '' : (reply.body ?? ''), 'utf8');
  const head = Object.create(null) as Record<string, unknown>;
  head[':status'] = grpc ? 200 : reply.status;
  for (const [name, value] of replyHeaders(reply, body, { method, isGrpc })) head[name.toLowerCase()] = value;
  head['date'] = new Date().toUTCString();
  return { head: head as IncomingHttpHeaders, body };
}
