/** Bytes of a request body that are kept for another try: as for HTTP/1. Envoy keeps as much as its buffers hold. */
const MAX_KEPT = 256 * 1024;

/** The body of a request as far as it was sent, so that a further try can send the same. Too much of it: it is sent once. */
export class ReplayBuffer {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #replayable = true;

  /** Whether everything that was sent is here. */
  get replayable(): boolean {
    return this.#replayable;
  }

  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  keep(chunk: Uint8Array): void {
    if (!this.#replayable) return;
    this.#size += chunk.byteLength;
    if (this.#size > MAX_KEPT) this.giveUp();
    else this.#chunks.push(chunk);
  }

  /** There will be no other try. */
  giveUp(): void {
    this.#replayable = false;
    this.#chunks = [];
  }
}
