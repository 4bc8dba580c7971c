import type { Connection } from '../core/model/connection.ts';
import { originText } from '../upstream/authority.ts';
import { DECIDED, decidedSocket, offer, type DecidedSocket } from './decided-socket.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { pinnedLookup } from './socket-lookup.ts';
import type { Connector, Pooling } from './undici-clone.ts';
import { originatingConnect } from './undici-originate.ts';
import { poolingOf } from './undici-clone.ts';
import type { Dispatcher } from './undici-dispatcher.ts';

/** Dispatchers beside those of the application before the oldest is closed. */
const MAX_BESIDE = 128;

interface Beside {
  readonly dispatcher: Dispatcher;
  /** The host and port that the application asked for: the socket seam below dials the target. */
  readonly origin: string;
}

/** Where a request is to go instead of where its origin says. */
export interface Detour {
  readonly connection: Connection & { readonly host: string };
  /** Absent with `address`. */
  readonly target?: UpstreamTarget;
  /** The address for which the request was decided. */
  readonly address?: string;
  /** Milliseconds, of the cluster. */
  readonly connectTimeoutMs?: number | undefined;
}

/**
 * Connections to targets are pooled apart from those to origins: by an Agent, Pool or Client like the application's own,
 * whose connections carry the mark that the socket seam reads.
 */
export class TargetDispatchers {
  readonly #guard: Guard;
  readonly #beside = new Map<string, Beside>();
  readonly #numbers = new WeakMap<object, number>();
  #count = 0;

  constructor(guard: Guard) {
    this.#guard = guard;
    // Their marks are void now; requests that are under way are finished first.
    guard.onUpdate(() => {
      for (const key of [...this.#beside.keys()]) this.#close(key);
    });
  }

  /** Undefined: this dispatcher has no connections itself. */
  find(dispatcher: object, detour: Detour): Beside | undefined {
    const key = `${this.#numberOf(dispatcher)} ${this.#key(detour)}`;
    let found = this.#beside.get(key);
    if (found === undefined) {
      const pooling = poolingOf(dispatcher);
      if (pooling === undefined) return undefined;
      found = this.#make(pooling, detour);
      this.#beside.set(key, found);
      const [oldest] = this.#beside.keys();
      if (this.#beside.size > MAX_BESIDE && oldest !== undefined) this.#close(oldest);
    }
    return found;
  }

  /** The application is done with its own. */
  ended(dispatcher: object, end: (beside: Dispatcher) => void): void {
    const number = this.#numbers.get(dispatcher);
    if (number === undefined) return;
    for (const [key, beside] of this.#beside)
      if (key.startsWith(`${number} `)) {
        this.#beside.delete(key);
        end(beside.dispatcher);
      }
  }

  #numberOf(dispatcher: object): number {
    let number = this.#numbers.get(dispatcher);
    if (number === undefined) this.#numbers.set(dispatcher, (number = this.#count += 1));
    return number;
  }

  #close(key: string): void {
    this.#beside
      .get(key)
      ?.dispatcher.close?.()
      .catch(() => undefined);
    this.#beside.delete(key);
  }

  #key({ connection, target, address }: Detour): string {
    const { host, port, transport } = connection;
    return `${this.#guard.generation} ${transport} ${host} ${port} ${target?.key ?? ''} ${address ?? ''}`;
  }

  #make(pooling: Pooling, { connection, target, address, connectTimeoutMs }: Detour): Beside {
    const { host, port, transport = 'tcp' } = connection;
    const guard = this.#guard;
    // undici has ALPN of its own, by which a proxy of the mesh would not know its peers: their TLS is made below the socket.
    const below = target?.tls?.mode === 'ISTIO_MUTUAL';
    const mark = decidedSocket({
      guard,
      generation: guard.generation,
      connection: { host, port, transport, protocol: 'http1' },
      host,
      port,
      ...(target && { target }),
      ...(below && { alpn: ['http/1.1'] }),
      ...(address !== undefined && { address }),
      ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    });
    const { connect } = pooling;
    if (typeof connect === 'function') {
      const origin = originText(transport === 'tls', host, port);
      return { dispatcher: pooling.make(this.#offering(connect, mark), origin), origin };
    }
    const marked = {
      ...connect,
      ...(address !== undefined && { lookup: pinnedLookup(address) }),
      [DECIDED]: mark,
    };
    const originated = below ? undefined : target?.tls && target;
    // An origin of TLS has undici originate it.
    const origin = originText(transport === 'tls' || originated !== undefined, host, port);
    const options = originated
      ? originatingConnect(guard, originated, marked, (connect) => pooling.connectorOf?.(connect, origin))
      : marked;
    return { dispatcher: pooling.make(options, origin), origin };
  }

  /** A connector that makes its connection at once makes the one to the target; any other makes none that may be used. */
  #offering(connect: Connector, mark: DecidedSocket): Connector {
    return (options, callback) => {
      const made: { refusal?: Error | undefined } = {};
      let opened: unknown;
      const settle: typeof callback = (error, socket) => {
        if (made.refusal === undefined) callback(error, socket);
        else (socket as { destroy?: () => void } | undefined)?.destroy?.();
      };
      if (offer(mark, () => (opened = connect(options, settle)))) return opened;
      made.refusal = misled(this.#guard, mark.connection, mark.target);
      if (made.refusal) setImmediate(callback, made.refusal);
      return opened;
    };
  }
}

/** What a request fails with whose dispatcher connects elsewhere than the policy leads it; undefined in report mode. */
export function misled(guard: Guard, connection: Connection, target: UpstreamTarget | undefined): Error | undefined {
  const where = target ? `${target.host || target.path}:${target.port}` : 'the address that was decided';
  const why = `the policy leads it to ${where}, and its dispatcher connects elsewhere (to a proxy, or with a connector of its own)`;
  return guard.unroutable(connection, why);
}
