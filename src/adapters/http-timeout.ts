import { ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NodeRequest } from './http-connection.ts';
import type { GovernedRequest } from './http-governed.ts';
import { define, mayHaveBody, whenEnded } from './http-request-body.ts';
import { LocalReplySocket, serializeReply } from './local-reply.ts';
import { noteTimeout, requestTimeout } from './upstream-failure.ts';

/** Carries out the timeout of a route on one request. */
export class RequestTimeout {
  readonly #governed: GovernedRequest;
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** The connection to a server that did not answer in time, on which the client was answered in its place. */
  #answeredOn: Socket | undefined;

  constructor(governed: GovernedRequest, timeoutMs: number) {
    this.#governed = governed;
    this.#timeoutMs = timeoutMs;
  }

  /** Envoy's clock starts when the whole request was received, and runs until the whole response was. */
  arm(): void {
    const { request } = this.#governed;
    const start = (): void => {
      if (this.#timer || request.destroyed) return;
      this.#timer = setTimeout(() => this.#timedOut(), this.#timeoutMs);
      request.once('close', () => clearTimeout(this.#timer));
    };
    if (!mayHaveBody(request)) start();
    else whenEnded(request, start);
  }

  #timedOut(): void {
    const { request, exchange, plan, connection } = this.#governed;
    if (request.destroyed || request.upgradeOrConnect) return;
    this.#governed.settled = true;
    const error = requestTimeout(connection, this.#timeoutMs, plan);
    if (exchange) noteTimeout(exchange, 'response_timeout');
    if (request.res || plan?.timeoutAs === 'error') {
      (request.res ? (request.res as IncomingMessage) : request).destroy(error);
      return;
    }
    const reply = serializeReply(
      { status: 504, body: 'upstream request timeout' },
      { method: request.method, isGrpc: this.#governed.isGrpc() },
    );
    const socket = request.socket;
    if (socket) {
      this.#answeredOn = socket;
      answerOn(socket, request, reply);
    } else {
      ClientRequest.prototype.onSocket.call(request, new LocalReplySocket(reply));
      // The pool may still deliver a connection: it is not wanted any more.
      define(request, 'onSocket', (late: Socket | null) => late?.destroy());
    }
  }

  /** One that still connects would wait for its writes before it closes, and the request with it. */
  onResponse(response: IncomingMessage): void {
    const abandoned = this.#answeredOn;
    if (abandoned) response.once('end', () => abandoned.destroy());
  }
}

/**
 * Gives the client an answer on a live connection to a server that has not answered: the bytes go in where the
 * server's would come out, and the connection is closed behind them.
 */
function answerOn(socket: Socket, request: NodeRequest, reply: Buffer): void {
  request.shouldKeepAlive = false;
  const handle = (socket as unknown as { _handle?: { readStop?: () => number; reading?: boolean } | null })._handle;
  handle?.readStop?.();
  // Node's parser may read from the handle directly; taking it over sends data through the stream again.
  (socket as unknown as { parser?: { unconsume?: () => void } }).parser?.unconsume?.();
  request.once('close', () => socket.destroy());
  socket.push(reply);
}
