import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import type { MirrorPolicy, UpstreamCluster } from '../core/model/decision.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { Mirror } from '../upstream/mirror.ts';
import { pickEndpoint, targetOf, type EndpointState } from '../upstream/pick-destination.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { DECIDED, decidedSocket } from './decided-socket.ts';
import type { NodeRequest } from './http-connection.ts';
import type { Guard } from './seam.ts';
import { guardLookup } from './socket-lookup.ts';

const UNWATCHED: EndpointState = { isEjected: () => false, activeRequests: () => 0, turn: () => 0 };

/** A request as it leaves. */
export interface MirroredHead {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
}

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

/** Opens a copy of a request to a mirror's upstream, on a connection of its own that is decided for that upstream. */
export function mirrorTo(guard: Guard, connection: Connection, upstream: UpstreamCluster, head: MirroredHead): Mirror {
  const endpoint = pickEndpoint(upstream, UNWATCHED, Math.random);
  const name = head.headers.find(([field]) => field.toLowerCase() === 'host')?.[1]?.split(':', 1)[0];
  // Also of a request inside TLS the copy is its own connection, as the mirror's cluster speaks.
  const asked: Connection = { ...connection, transport: 'tcp' };
  const target = targetOf(upstream, endpoint, asked, name, undefined);
  const host = target?.host ?? asked.host ?? '';
  const port = target?.port ?? asked.port;
  const known: Connection = { host, port, transport: 'tcp', protocol: 'http1' };
  const mark = decidedSocket({
    guard,
    generation: guard.generation,
    connection: known,
    host,
    port,
    ...(target && { target }),
  });
  const options = { host, port, [DECIDED]: mark, lookup: guardLookup(guard, known, 'target', undefined) };
  return new Mirror(head, () =>
    target?.tls
      ? tls.connect({ ...options, ...originationOptions(target) } as tls.ConnectionOptions)
      : net.connect(options),
  );
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
