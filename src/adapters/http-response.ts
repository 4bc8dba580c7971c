import { IncomingMessage } from 'node:http';
import type { HeaderOperation } from '../core/model/decision.ts';
import { applyHeaderOperations, fromRawHeaders } from '../upstream/header-operations.ts';

/** Gives a response the headers that the route wants it to have, through Node's own rules for repeated fields. */
export function rewriteResponse(response: IncomingMessage, operations: readonly HeaderOperation[]): void {
  const raw = applyHeaderOperations(fromRawHeaders(response.rawHeaders), operations).flat();
  const fresh = new IncomingMessage(response.socket) as IncomingMessage & {
    _addHeaderLines(headers: string[], count: number): void;
  };
  fresh._addHeaderLines(raw, raw.length);
  response.rawHeaders = raw;
  response.headers = fresh.headers;
  response.headersDistinct = fresh.headersDistinct;
}
