import type { Socket } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import type { RequestPlan } from '../upstream/request-plan.ts';
import type { RetryState } from '../upstream/retry.ts';
import { retryNeeds } from '../upstream/retry-conditions.ts';
import { decidedSocket, poolKeyOf, type DecidedSocket } from './decided-socket.ts';
import type { NodeAgent, NodeRequest } from './http-connection.ts';
import { governedBy } from './http-governed-by.ts';
import type { Guard } from './seam.ts';
import { recordsOf } from './socket-records.ts';
import { noteRetriesSpent } from './upstream-failure.ts';

/** How many marks are kept before all are made anew. */
const MAX_MARKS = 2048;

/** What outlives single requests: the marks on pooled connections, and the agents whose pools they are in. */
export class HttpPools {
  readonly #guard: Guard;
  readonly #marks = new Map<string, DecidedSocket>();
  readonly #ofPlans = new WeakMap<RequestPlan, DecidedSocket>();
  readonly #agents = new Set<WeakRef<NodeAgent>>();
  readonly #known = new WeakSet<NodeAgent>();
  #whenKeyed: (() => void) | undefined;

  /** `whenKeyed`: called once, before the first connection that must be kept apart from others to the same host and port. */
  constructor(guard: Guard, whenKeyed: () => void) {
    this.#guard = guard;
    this.#whenKeyed = whenKeyed;
    guard.onUpdate(() => this.#closeDenied());
  }

  /** The mark of one destination and target: the same for all requests that may share a connection. */
  mark(
    { host, port, transport = 'tcp' }: Connection & { readonly host: string },
    plan: RequestPlan,
    address: string | undefined,
  ): DecidedSocket {
    const { generation } = this.#guard;
    // Plans in which nothing is drawn are the same object for request after request.
    const latest = address === undefined ? this.#ofPlans.get(plan) : undefined;
    if (
      latest &&
      latest.host === host &&
      latest.port === port &&
      latest.connection.transport === transport &&
      latest.generation === generation
    )
      return latest;
    const mark = this.#markOf(host, port, transport, plan, address);
    if (address === undefined) this.#ofPlans.set(plan, mark);
    return mark;
  }

  #markOf(
    host: string,
    port: number,
    transport: 'tcp' | 'tls',
    { destination, target, retries, connectRetries, nextTarget }: RequestPlan,
    address: string | undefined,
  ): DecidedSocket {
    const { generation } = this.#guard;
    const policy = address === undefined ? (retries ?? connectRetries) : undefined;
    const needs = policy && retryNeeds(policy);
    const cluster = destination?.upstream;
    const retry = policy && { policy, cluster, nextTarget: nextTarget ?? (() => undefined), onTry };
    const connectTimeoutMs = cluster?.connectTimeoutMs;
    const key = `${generation} ${transport} ${host} ${port} ${target?.key ?? ''} ${address ?? ''} ${needs?.key ?? ''} ${connectTimeoutMs ?? ''}`;
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
      ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
      ...(address !== undefined && { address }),
      ...(needs?.answers ? { retry } : needs?.connects ? { connectRetry: retry } : {}),
    } as DecidedSocket);
    this.#marks.set(key, mark);
    if (poolKeyOf(mark) !== '') {
      this.#whenKeyed?.();
      this.#whenKeyed = undefined;
    }
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

/** Node notes on a socket which request it is for. */
function onTry(socket: object, state: RetryState, again: boolean): void {
  const { _httpMessage: request } = socket as { _httpMessage?: NodeRequest };
  if (!request) return;
  for (const { exchange } of governedBy(request))
    if (exchange && again) exchange.attempts += 1;
    else if (exchange) noteRetriesSpent(exchange, state);
}
