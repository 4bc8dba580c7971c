import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { addAbortSignal, Duplex } from 'node:stream';
import { ReplayBuffer } from '../upstream/replay-buffer.ts';

// From RFC 9113; `node:http2` itself is loaded only by programs that use it.
const NGHTTP2_NO_ERROR = 0;
const NGHTTP2_INTERNAL_ERROR = 2;
export const NGHTTP2_CANCEL = 8;
export const NGHTTP2_FLAG_END_STREAM = 1;

/** Events of a real stream that are the client's business as they are. */
const PASSED_ON = ['continue', 'headers', 'push', 'trailers', 'wantTrailers', 'frameError'] as const;

export interface StandInOptions {
  /** The request ends with its headers. */
  readonly endStream: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Stands in for the stream of a request that is answered here, or refused, or may take several tries. A real stream
 * that is destroyed would have sent its headers first, and it is one try.
 */
export class StandInStream extends Duplex {
  readonly session: ClientHttp2Session;
  readonly sentHeaders: object;
  readonly endAfterHeaders: boolean;
  readonly headersSent = true;
  readonly scheme: string;
  /** What was written so far, for another try. */
  readonly body = new ReplayBuffer();
  /** Sees each piece of the body once, however many tries it takes. */
  onWritten: ((chunk: Uint8Array) => void) | undefined;
  rstCode: number = NGHTTP2_NO_ERROR;
  aborted = false;
  #carrier: ClientHttp2Stream | undefined;
  /** Some try got the body as it was written: the next gets it from the buffer. */
  #carried = false;
  #held: { readonly chunk: Uint8Array; readonly done: () => void } | undefined;
  #ended = false;
  #answered = false;
  #isReady = false;
  #readAll = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(session: ClientHttp2Session, sentHeaders: object, { endStream, signal }: StandInOptions) {
    super({ autoDestroy: true, allowHalfOpen: true });
    this.session = session;
    this.sentHeaders = sentHeaders;
    this.endAfterHeaders = endStream;
    this.scheme = session.encrypted === true ? 'https' : 'http';
    if (endStream) this.end();
    if (signal) addAbortSignal(signal, this);
  }

  /** The stream that carries the try of the moment. */
  get carrier(): ClientHttp2Stream | undefined {
    return this.#carrier;
  }

  get id(): number | undefined {
    return this.#carrier?.id;
  }

  get pending(): boolean {
    return this.#carrier?.pending ?? !this.#answered;
  }

  get bufferSize(): number {
    return this.#carrier?.bufferSize ?? 0;
  }

  get state(): object {
    return this.#carrier?.state ?? {};
  }

  /** The next try: it gets all that was written, and what is written from now on. */
  carry(carrier: ClientHttp2Stream): void {
    const before = this.#carried ? this.body.chunks : this.#held ? [this.#held.chunk] : [];
    this.#carrier = carrier;
    this.#carried = true;
    carrier.on('error', () => undefined);
    for (const name of PASSED_ON)
      carrier.on(name, (...args: unknown[]) => {
        if (this.#carrier === carrier) this.emit(name, ...args);
      });
    carrier.once('ready', () => {
      if (this.#carrier === carrier) this.#ready();
    });
    if (carrier.writableEnded) return;
    for (const chunk of before) carrier.write(chunk);
    this.#letGo();
    if (this.#ended) carrier.end();
  }

  /** This try is over, and the client hears nothing of it. */
  abandon(): void {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    carrier?.close(NGHTTP2_CANCEL);
  }

  /** The answer of this try is the client's: its head now, the rest as it comes. */
  accept(carrier: ClientHttp2Stream, ...head: unknown[]): void {
    this.#answered = true;
    this.#idle?.refresh();
    this.emit('response', ...head);
    carrier.on('data', (chunk: Uint8Array) => {
      this.#idle?.refresh();
      if (!this.push(chunk)) carrier.pause();
    });
    carrier.on('end', () => this.#endReading());
  }

  /** The try that was accepted, or that is not followed by another, is over. */
  carrierClosed(carrier: ClientHttp2Stream, error: Error | undefined): void {
    this.rstCode = carrier.rstCode ?? NGHTTP2_NO_ERROR;
    if (error) {
      this.destroy(error);
      return;
    }
    if (carrier.aborted && !this.aborted) {
      this.aborted = true;
      this.emit('aborted');
    }
    if (this.readableEnded) {
      this.destroy();
      return;
    }
    this.once('end', () => this.destroy());
    this.#endReading();
    // Node ends a stream that nobody reads as well, once there is nothing left in it.
    this.read(0);
  }

  /** The whole answer at once; a reply without a body ends with its headers. */
  reply(head: IncomingHttpHeaders, body: Buffer): void {
    if (this.destroyed) return;
    this.#ready();
    this.abandon();
    this.#answered = true;
    this.emit('response', head, body.length === 0 ? NGHTTP2_FLAG_END_STREAM : 0);
    if (body.length > 0) this.push(body);
    this.#endReading();
    // As with a real stream, the client's own half is cut off once the answer is complete.
    this.#letGo();
    if (!this.writableEnded) this.end();
  }

  refuse(error: Error): void {
    if (this.destroyed) return;
    this.rstCode = NGHTTP2_INTERNAL_ERROR;
    this.destroy(error);
  }

  override _read(): void {
    if (this.#answered) this.#carrier?.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: () => void): void {
    this.body.keep(chunk);
    this.onWritten?.(chunk);
    this.#idle?.refresh();
    // What becomes of a write is told by the try as a whole.
    if (this.#carrier) this.#carrier.write(chunk, () => callback());
    else if (this.#answered) callback();
    else this.#held = { chunk, done: callback };
  }

  override _final(callback: () => void): void {
    this.#ended = true;
    this.#carrier?.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    clearTimeout(this.#idle);
    if (carrier && !carrier.destroyed) {
      if (error) carrier.destroy(error);
      else carrier.close(this.rstCode === NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : this.rstCode);
    }
    callback(error);
  }

  close(code: number = NGHTTP2_NO_ERROR, callback?: () => void): void {
    if (callback) this.once('close', callback);
    this.rstCode = code;
    // The peer is told, and what it still sends is read, by the stream below.
    if (this.#carrier && !this.#carrier.destroyed && this.#answered) {
      this.#carrier.close(code);
      return;
    }
    if (code === NGHTTP2_CANCEL && !this.aborted && !this.writableEnded) {
      this.aborted = true;
      this.emit('aborted');
    }
    this.destroy();
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (callback) this.once('timeout', callback);
    clearTimeout(this.#idle);
    this.#idle = ms > 0 ? setTimeout(() => this.emit('timeout'), ms).unref() : undefined;
    return this;
  }

  priority(): void {
    // There is nothing to be ordered.
  }

  sendTrailers(trailers: OutgoingHttpHeaders): void {
    if (this.#carrier) this.#carrier.sendTrailers(trailers);
    else this.end();
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.emit('ready');
  }

  #endReading(): void {
    if (this.#readAll) return;
    this.#readAll = true;
    this.push(null);
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.done();
  }
}
