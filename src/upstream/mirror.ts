import type { Duplex } from 'node:stream';
import type { HeaderList } from './header-operations.ts';

/** Bytes that a mirror may lag behind before it is given up. */
const MAX_LAG = 1024 * 1024;
/** Milliseconds after which an unanswered mirror is given up. */
const MAX_LIFE_MS = 60_000;

export interface MirroredRequest {
  readonly method: string;
  readonly path: string;
  /** As the request itself left, the Host header included. */
  readonly headers: HeaderList;
}

export interface MirrorOptions {
  /**
   * Appends `-shadow` to the host, as Envoy does when it is not told otherwise. Istio tells it otherwise since 1.28, and
   * so is the default here.
   */
  readonly shadowHostSuffix?: boolean;
}

/**
 * A copy of a request to another cluster: fire and forget. It never fails, slows or holds the original: what does not
 * connect, does not keep up, or does not answer is dropped, and the answer is thrown away.
 *
 * The copy is written as HTTP/1.1 on a connection of its own. `connect` opens it to the mirror's upstream.
 */
export class Mirror {
  readonly #socket: Duplex | undefined;
  readonly #chunked: boolean;
  #lifetime: NodeJS.Timeout | undefined;

  constructor(request: MirroredRequest, connect: () => Duplex, options: MirrorOptions = {}) {
    const headers = endToEnd(request.headers);
    this.#chunked = !has(headers, 'content-length') && mayHaveBody(request.method);
    try {
      this.#socket = connect();
      this.#socket.on('error', () => undefined);
      this.#socket.once('close', () => clearTimeout(this.#lifetime));
      this.#socket.resume();
      (this.#socket as { unref?: () => void }).unref?.();
      this.#lifetime = setTimeout(() => this.abandon(), MAX_LIFE_MS);
      this.#lifetime.unref();
      this.#write(this.#head(request, options.shadowHostSuffix === true ? headers.map(shadowed) : headers));
    } catch {
      this.abandon();
    }
  }

  /** The next piece of the body. */
  write(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (bytes.byteLength === 0) return;
    if (!this.#chunked) return this.#write(bytes);
    this.#write(Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]));
  }

  /** The body is complete. */
  end(): void {
    if (this.#chunked) this.#write('0\r\n\r\n');
  }

  /** The original was given up, or the mirror is not worth waiting for. */
  abandon(): void {
    clearTimeout(this.#lifetime);
    this.#socket?.destroy();
  }

  #head({ method, path }: MirroredRequest, headers: HeaderList): string {
    const lines = [`${method} ${path} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
    if (this.#chunked) lines.push('transfer-encoding: chunked');
    return [...lines, 'connection: close', '', ''].join('\r\n');
  }

  #write(bytes: Uint8Array | string): void {
    if (this.#socket === undefined || this.#socket.destroyed) return;
    if (this.#socket.writableLength > MAX_LAG) return this.abandon();
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }
}

/** Headers of one hop are the mirror's own business. */
function endToEnd(headers: HeaderList): HeaderList {
  const hop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect', 'proxy-connection']);
  return headers.filter(([name, value]) => !hop.has(name.toLowerCase()) && !/[\r\n]/.test(value));
}

function has(headers: HeaderList, wanted: string): boolean {
  return headers.some(([name]) => name.toLowerCase() === wanted);
}

function mayHaveBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE';
}

/** `api.example.com-shadow:8080` of `api.example.com:8080`. */
function shadowed([name, value]: HeaderList[number]): HeaderList[number] {
  if (name.toLowerCase() !== 'host') return [name, value];
  return [name, value.replace(/(:\d+)?$/, '-shadow$1')];
}
