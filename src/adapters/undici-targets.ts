import type { Connection } from '../core/model/connection.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { DECIDED, decidedSocket } from './decided-socket.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { agentOptions } from './undici-dispatcher.ts';
import type { AgentClass, Dispatcher } from './undici-dispatcher.ts';
import { pinnedLookup } from './socket-lookup.ts';

/** Agents beside those of the application before the oldest is closed. */
const MAX_AGENTS = 128;

interface TargetAgent {
  readonly agent: Dispatcher;
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
}

/**
 * Connections to targets are pooled apart from those to origins: by an Agent of the same copy of undici, made from the
 * options of the application's own, whose connect options carry the mark that the socket seam reads.
 */
export class TargetAgents {
  readonly #guard: Guard;
  readonly #agents = new Map<string, TargetAgent>();
  readonly #dispatchers = new WeakMap<object, number>();
  #count = 0;

  constructor(guard: Guard) {
    this.#guard = guard;
    // Their marks are void now; requests that are under way are finished first.
    guard.onUpdate(() => {
      for (const key of [...this.#agents.keys()]) this.#close(key);
    });
  }

  /** Undefined: this dispatcher makes its own connections, which cannot be led elsewhere. */
  find(dispatcher: object, Agent: AgentClass | undefined, detour: Detour): TargetAgent | undefined {
    const options = agentOptions(dispatcher);
    if (Agent === undefined || typeof options?.['connect'] === 'function') return undefined;
    const key = `${this.#numberOf(dispatcher)} ${this.#key(detour)}`;
    let found = this.#agents.get(key);
    if (found === undefined) {
      found = this.#make(Agent, options ?? {}, detour);
      this.#agents.set(key, found);
      const [oldest] = this.#agents.keys();
      if (this.#agents.size > MAX_AGENTS && oldest !== undefined) this.#close(oldest);
    }
    return found;
  }

  #numberOf(dispatcher: object): number {
    let number = this.#dispatchers.get(dispatcher);
    if (number === undefined) this.#dispatchers.set(dispatcher, (number = this.#count += 1));
    return number;
  }

  #close(key: string): void {
    this.#agents
      .get(key)
      ?.agent.close?.()
      .catch(() => undefined);
    this.#agents.delete(key);
  }

  #key({ connection, target, address }: Detour): string {
    const { host, port, transport } = connection;
    return `${this.#guard.generation} ${transport} ${host} ${port} ${target?.key ?? ''} ${address ?? ''}`;
  }

  #make(
    Agent: AgentClass,
    options: Record<PropertyKey, unknown>,
    { connection, target, address }: Detour,
  ): TargetAgent {
    const { host, port, transport = 'tcp' } = connection;
    const guard = this.#guard;
    const mark = decidedSocket({
      guard,
      generation: guard.generation,
      connection: { host, port, transport, protocol: 'http1' },
      host,
      port,
      ...(target && { target }),
      ...(address !== undefined && { address }),
    });
    const { factory: _factory, interceptors: _interceptors, ...kept } = options;
    const own = typeof options['connect'] === 'object' ? (options['connect'] as object) : {};
    const connect = {
      ...own,
      ...(target?.tls && originationOptions(target)),
      ...(address !== undefined && { lookup: pinnedLookup(address) }),
      [DECIDED]: mark,
    };
    const secure = transport === 'tls' || target?.tls !== undefined;
    return { agent: new Agent({ ...kept, connect }), origin: originOf(secure, host, port) };
  }
}

function originOf(secure: boolean, host: string, port: number): string {
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
