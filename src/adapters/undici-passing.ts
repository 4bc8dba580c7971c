import type { Exchange, Guard } from './seam.ts';
import { describeOnce, noteShared, type ObservedSocket } from './socket-exchange.ts';
import { bodyLength } from './undici-body.ts';
import type { DispatchOptions, Handler } from './undici-dispatcher.ts';
import { noteAnswer, noteFailure } from './undici-exchange.ts';
import { speaksNewApi } from './undici-handler.ts';
import { flatResponseHead } from './undici-headers.ts';
import type { ResponseHead } from './undici-headers.ts';
import type { UndiciPassage } from './undici-passages.ts';
import { TOKEN } from './undici-token.ts';
import type { DispatchToken, Followed } from './undici-token.ts';
import type { CreatedRequest } from './undici-unseen.ts';

type Call = (...args: unknown[]) => unknown;

/**
 * A request of which nothing is to be changed, watched for its log line: the handler that undici is given in the client's
 * place, which hands everything on as it comes, and the token of its dispatch.
 */
export abstract class PassingDispatch implements DispatchToken, Followed {
  readonly guard: Guard;
  readonly origin: unknown;
  readonly detour = undefined;
  spent = false;
  protected readonly client: Record<string, Call>;
  protected aborted = false;
  readonly #exchange: Exchange;
  readonly #passage: UndiciPassage;
  /** What is written is counted as it is written: by whoever tells of it first. */
  readonly #streams: boolean;
  #chunksFromChannel = false;

  constructor(guard: Guard, passage: UndiciPassage, exchange: Exchange, options: DispatchOptions, handler: Handler) {
    this.guard = guard;
    this.#passage = passage;
    this.origin = options.origin;
    this.client = handler as Record<string, Call>;
    this.#exchange = exchange;
    const { body } = options;
    exchange.protocol = 'HTTP/1.1';
    exchange.bytesReceived = bodyLength(body);
    this.#streams = body !== undefined && body !== null && exchange.bytesReceived === 0;
  }

  get followed(): this {
    return this;
  }

  /** The options with which it is dispatched. */
  mark(options: DispatchOptions): DispatchOptions {
    // NODE: put on behind what is spread, on 20 it would give each of these objects a hidden class of its own.
    const marked: DispatchOptions & { [TOKEN]?: unknown } = { [TOKEN]: this, ...options };
    // Options that were dispatched before may have a mark already.
    marked[TOKEN] = this;
    return marked;
  }

  /** To a proxy goes another request, which is made of it. */
  admits(request: CreatedRequest): boolean {
    if (this.origin !== undefined && request.origin !== this.origin) return true;
    return this.#passage.admits(request);
  }

  onSocket(socket: ObservedSocket): void {
    const exchange = this.#exchange;
    describeOnce(exchange, socket);
    noteShared(exchange, socket, this.#passage);
    if (socket.alpnProtocol === 'h2') exchange.protocol = 'HTTP/2';
    // Not every version tells when there was nothing to write.
    if (!this.#streams) exchange.requestSentAt = performance.now();
  }

  onBodyChunk(chunk: unknown): void {
    this.#chunksFromChannel = true;
    this.#count(chunk);
  }

  onBodyWritten(): void {
    if (this.#exchange.endedAt === undefined) this.#exchange.requestSentAt = performance.now();
  }

  onBodySent(chunk: unknown): void {
    if (!this.#chunksFromChannel) this.#count(chunk);
    this.client['onBodySent']?.(chunk);
  }

  onRequestSent(): void {
    this.onBodyWritten();
    this.client['onRequestSent']?.();
  }

  onResponseStarted(): void {
    this.client['onResponseStarted']?.();
  }

  protected head(status: number, head: ResponseHead): void {
    if (status >= 200) noteAnswer(this.#exchange, status, head);
  }

  protected data(chunk: Uint8Array): void {
    this.#exchange.bytesSent += chunk.byteLength;
  }

  protected end(trailers: ResponseHead): void {
    if (trailers.raw !== null || trailers.parsed !== null) this.#exchange.responseTrailers = flatResponseHead(trailers);
    this.finish();
  }

  protected failed(error: Error): void {
    const exchange = this.#exchange;
    if (exchange.endedAt !== undefined) return;
    noteFailure(exchange, error, this.aborted);
    this.finish();
  }

  protected finish(): void {
    const exchange = this.#exchange;
    if (exchange.endedAt !== undefined) return;
    exchange.endedAt = performance.now();
    this.guard.ended(exchange);
  }

  #count(chunk: unknown): void {
    if (this.#streams && chunk instanceof Uint8Array) this.#exchange.bytesReceived += chunk.byteLength;
  }
}

/** In the API of undici 6, which undici 7 still speaks. */
class OldPassingDispatch extends PassingDispatch {
  onConnect(abort: (reason: unknown) => void, context: unknown): void {
    const aborting = (reason: unknown): void => {
      this.aborted = true;
      abort(reason);
    };
    this.client['onConnect']?.(aborting, context);
  }

  onHeaders(status: number, raw: unknown[], resume: () => void, statusText: string): unknown {
    this.head(status, { raw, parsed: null });
    return this.client['onHeaders']?.(status, raw, resume, statusText);
  }

  onData(chunk: Uint8Array): unknown {
    this.data(chunk);
    return this.client['onData']?.(chunk);
  }

  onComplete(raw: unknown[] | null): void {
    try {
      this.client['onComplete']?.(raw);
    } finally {
      this.end({ raw, parsed: null });
    }
  }

  onError(error: Error): void {
    try {
      this.client['onError']?.(error);
    } finally {
      this.failed(error);
    }
  }

  onUpgrade(status: number, raw: unknown[], socket: unknown): void {
    this.head(status, { raw, parsed: null });
    this.finish();
    this.client['onUpgrade']?.(status, raw, socket);
  }
}

/** undici's own controller of a request. */
interface Controller {
  readonly aborted?: boolean;
  readonly rawHeaders?: unknown[] | null;
  readonly rawTrailers?: unknown[] | null;
}

type Parsed = ResponseHead['parsed'];

class NewPassingDispatch extends PassingDispatch {
  onRequestStart(controller: Controller, context: unknown): void {
    this.client['onRequestStart']?.(controller, context);
  }

  onResponseStart(controller: Controller, status: number, parsed: Parsed, statusText: string): void {
    this.head(status, { raw: controller.rawHeaders ?? null, parsed });
    this.client['onResponseStart']?.(controller, status, parsed, statusText);
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    this.data(chunk);
    this.client['onResponseData']?.(controller, chunk);
  }

  onResponseEnd(controller: Controller, parsed: Parsed): void {
    try {
      this.client['onResponseEnd']?.(controller, parsed);
    } finally {
      this.end({ raw: controller?.rawTrailers ?? null, parsed });
    }
  }

  onResponseError(controller: Controller | null, error: Error): void {
    this.aborted = controller?.aborted === true;
    try {
      this.client['onResponseError']?.(controller, error);
    } finally {
      this.failed(error);
    }
  }

  onRequestUpgrade(controller: Controller, status: number, parsed: Parsed, socket: unknown): void {
    this.head(status, { raw: controller.rawHeaders ?? null, parsed });
    this.finish();
    this.client['onRequestUpgrade']?.(controller, status, parsed, socket);
  }
}

export function passingDispatch(
  guard: Guard,
  passage: UndiciPassage,
  exchange: Exchange,
  options: DispatchOptions,
  handler: Handler,
): PassingDispatch {
  const Passing = speaksNewApi(handler) ? NewPassingDispatch : OldPassingDispatch;
  return new Passing(guard, passage, exchange, options, handler);
}
