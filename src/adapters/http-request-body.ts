import type { NodeRequest } from './http-connection.ts';
import type { Exchange } from './seam.ts';

export function mayHaveBody({ method }: NodeRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE' && method !== 'CONNECT';
}

/** Calls back when the application has ended the request: on the request itself, for Node has no event for it. */
export function whenEnded(request: NodeRequest, callback: () => void): void {
  if (request.writableEnded) {
    callback();
    return;
  }
  const end = request.end.bind(request) as (...args: unknown[]) => NodeRequest;
  define(request, 'end', (...args: unknown[]) => {
    const result = end(...args);
    callback();
    return result;
  });
}

/** Counts body bytes as the application writes them; a declared length is enough where there is one. */
export function countBody(request: NodeRequest, exchange: Exchange): void {
  if (!mayHaveBody(request)) return;
  const count = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string')
      exchange.bytesReceived += Buffer.byteLength(
        chunk,
        typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8',
      );
    else if (chunk instanceof Uint8Array) exchange.bytesReceived += chunk.byteLength;
  };
  for (const name of ['write', 'end'] as const) {
    const original = request[name].bind(request) as (...args: unknown[]) => unknown;
    let inside = false;
    define(request, name, (...args: unknown[]) => {
      if (!inside) count(args[0], args[1]);
      inside = true;
      try {
        return original(...args);
      } finally {
        inside = false;
      }
    });
  }
}

export function define(request: NodeRequest, name: string, value: unknown): void {
  Object.defineProperty(request, name, { value, writable: true, configurable: true });
}
