import type { Mirror } from '../upstream/mirror.ts';
import type { Exchange } from './seam.ts';
import { bodyBytes, bodyLength, isReplayable } from './undici-body.ts';
import { isOneShotBody, ReplayBody } from './undici-body-replay.ts';

/** The body of a request on its way: kept for further tries, copied to mirrors, and counted. */
export class OutgoingBody {
  readonly #given: unknown;
  /** A body that is read as it is sent, for more than one try. */
  replay: ReplayBody | undefined;
  #mirrors: readonly Mirror[] = [];
  #chunksFromChannel = false;

  constructor(given: unknown) {
    this.#given = given;
  }

  /** It lies in memory. */
  get isThere(): boolean {
    return isReplayable(this.#given);
  }

  /** Whether it can be sent again, for which it may have to be kept from now on. */
  keep(attempts: number): boolean {
    if (attempts > 0 && isOneShotBody(this.#given)) this.replay ??= new ReplayBody(this.#given);
    return this.isThere || this.replay !== undefined;
  }

  /** Too long to be kept: it was sent once. */
  get isGone(): boolean {
    return this.replay !== undefined && !this.replay.replayable;
  }

  /** Copies of the request: a body that lies in memory is sent at once, any other as it is sent itself. */
  mirror(mirrors: readonly Mirror[]): void {
    if (!this.isThere) this.#mirrors = mirrors;
    else
      for (const copy of mirrors) {
        copy.write(bodyBytes(this.#given));
        copy.end();
      }
  }

  /** A try begins. */
  count(exchange: Exchange): void {
    if (exchange.bytesReceived === 0 || this.replay) exchange.bytesReceived = bodyLength(this.#given);
  }

  /** Told by handlers in some versions of undici, by a channel in others, and in some first by the channel and then by handlers. */
  onChunk(chunk: unknown, exchange: Exchange | undefined, fromChannel: boolean): void {
    if (fromChannel) this.#chunksFromChannel = true;
    else if (this.#chunksFromChannel) return;
    if (chunk instanceof Uint8Array || typeof chunk === 'string') for (const copy of this.#mirrors) copy.write(chunk);
    if (exchange && chunk instanceof Uint8Array && bodyLength(this.#given) === 0)
      exchange.bytesReceived += chunk.byteLength;
  }

  onWritten(): void {
    for (const copy of this.#mirrors) copy.end();
    this.#mirrors = [];
  }

  /** The request is over. */
  end(): void {
    this.replay?.discard();
    for (const copy of this.#mirrors) copy.abandon();
    this.#mirrors = [];
  }
}
