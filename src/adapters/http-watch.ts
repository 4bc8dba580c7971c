import { ClientRequest, IncomingMessage, OutgoingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { NodeRequest } from './http-connection.ts';
import { noteEnd, noteError, noteSocket } from './http-exchange.ts';
import { firstGoverned } from './http-governed-by.ts';
import type { GovernedRequest } from './http-governed.ts';
import { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';
import { noteShared } from './socket-exchange.ts';

type Emit = (this: NodeRequest, event: string | symbol, ...args: unknown[]) => boolean;
type Push = (this: IncomingMessage & { req?: NodeRequest }, chunk: unknown, encoding?: BufferEncoding) => boolean;

/** The hooks of this process: in place from the first request that is watched until nobody governs and the last is closed. */
let hooks: PatchRegistry | undefined;
/** Watches that govern, and requests that are not closed yet. */
let holders = 0;

function release(): void {
  holders -= 1;
  if (holders > 0) return;
  hooks?.restore();
  hooks = undefined;
}

/**
 * Hears what requests tell, before their listeners do. There are no listeners for it: those would change what Node does (an
 * `error` listener swallows an uncaught error, a `response` listener keeps Node from dumping the body), would be counted, and
 * would cost more, as would a function of its own on each request.
 */
export class HttpWatch {
  readonly guard: Guard;
  readonly #patches: PatchRegistry;
  #holds = false;

  private constructor(guard: Guard, patches: PatchRegistry) {
    this.guard = guard;
    this.#patches = patches;
    patches.onRestore(() => {
      if (this.#holds) release();
      this.#holds = false;
    });
  }

  /** One for all that is put into Node together. */
  static of(guard: Guard, patches: PatchRegistry): HttpWatch {
    let watch = watches.get(patches);
    if (watch === undefined) watches.set(patches, (watch = new HttpWatch(guard, patches)));
    return watch;
  }

  /** Whoever governs no longer does: requests go on as Node would have them. */
  get released(): boolean {
    return this.#patches.released;
  }

  /** This request is watched from now on, until it is closed. */
  add(governed: GovernedRequest): void {
    if (governed.watched) return;
    governed.watched = true;
    holders += 1;
    hooks ??= place(new PatchRegistry(), classOf(governed.request));
    // A request that had to wait may outlive whoever governed it.
    if (this.#holds || this.released) return;
    this.#holds = true;
    holders += 1;
  }
}

const watches = new WeakMap<PatchRegistry, HttpWatch>();

/** Node's own prototype of requests, whatever a mocking library has put in its place since. */
function classOf(request: NodeRequest): object {
  let found: object = ClientRequest.prototype;
  for (let at = Object.getPrototypeOf(request) as object | null; at; at = Object.getPrototypeOf(at) as object | null)
    if (Object.hasOwn(at, 'onSocket')) found = at;
  return found;
}

function place(patches: PatchRegistry, requests: object): PatchRegistry {
  // What is inherited is looked up at each call: others may replace it later.
  const ownEmit = Object.hasOwn(requests, 'emit');
  const inherited = OutgoingMessage.prototype as unknown as { readonly emit: Emit };
  patches.replace<Emit>(requests, 'emit', (original) => {
    return function emit(event, ...args) {
      hear(this, event, args[0]);
      return (ownEmit ? original : inherited.emit).call(this, event, ...args);
    };
  });
  const ownPush = Object.hasOwn(IncomingMessage.prototype, 'push');
  const readable = Readable.prototype as unknown as { readonly push: Push };
  patches.replace<Push>(IncomingMessage.prototype, 'push', (original) => {
    return function push(chunk, encoding) {
      if (chunk !== null && this.req !== undefined) count(this.req, chunk, encoding);
      return (ownPush ? original : readable.push).call(this, chunk, encoding);
    };
  });
  return patches;
}

function hear(request: NodeRequest, event: string | symbol, subject: unknown): void {
  for (let governed = firstGoverned(request); governed !== undefined; governed = governed.next) {
    if (!governed.watched) continue;
    try {
      note(governed, request, event, subject);
    } catch (error) {
      governed.guard.seamFailed(governed.seam, error);
    }
  }
}

function note(governed: GovernedRequest, request: NodeRequest, event: string | symbol, subject: unknown): void {
  const { exchange } = governed;
  switch (event) {
    case 'response':
    case 'upgrade':
      governed.onResponse(subject as IncomingMessage);
      break;
    case 'socket':
      governed.socket = subject as Socket;
      if (exchange !== undefined) noteSocket(exchange, governed.socket);
      break;
    case 'finish':
      if (exchange !== undefined) exchange.requestSentAt = performance.now();
      break;
    case 'error':
      if (exchange !== undefined) noteError(exchange, subject as Error, request);
      break;
    case 'close':
      governed.watched = false;
      release();
      over(governed, request);
  }
}

/** After an upgrade the request is over at once, the connection is not. */
function over(governed: GovernedRequest, request: NodeRequest): void {
  const { exchange, guard, socket = request.socket ?? undefined } = governed;
  if (exchange === undefined) return;
  const end = (): void => {
    noteEnd(exchange, request, socket);
    const { passage } = governed;
    if (socket !== undefined && passage !== undefined && governed.wentByPassage())
      noteShared(exchange, socket, passage);
    guard.ended(exchange);
  };
  if (request.upgradeOrConnect && socket && !socket.destroyed) socket.once('close', end);
  else end();
}

/** The bytes of a response's body are counted as they arrive. */
function count(request: NodeRequest, chunk: unknown, encoding: BufferEncoding | undefined): void {
  for (let governed = firstGoverned(request); governed !== undefined; governed = governed.next)
    if (governed.exchange !== undefined && governed.watched)
      governed.exchange.bytesSent +=
        chunk instanceof Uint8Array
          ? chunk.byteLength
          : typeof chunk === 'string'
            ? Buffer.byteLength(chunk, encoding)
            : 0;
}
