/** Bytes that are kept for another try, as for HTTP/1 and HTTP/2. */
const MAX_KEPT = 256 * 1024;

/** Whether a body is what `fetch` hands to undici: pieces that can be asked for once. */
export function isOneShotBody(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body && !('pipe' in body);
}

/**
 * A body that comes in pieces, for several tries: each gets what was read so far, and then reads on. What is longer than
 * is kept is sent once.
 */
export class ReplayBody implements AsyncIterable<unknown> {
  readonly #source: AsyncIterator<unknown>;
  readonly #kept: unknown[] = [];
  /** Pieces that are not kept any more. */
  #gone = 0;
  #size = 0;
  #ended = false;
  #reading: Promise<void> | undefined;

  constructor(source: AsyncIterable<unknown>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Whether another try would get all of it. */
  get replayable(): boolean {
    return this.#gone === 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    let at = 0;
    for (;;) {
      if (at - this.#gone < this.#kept.length) {
        const piece = this.#kept[at - this.#gone];
        at += 1;
        yield piece;
      } else if (this.#ended) return;
      else {
        if (this.#size > MAX_KEPT) this.#gone += this.#kept.splice(0).length;
        // A try that was given up may be waiting for the same piece.
        await (this.#reading ??= this.#read());
      }
    }
  }

  /** There will be no other try. */
  discard(): void {
    if (!this.#ended) this.#source.return?.().catch(() => undefined);
    this.#ended = true;
  }

  async #read(): Promise<void> {
    try {
      const next: IteratorResult<unknown, unknown> = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else {
        this.#kept.push(next.value);
        this.#size += sizeOf(next.value);
      }
    } finally {
      this.#reading = undefined;
    }
  }
}

function sizeOf(piece: unknown): number {
  if (typeof piece === 'string') return Buffer.byteLength(piece);
  return piece instanceof Uint8Array ? piece.byteLength : 0;
}
