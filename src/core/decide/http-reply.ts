import type { LocalReply } from '../model/decision.ts';
import type { NormalizedCall } from './http-call.ts';

interface ReplyFields {
  readonly status: number;
  readonly body?: string;
  readonly location?: string;
  readonly headers?: readonly (readonly [string, string])[];
  /** Instead of what the HTTP status maps to. */
  readonly grpcStatus?: number;
}

/**
 * An answer of the proxy's own, as Envoy's `sendLocalReply` gives it: a gRPC client gets status 200 with the outcome in
 * `grpc-status`, a HEAD request no body.
 */
export function localReply(call: NormalizedCall | undefined, fields: ReplyFields): LocalReply {
  const { status, body = '', location, headers, grpcStatus } = fields;
  const common = {
    ...(location !== undefined && { location }),
    ...(headers !== undefined && headers.length > 0 && { headers }),
  };
  if (call?.isGrpc === true) {
    return Object.freeze({
      status: 200,
      ...common,
      grpcStatus: grpcStatus ?? grpcStatusOf(status),
      ...(body !== '' && { grpcMessage: body }),
    });
  }
  return Object.freeze({ status, ...common, ...(body !== '' && call?.method !== 'HEAD' && { body }) });
}

/** Envoy's `httpToGrpcStatus`. */
export function grpcStatusOf(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}
