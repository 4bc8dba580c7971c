import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { UpstreamCluster } from '../core/model/decision.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { pickEndpoint, targetOf } from '../upstream/pick-destination.ts';
import type { StreamConnection } from './http2-connection.ts';
import { toStreamHeaders, valueOf, withAuthorityOf } from './http2-headers.ts';
import type { Http2Sessions } from './http2-sessions.ts';
import { NGHTTP2_CANCEL } from './http2-stream.ts';
import { mirrorTo } from './mirror-connection.ts';
import type { Guard } from './seam.ts';

/** Bytes that a copy may lag behind before it is given up. */
const MAX_LAG = 1024 * 1024;
/** Milliseconds after which an unanswered copy is given up. */
const MAX_LIFE_MS = 60_000;

/** A copy of a request that is under way. Its fate is nobody's business. */
export interface StreamCopy {
  write(chunk: Uint8Array): void;
  end(): void;
  abandon(): void;
}

/** Opens a stream as the application's `session.request` does. */
export type RequestOn = (
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  options: Record<PropertyKey, unknown>,
) => ClientHttp2Stream;

export interface Mirrored {
  readonly guard: Guard;
  readonly sessions: Http2Sessions;
  readonly session: ClientHttp2Session;
  readonly request: RequestOn;
  readonly connection: StreamConnection;
  readonly head: HeaderList;
  readonly endStream: boolean;
}

/** Sends a copy as the mirror's cluster speaks: HTTP/2 on a session of its own, or HTTP/1.1. */
export function mirrorStream(upstream: UpstreamCluster, mirrored: Mirrored): StreamCopy | undefined {
  const { guard, connection, head, endStream } = mirrored;
  try {
    if (upstream.protocol === 'http2') return new Http2Copy(upstream, mirrored);
    const copy = mirrorTo(guard, connection, upstream, {
      method: valueOf(head, ':method') ?? 'GET',
      path: valueOf(head, ':path') ?? '/',
      headers: toHttp1(head, connection.authority),
    });
    if (endStream) copy.end();
    return copy;
  } catch (error) {
    guard.seamFailed('http2', error);
    return undefined;
  }
}

function toHttp1(head: HeaderList, ofSession: string | undefined): HeaderList {
  const authority = valueOf(head, ':authority') ?? valueOf(head, 'host') ?? ofSession;
  const rest = head.filter(([name]) => !name.startsWith(':') && name !== 'host' && name !== 'te');
  return authority === undefined ? rest : [['host', authority], ...rest];
}

class Http2Copy implements StreamCopy {
  readonly #stream: ClientHttp2Stream;

  constructor(upstream: UpstreamCluster, { sessions, session, request, connection, head, endStream }: Mirrored) {
    const endpoint = pickEndpoint(
      upstream,
      { isEjected: () => false, activeRequests: () => 0, turn: () => 0 },
      Math.random,
    );
    const asked = { ...connection, transport: 'tcp' as const };
    const target = targetOf(upstream, endpoint, asked, connection.host, undefined);
    const carrier = sessions.carrierOf(session, target, asked);
    this.#stream = request(carrier, toStreamHeaders(withAuthorityOf(connection, head), null), { endStream });
    this.#stream.on('error', () => undefined).resume();
    const lifetime = setTimeout(() => this.abandon(), MAX_LIFE_MS).unref();
    this.#stream.once('close', () => clearTimeout(lifetime));
  }

  write(chunk: Uint8Array): void {
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    if (this.#stream.writableLength > MAX_LAG) this.abandon();
    else this.#stream.write(chunk);
  }

  end(): void {
    if (!this.#stream.destroyed) this.#stream.end();
  }

  abandon(): void {
    this.#stream.close(NGHTTP2_CANCEL);
  }
}
