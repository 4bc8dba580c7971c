import { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeRequest } from './http-connection.ts';
import { noteEnd, noteError, noteSocket } from './http-exchange.ts';
import { firstGoverned } from './http-governed-by.ts';
import type { GovernedRequest } from './http-governed.ts';

type Emit = (this: NodeRequest, event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Hears what a request tells, before its listeners do. There are no listeners for it: those would change what Node does (an
 * `error` listener swallows an uncaught error, a `response` listener keeps Node from dumping the body), would be counted, and
 * would cost more.
 */
export function watchRequest(request: NodeRequest): void {
  const { emit } = request as unknown as { emit: Emit };
  if (emit === emitWatched || watched.has(emit)) return;
  const isInherited = emit === (ClientRequest.prototype as unknown as { emit: Emit }).emit;
  Object.defineProperty(request, 'emit', isInherited ? WATCHED : hidden(watchedFrom(emit)));
}

const emitWatched: Emit = function emit(event, ...args) {
  hear(this, event, args[0]);
  return ClientRequest.prototype.emit.call(this, event, ...args);
};

const watched = new WeakSet<Emit>();

/** Somebody else put a function of his own there: it goes on being called. */
function watchedFrom(emit: Emit): Emit {
  const own: Emit = function (event, ...args) {
    hear(this, event, args[0]);
    return emit.call(this, event, ...args);
  };
  watched.add(own);
  return own;
}

/** Not enumerable: what an application lists of a request is what Node put there. */
function hidden(value: Emit | Push): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: false };
}

const WATCHED = hidden(emitWatched);

function hear(request: NodeRequest, event: string | symbol, subject: unknown): void {
  for (let governed = firstGoverned(request); governed !== undefined; governed = governed.next) {
    try {
      note(governed, request, event, subject);
    } catch (error) {
      governed.guard.seamFailed(governed.seam, error);
    }
  }
}

function note(governed: GovernedRequest, request: NodeRequest, event: string | symbol, subject: unknown): void {
  if (event === 'response') {
    const response = subject as IncomingMessage;
    governed.onResponse(response);
    if (governed.exchange !== undefined) countResponse(response);
  } else if (event === 'upgrade') governed.onResponse(subject as IncomingMessage);
  const { exchange } = governed;
  if (exchange === undefined) return;
  switch (event) {
    case 'socket':
      governed.socket = subject as Socket;
      noteSocket(exchange, governed.socket);
      break;
    case 'finish':
      exchange.requestSentAt = performance.now();
      break;
    case 'error':
      noteError(exchange, subject as Error, request);
      break;
    case 'close':
      over(governed, request);
  }
}

/** After an upgrade the request is over at once, the connection is not. */
function over(governed: GovernedRequest, request: NodeRequest): void {
  const { exchange, guard, socket = request.socket ?? undefined } = governed;
  if (exchange === undefined) return;
  const end = (): void => {
    noteEnd(exchange, request, socket);
    guard.ended(exchange);
  };
  if (request.upgradeOrConnect && socket && !socket.destroyed) socket.once('close', end);
  else end();
}

type Push = (this: IncomingMessage, chunk: unknown, encoding?: BufferEncoding) => boolean;

/** From now on the bytes of the body are counted, as they arrive. */
function countResponse(response: IncomingMessage): void {
  const { push } = response as unknown as { push: Push };
  if (push === pushCounted || counting.has(push)) return;
  const isInherited = push === (IncomingMessage.prototype as unknown as { push: Push }).push;
  Object.defineProperty(response, 'push', isInherited ? COUNTED : hidden(countedFrom(push)));
}

const pushCounted: Push = function (chunk, encoding) {
  count(this, chunk, encoding);
  return IncomingMessage.prototype.push.call(this, chunk, encoding);
};

const COUNTED = hidden(pushCounted);

const counting = new WeakSet<Push>();

function countedFrom(push: Push): Push {
  const own: Push = function (chunk, encoding) {
    count(this, chunk, encoding);
    return push.call(this, chunk, encoding);
  };
  counting.add(own);
  return own;
}

function count(response: IncomingMessage, chunk: unknown, encoding: BufferEncoding | undefined): void {
  const { req } = response as IncomingMessage & { req?: NodeRequest };
  if (chunk === null || req === undefined) return;
  const bytes =
    chunk instanceof Uint8Array ? chunk.byteLength : typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : 0;
  for (let governed = firstGoverned(req); governed !== undefined; governed = governed.next)
    if (governed.exchange !== undefined) governed.exchange.bytesSent += bytes;
}
