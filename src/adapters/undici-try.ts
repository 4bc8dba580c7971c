import type { UpstreamTarget } from './seam.ts';
import type { GovernedDispatch } from './undici-governed.ts';
import type { TryListener } from './undici-handler.ts';
import type { ResponseHead } from './undici-headers.ts';

/** One try of a request. Once retired it is a dead end: what undici still has to say of it is not passed on. */
export class Try implements TryListener {
  readonly #governed: GovernedDispatch;
  #live = true;
  #abort: ((reason: unknown) => void) | undefined;
  #retiredFor: Error | undefined;
  #clock: NodeJS.Timeout | undefined;
  #connectClock: NodeJS.Timeout | undefined;

  /** Where it is led; absent: where the application said. */
  readonly target: UpstreamTarget | undefined;

  constructor(governed: GovernedDispatch, target: UpstreamTarget | undefined, timeoutMs: number | undefined) {
    this.#governed = governed;
    this.target = target;
    if (timeoutMs !== undefined) this.#clock = setTimeout(() => governed.onTryTimeout(), timeoutMs);
  }

  /** Fails this try with `error` unless it is on the wire when the time has passed. What undici began it goes on with, in vain. */
  limitConnect(error: Error, timeoutMs: number): void {
    if (this.#connectClock !== undefined || this.#abort !== undefined) return;
    this.#connectClock = setTimeout(() => {
      this.retire(error);
      this.#governed.onFailure(error, false);
    }, timeoutMs).unref();
  }

  /** Ends this try for the client. False: it is not on the wire yet, so nobody else will tell the client. */
  abort(reason: unknown): boolean {
    if (this.#abort === undefined) {
      this.retire();
      return false;
    }
    this.#abort(reason);
    return true;
  }

  /** Ends this try without the client hearing of it. */
  retire(reason: Error = new Error('given up for another try')): void {
    this.#live = false;
    this.#retiredFor = reason;
    this.stopClock();
    this.#abort?.(reason);
  }

  stopClock(): void {
    clearTimeout(this.#clock);
    clearTimeout(this.#connectClock);
  }

  started(abort: (reason: unknown) => void, context: unknown): void {
    clearTimeout(this.#connectClock);
    if (!this.#live) return abort(this.#retiredFor);
    this.#abort = abort;
    this.#governed.start(context);
  }

  responseStarted(): void {
    if (this.#live) this.#governed.client.responseStarted();
  }

  upgraded(status: number, head: ResponseHead, socket: unknown): unknown {
    if (this.#live) return this.#governed.onUpgrade(status, head, socket);
    (socket as { destroy?: () => void } | null)?.destroy?.();
    return undefined;
  }

  head(status: number, head: ResponseHead, statusText: string, resume: () => void): boolean {
    return !this.#live || this.#governed.onHead(status, head, statusText, resume);
  }

  data(chunk: Uint8Array): boolean {
    return !this.#live || this.#governed.onData(chunk);
  }

  ended(trailers: ResponseHead): void {
    if (this.#live && !this.#governed.done) this.#governed.onEnd(trailers);
  }

  failed(error: Error): void {
    clearTimeout(this.#connectClock);
    if (this.#live && !this.#governed.done) this.#governed.onFailure(error, this.#abort !== undefined);
  }

  bodySent(chunk: unknown): void {
    if (this.#live) this.#governed.onBodySent(chunk);
  }

  requestSent(): void {
    if (this.#live) this.#governed.onRequestSent();
  }
}
