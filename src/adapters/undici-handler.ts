import type { Handler } from './undici-dispatcher.ts';
import type { ResponseHead } from './undici-headers.ts';
import { toResponseHead } from './undici-headers.ts';

/** What goes on in one try, whichever API undici tells it in. */
export interface TryListener {
  /** About to be written. `abort` ends this try. */
  started(abort: (reason: unknown) => void, context: unknown): void;
  responseStarted(): void;
  upgraded(status: number, head: ResponseHead, socket: unknown): unknown;
  /** False: stop reading until resumed. */
  head(status: number, head: ResponseHead, statusText: string, resume: () => void): boolean;
  data(chunk: Uint8Array): boolean;
  ended(trailers: ResponseHead): void;
  failed(error: Error): void;
  bodySent(chunk: unknown): void;
  requestSent(): void;
}

/** The client's side: its handler, called in the API that it speaks, with answers from an upstream or made here. */
export interface ClientHandler {
  readonly started: boolean;
  start(abort: (reason: unknown) => void, context: unknown): void;
  responseStarted(): void;
  upgrade(status: number, head: ResponseHead, socket: unknown): unknown;
  head(status: number, head: ResponseHead, statusText: string, resume: () => void): boolean;
  data(chunk: Uint8Array): boolean;
  end(trailers: ResponseHead): void;
  fail(error: Error): void;
  bodySent(chunk: unknown): void;
  requestSent(): void;
}

type Call = (...args: unknown[]) => unknown;

function call(handler: Handler, name: string, ...args: unknown[]): unknown {
  const method = handler[name];
  return typeof method === 'function' ? Reflect.apply(method as Call, handler, args) : undefined;
}

/** Whether the handler speaks the newer API. */
export function speaksNewApi(handler: Handler): boolean {
  return typeof handler['onRequestStart'] === 'function';
}

export function clientHandler(handler: Handler): ClientHandler {
  return speaksNewApi(handler) ? new NewClientHandler(handler) : new OldClientHandler(handler);
}

/** A handler for undici that speaks as the client's own does. */
export function tryHandler(client: Handler, listener: TryListener): Handler {
  return speaksNewApi(client) ? newTryHandler(listener) : oldTryHandler(listener);
}

class OldClientHandler implements ClientHandler {
  started = false;
  readonly #handler: Handler;

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  start(abort: (reason: unknown) => void, context: unknown): void {
    this.started = true;
    call(this.#handler, 'onConnect', abort, context);
  }

  responseStarted(): void {
    call(this.#handler, 'onResponseStarted');
  }

  upgrade(status: number, { raw }: ResponseHead, socket: unknown): unknown {
    return call(this.#handler, 'onUpgrade', status, raw, socket);
  }

  head(status: number, { raw }: ResponseHead, statusText: string, resume: () => void): boolean {
    return call(this.#handler, 'onHeaders', status, raw, resume, statusText) !== false;
  }

  data(chunk: Uint8Array): boolean {
    return call(this.#handler, 'onData', chunk) !== false;
  }

  end({ raw }: ResponseHead): void {
    call(this.#handler, 'onComplete', raw);
  }

  fail(error: Error): void {
    call(this.#handler, 'onError', error);
  }

  bodySent(chunk: unknown): void {
    call(this.#handler, 'onBodySent', chunk);
  }

  requestSent(): void {
    call(this.#handler, 'onRequestSent');
  }
}

/** The controller that a client of the newer API holds on to, over all tries of its request. */
class Controller {
  rawHeaders: readonly unknown[] | null = null;
  rawTrailers: readonly unknown[] | null = null;
  paused = false;
  aborted = false;
  reason: unknown = null;
  resumeUpstream: (() => void) | undefined;
  readonly #abort: (reason: unknown) => void;

  constructor(abort: (reason: unknown) => void) {
    this.#abort = abort;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.resumeUpstream?.();
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#abort(reason);
  }
}

class NewClientHandler implements ClientHandler {
  started = false;
  readonly #handler: Handler;
  #controller: Controller | undefined;

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  start(abort: (reason: unknown) => void, context: unknown): void {
    this.started = true;
    this.#controller = new Controller(abort);
    call(this.#handler, 'onRequestStart', this.#controller, context);
  }

  responseStarted(): void {
    call(this.#handler, 'onResponseStarted');
  }

  upgrade(status: number, { raw, parsed }: ResponseHead, socket: unknown): unknown {
    if (this.#controller) this.#controller.rawHeaders = raw;
    return call(this.#handler, 'onRequestUpgrade', this.#controller, status, parsed, socket);
  }

  head(status: number, { raw, parsed }: ResponseHead, statusText: string, resume: () => void): boolean {
    const controller = this.#controller;
    if (controller) {
      controller.rawHeaders = raw;
      controller.resumeUpstream = resume;
    }
    call(this.#handler, 'onResponseStart', controller, status, parsed, statusText);
    return controller?.paused !== true;
  }

  data(chunk: Uint8Array): boolean {
    call(this.#handler, 'onResponseData', this.#controller, chunk);
    return this.#controller?.paused !== true;
  }

  end({ raw, parsed }: ResponseHead): void {
    if (this.#controller) this.#controller.rawTrailers = raw;
    call(this.#handler, 'onResponseEnd', this.#controller, parsed);
  }

  fail(error: Error): void {
    // Before anything was sent undici itself gives null here.
    call(this.#handler, 'onResponseError', this.#controller ?? null, error);
  }

  bodySent(chunk: unknown): void {
    call(this.#handler, 'onBodySent', chunk);
  }

  requestSent(): void {
    call(this.#handler, 'onRequestSent');
  }
}

const NO_TRAILERS = toResponseHead([]);

function oldTryHandler(listener: TryListener): Record<string, Call> {
  return {
    onConnect: (abort, context) => listener.started(abort as (reason: unknown) => void, context),
    onResponseStarted: () => listener.responseStarted(),
    onUpgrade: (status, raw, socket) =>
      listener.upgraded(status as number, { raw: raw as unknown[], parsed: null }, socket),
    onHeaders: (status, raw, resume, statusText) =>
      listener.head(
        status as number,
        { raw: raw as unknown[], parsed: null },
        statusText as string,
        resume as () => void,
      ),
    onData: (chunk) => listener.data(chunk as Uint8Array),
    onComplete: (raw) => listener.ended({ raw: (raw as unknown[] | null) ?? NO_TRAILERS.raw, parsed: null }),
    onError: (error) => listener.failed(error as Error),
    onBodySent: (chunk) => listener.bodySent(chunk),
    onRequestSent: () => listener.requestSent(),
  };
}

/** undici's own controller of a try. */
interface UpstreamController {
  readonly rawHeaders?: readonly unknown[] | null;
  readonly rawTrailers?: readonly unknown[] | null;
  abort(reason: unknown): void;
  pause(): void;
  resume(): void;
}

type Parsed = ResponseHead['parsed'];

function newTryHandler(listener: TryListener): Record<string, Call> {
  const rawOf = (controller: unknown): readonly unknown[] | null => {
    const raw = (controller as UpstreamController | null)?.rawHeaders;
    return Array.isArray(raw) ? raw : null;
  };
  return {
    onRequestStart: (controller, context) =>
      listener.started((reason) => (controller as UpstreamController).abort(reason), context),
    onResponseStarted: () => listener.responseStarted(),
    onRequestUpgrade: (controller, status, parsed, socket) =>
      listener.upgraded(status as number, { raw: rawOf(controller), parsed: parsed as Parsed }, socket),
    onResponseStart: (controller, status, parsed, statusText) => {
      const upstream = controller as UpstreamController;
      const head = { raw: rawOf(controller), parsed: parsed as Parsed };
      if (!listener.head(status as number, head, statusText as string, () => upstream.resume())) upstream.pause();
    },
    onResponseData: (controller, chunk) => {
      if (!listener.data(chunk as Uint8Array)) (controller as UpstreamController).pause();
    },
    onResponseEnd: (controller, parsed) => {
      const raw = (controller as UpstreamController | null)?.rawTrailers;
      listener.ended({ raw: Array.isArray(raw) ? raw : null, parsed: parsed as Parsed });
    },
    onResponseError: (_controller, error) => listener.failed(error as Error),
    onBodySent: (chunk) => listener.bodySent(chunk),
    onRequestSent: () => listener.requestSent(),
  };
}
