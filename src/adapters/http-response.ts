import * as channels from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import type { HeaderOperation } from '../core/model/decision.ts';
import { applyHeaderOperations, fromRawHeaders } from '../upstream/header-operations.ts';
import type { NodeRequest } from './http-connection.ts';
import { governedBy } from './http-governed-by.ts';

let watching = false;

/** Published by Node when a response's head was parsed, before `response` is emitted. Subscribed once per process. */
export function watchResponses(): void {
  if (watching) return;
  watching = true;
  channels.subscribe('http.client.response.finish', (message) => {
    const { request, response } = message as { request: NodeRequest; response: IncomingMessage };
    for (const governed of governedBy(request)) {
      try {
        governed.onResponse(response);
      } catch (error) {
        governed.guard.seamFailed(governed.seam, error);
      }
    }
  });
}

/** The response's headers as the route wants them, through Node's own rules for repeated fields. */
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
