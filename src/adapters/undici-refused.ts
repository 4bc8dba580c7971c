import * as channels from 'node:diagnostics_channel';
import type { Connection } from '../core/model/connection.ts';
import { originText } from '../upstream/authority.ts';

/**
 * What undici's channels tell of a request that was refused before undici made one of it: without it, tracers would know
 * nothing of it, where they know of a refused connection. It has of undici's request what they read.
 */
class RefusedRequest {
  readonly origin: string;
  readonly method: string;
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[] = [];
  readonly host = null;
  readonly body = null;
  readonly completed = false;
  readonly aborted = false;

  constructor({ host = '', port, transport, request }: Connection) {
    this.origin = new URL(originText(transport === 'tls', host, port)).origin;
    this.method = request?.method ?? 'GET';
    this.path = request?.path ?? '/';
    for (const [name, value] of Object.entries(request?.headers ?? {}))
      for (const one of typeof value === 'object' ? value : [value ?? '']) this.headers.push(name, one);
  }

  addHeader(name: string, value: string): this {
    this.headers.push(name, value);
    return this;
  }
}

export function isRefused(request: object): boolean {
  return request instanceof RefusedRequest;
}

/** Publishes the beginning of a refused request; gives what publishes its end. */
export function tellRefused(connection: Connection): (error: Error) => void {
  try {
    const request = new RefusedRequest(connection);
    channels.channel('undici:request:create').publish({ request });
    return (error) => channels.channel('undici:request:error').publish({ request, error });
  } catch {
    // A host that is none: there is nothing that could be told of it.
    return () => undefined;
  }
}
