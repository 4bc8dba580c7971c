import { Duplex } from 'node:stream';
import { hostAndPort } from './authority.ts';
import { chunk, ChunkedReader, LAST_CHUNK } from './chunked-body.ts';
import { readFields } from './http1-head.ts';
import type { UpstreamTunnel } from './request-plan.ts';

const MAX_HEAD = 64 * 1024;

export type TunnelOutcome =
  | { readonly kind: 'open'; readonly stream: Duplex }
  /** The proxy does not let through; `reason` says in its words. */
  | { readonly kind: 'closed'; readonly reason: string };

/**
 * Asks the proxy at the other end of `connection` for a way to the tunnel's target, over HTTP/1.1 as Envoy's TCP proxy
 * does (Istio: `trafficPolicy.tunnel`). With CONNECT the connection itself is the way once the answer is 2xx; with POST
 * the bytes are the bodies of request and answer. Called back once.
 */
export function openTunnel(
  connection: Duplex,
  { protocol, targetHost, targetPort }: UpstreamTunnel,
  callback: (outcome: TunnelOutcome) => void,
): void {
  const authority = hostAndPort(targetHost, targetPort);
  let held: Buffer = Buffer.alloc(0);
  const end = (outcome: TunnelOutcome): void => {
    connection.pause();
    connection.removeListener('data', onData).removeListener('error', onError).removeListener('close', onClose);
    callback(outcome);
  };
  const onError = (error: Error): void => end({ kind: 'closed', reason: error.message });
  const onClose = (): void => end({ kind: 'closed', reason: `the proxy closed the connection instead of an answer` });
  const onData = (bytes: Buffer): void => {
    held = Buffer.concat([held, bytes]);
    const head = readHead(held);
    if (head === 'incomplete') return;
    if (head === 'invalid')
      return end({ kind: 'closed', reason: 'the proxy answered with something else than HTTP/1.1' });
    held = held.subarray(head.length);
    if (head.status < 200) return onData(Buffer.alloc(0));
    if (head.status >= 300)
      return end({ kind: 'closed', reason: `the proxy answered ${head.line} to ${protocol} ${authority}` });
    // The rest are bytes of the target already.
    const rest = held;
    end({ kind: 'open', stream: protocol === 'POST' ? new PostTunnel(connection, rest, head.fields) : connection });
    if (protocol === 'CONNECT' && rest.length > 0) connection.unshift(rest);
  };
  connection.on('data', onData).on('error', onError).on('close', onClose).resume();
  connection.write(
    protocol === 'CONNECT'
      ? `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`
      : `POST / HTTP/1.1\r\nHost: ${authority}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
}

interface Head {
  readonly status: number;
  /** `403 Forbidden`. */
  readonly line: string;
  readonly fields: ReadonlyMap<string, string>;
  /** Bytes, the empty line included. */
  readonly length: number;
}

function readHead(bytes: Buffer): Head | 'incomplete' | 'invalid' {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return bytes.length > MAX_HEAD ? 'invalid' : 'incomplete';
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [, line = ''] = /^HTTP\/1\.[01] (\d{3}.*)$/.exec(first) ?? [];
  if (line === '') return 'invalid';
  return {
    status: Number(line.slice(0, 3)),
    line: line.replace(/[^\x20-\x7e]/g, '?'),
    fields: readFields(lines),
    length: end + 4,
  };
}

/** The bytes of a connection as the bodies of one request and its answer. */
class PostTunnel extends Duplex {
  readonly #connection: Duplex;
  readonly #chunks: ChunkedReader | undefined;
  /** Of an answer that says how long it is. */
  #left: number;

  constructor(connection: Duplex, rest: Buffer, fields: ReadonlyMap<string, string>) {
    super({ autoDestroy: true, emitClose: true, allowHalfOpen: true });
    this.#connection = connection;
    const chunked = /(^|,)\s*chunked$/i.test(fields.get('transfer-encoding') ?? '');
    this.#chunks = chunked ? new ChunkedReader() : undefined;
    this.#left = chunked ? Infinity : Number(fields.get('content-length') ?? Infinity);
    connection.on('data', (bytes: Buffer) => this.#received(bytes));
    connection.once('end', () => this.push(null));
    connection.once('error', (error) => this.destroy(error));
    connection.once('close', () => this.destroy());
    connection.pause();
    if (rest.length > 0) this.#received(rest);
  }

  get remoteAddress(): string | undefined {
    return (this.#connection as { remoteAddress?: string }).remoteAddress;
  }
  get remotePort(): number | undefined {
    return (this.#connection as { remotePort?: number }).remotePort;
  }
  get localAddress(): string | undefined {
    return (this.#connection as { localAddress?: string }).localAddress;
  }
  get localPort(): number | undefined {
    return (this.#connection as { localPort?: number }).localPort;
  }

  #received(bytes: Buffer): void {
    try {
      const data = this.#chunks ? this.#chunks.read(bytes) : [bytes.subarray(0, this.#left)];
      let more = true;
      for (const piece of data) {
        this.#left -= piece.length;
        if (piece.length > 0) more = this.push(piece);
      }
      if (this.#chunks ? this.#chunks.ended : this.#left <= 0) this.push(null);
      else if (!more) this.#connection.pause();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override _read(): void {
    this.#connection.resume();
  }

  override _write(bytes: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    if (bytes.length === 0) callback();
    else this.#connection.write(chunk(bytes), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#connection.write(LAST_CHUNK, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#connection.destroy();
    callback(error);
  }
}
