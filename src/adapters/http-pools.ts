import type { Socket } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import type { UpstreamTarget } from '../upstream/request-plan.ts';
import { decidedSocket, type DecidedSocket } from './decided-socket.ts';
import type { NodeAgent } from './http-connection.ts';
import type { Guard } from './seam.ts';
import { recordsOf } from './socket-records.ts';

/** How many marks are kept before all are made anew. */
const MAX_MARKS = 2048;

/** What outlives single requests: the marks on pooled connections, and the agents whose pools they are in. */
export class HttpPools {
  readonly #guard: Guard;
  readonly #marks = new Map<string, DecidedSocket>();
  readonly #agents = new Set<WeakRef<NodeAgent>>();
  readonly #known = new WeakSet<NodeAgent>();

  constructor(guard: Guard) {
    this.#guard = guard;
    guard.onUpdate(() => this.#closeDenied());
  }

  /** The mark of one destination and target: the same for all requests that may share a connection. */
  mark(
    { host, port, transport = 'tcp' }: Connection & { readonly host: string },
    target: UpstreamTarget | undefined,
    address: string | undefined,
  ): DecidedSocket {
    const { generation } = this.#guard;
    const key = `${generation} ${transport} ${host} ${port} ${target?.key ?? ''} ${address ?? ''}`;
    const known = this.#marks.get(key);
    if (known) return known;
    if (this.#marks.size >= MAX_MARKS) this.#marks.clear();
    const mark = decidedSocket({
      guard: this.#guard,
      generation,
      connection: { host, port, transport, protocol: 'http1' },
      host,
      port,
      ...(target && { target }),
      ...(address !== undefined && { address }),
    });
    this.#marks.set(key, mark);
    return mark;
  }

  /** An agent whose idle connections are to be looked at when the policy changes. */
  seen(agent: NodeAgent): void {
    if (this.#known.has(agent)) return;
    this.#known.add(agent);
    this.#agents.add(new WeakRef(agent));
  }

  /** Idle connections to what is now denied are closed; those in use are decided again with their next request. */
  #closeDenied(): void {
    this.#marks.clear();
    for (const ref of this.#agents) {
      const agent = ref.deref();
      if (!agent) this.#agents.delete(ref);
      else for (const socket of Object.values(agent.freeSockets).flat()) if (socket) this.#closeIfDenied(socket);
    }
  }

  #closeIfDenied(socket: Socket): void {
    const record = recordsOf(this.#guard).get(socket);
    if (record && record.path === undefined && !this.#guard.admits(record.connection)) socket.destroy();
  }
}
