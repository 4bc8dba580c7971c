import type { Socket, SocketReadyState } from 'node:net';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** What programs ask of a socket, answered by the one below, which may be another from one moment to the next. */
export abstract class SocketFace extends Duplex {
  timeout = 0;
  connecting = true;
  #keepsAlive = true;

  constructor() {
    super({ autoDestroy: true, emitClose: true });
  }

  /** The connection of the moment. */
  abstract get below(): Socket | undefined;

  /** Whether it keeps the process from ending, as a socket does until `unref`. */
  get holdsProcess(): boolean {
    return this.#keepsAlive;
  }

  get remoteAddress(): string | undefined {
    return this.below?.remoteAddress;
  }
  get remotePort(): number | undefined {
    return this.below?.remotePort;
  }
  get localAddress(): string | undefined {
    return this.below?.localAddress;
  }
  get localPort(): number | undefined {
    return this.below?.localPort;
  }
  get remoteFamily(): string | undefined {
    return this.below?.remoteFamily;
  }
  get localFamily(): string | undefined {
    return this.below?.localFamily;
  }
  get bytesRead(): number {
    return this.below?.bytesRead ?? 0;
  }
  get bytesWritten(): number {
    return this.below?.bytesWritten ?? 0;
  }
  get pending(): boolean {
    return this.connecting;
  }
  get readyState(): SocketReadyState {
    return this.connecting ? 'opening' : (this.below?.readyState ?? 'closed');
  }
  address(): object {
    return this.below?.address() ?? {};
  }
  get authorized(): boolean | undefined {
    return (this.below as TLSSocket | undefined)?.authorized;
  }
  get alpnProtocol(): string | false | null | undefined {
    return (this.below as TLSSocket | undefined)?.alpnProtocol;
  }
  get authorizationError(): Error | undefined {
    return (this.below as TLSSocket | undefined)?.authorizationError;
  }

  destroySoon(): void {
    this.destroy();
  }
  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = ms;
    if (callback) {
      if (ms > 0) this.once('timeout', callback);
      else this.removeListener('timeout', callback);
    }
    this.below?.setTimeout(ms);
    return this;
  }
  setNoDelay(noDelay?: boolean): this {
    this.below?.setNoDelay(noDelay);
    return this;
  }
  setKeepAlive(enable?: boolean, delay?: number): this {
    this.below?.setKeepAlive(enable, delay);
    return this;
  }
  ref(): this {
    this.#keepsAlive = true;
    this.below?.ref();
    return this;
  }
  unref(): this {
    this.#keepsAlive = false;
    this.below?.unref();
    return this;
  }
}
