/** A body that can be sent again: none, or one that lies in memory. */
export function isReplayable(body: unknown): boolean {
  return body === undefined || body === null || typeof body === 'string' || isBytes(body);
}

/** Bytes of a body that lies in memory; 0 for one that is still to come. */
export function bodyLength(body: unknown): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return isBytes(body) ? body.byteLength : 0;
}

/** The bytes of a body that lies in memory. */
export function bodyBytes(body: unknown): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength) : new Uint8Array();
}

function isBytes(body: unknown): body is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
}

/** Nobody will read this body any more. */
export function discardBody(body: unknown, reason: Error): void {
  if (typeof body !== 'object' || body === null) return;
  const { destroy, on } = body as {
    destroy?: (error: Error) => void;
    on?: (event: string, listener: () => void) => void;
  };
  if (typeof destroy !== 'function') return;
  if (typeof on === 'function') on.call(body, 'error', () => undefined);
  destroy.call(body, reason);
}
