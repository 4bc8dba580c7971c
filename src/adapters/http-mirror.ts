import type { Connection } from '../core/model/connection.ts';
import type { MirrorPolicy } from '../core/model/decision.ts';
import type { Mirror } from '../upstream/mirror.ts';
import type { NodeRequest } from './http-connection.ts';
import { mirrorTo, type MirroredHead } from './mirror-connection.ts';
import type { Guard } from './seam.ts';

/** The copies of one request: opened with its head as it leaves, and fed with its body as the application writes it. */
export class RequestMirrors {
  readonly #guard: Guard;
  readonly #connection: Connection;
  readonly #policies: readonly MirrorPolicy[];
  #copies: readonly Mirror[] = [];

  constructor(guard: Guard, request: NodeRequest, connection: Connection, policies: readonly MirrorPolicy[]) {
    this.#guard = guard;
    this.#connection = connection;
    this.#policies = policies;
    tee(request, (chunk, ended) => {
      for (const copy of this.#copies) {
        if (chunk) copy.write(chunk);
        if (ended) copy.end();
      }
    });
    request.once('close', () => {
      if (!request.writableFinished) for (const copy of this.#copies) copy.abandon();
    });
  }

  open(head: MirroredHead): void {
    this.#copies = this.#policies.flatMap(({ upstream }) =>
      upstream ? [mirrorTo(this.#guard, this.#connection, upstream, head)] : [],
    );
  }
}

/** Tells of each piece of the body after it was written: by then the head has been rendered. */
function tee(request: NodeRequest, tell: (chunk: Uint8Array | undefined, ended: boolean) => void): void {
  let inside = false;
  for (const name of ['write', 'end'] as const) {
    const original = request[name].bind(request) as (...args: unknown[]) => unknown;
    const copying = (...args: unknown[]): unknown => {
      const outermost = !inside;
      inside = true;
      try {
        return original(...args);
      } finally {
        if (outermost) {
          inside = false;
          tell(bytesOf(args[0], args[1]), name === 'end');
        }
      }
    };
    Object.defineProperty(request, name, { value: copying, writable: true, configurable: true });
  }
}

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array | undefined {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? chunk : undefined;
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}
