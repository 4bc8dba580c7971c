import * as http from 'node:http';
import type { Connection } from '../core/model/connection.ts';
import { destinationOf, httpConnection, type NodeAgent, type NodeRequest } from './http-connection.ts';
import { failClosed, GovernedRequest } from './http-governed.ts';
import { governedUnder } from './http-governed-by.ts';
import { HttpPassages, withMark, type HttpPassage } from './http-passages.ts';
import type { HttpPools } from './http-pools.ts';
import type { HttpWatch } from './http-watch.ts';
import { CALL_OPTIONS, type CallOptions, type RequestVerdict, type SeamName } from './seam.ts';
import { dialledAddress } from './socket-lookup.ts';

type Options = Record<PropertyKey, unknown>;
type AddRequest = NodeAgent['addRequest'];

/** Where nearly all requests are decided: when they are handed to their agent, before any socket exists. */
export function governAddRequest(watch: HttpWatch, pools: HttpPools, original: AddRequest): AddRequest {
  const { guard } = watch;
  const passages = new HttpPassages(guard, pools);
  return function addRequest(this: NodeAgent, request, options, ...legacy) {
    if (watch.released || !guard.active || governedUnder(request, guard) !== undefined) {
      original.call(this, request, options, ...legacy);
      return;
    }
    let marked: Options | undefined;
    try {
      pools.seen(this);
      const fields = typeof options === 'string' ? legacyOptions(options, legacy) : (options as Options);
      marked = passWith(passages.find(this, request, fields), watch, request, fields);
    } catch (error) {
      if (guard.seamFailed('http', error)) failClosed(watch, request, error);
      else original.call(this, request, options, ...legacy);
      return;
    }
    if (marked !== undefined) original.call(this, request, marked);
    else decideAnew({ watch, pools, passages, agent: this }, request, original, [options, ...legacy]);
  };
}

/** By its passage a request goes on at once. */
function passWith(
  passage: HttpPassage | undefined,
  watch: HttpWatch,
  request: NodeRequest,
  options: Options,
): Options | undefined {
  if (passage === undefined) return undefined;
  const seam = request.protocol === 'https:' ? 'https' : 'http';
  const call = options[CALL_OPTIONS] as CallOptions | undefined;
  new GovernedRequest(watch, request, seam, undefined, call, passage).pass(passage);
  return withMark(options, passage.mark);
}

function decideAnew(
  agentParts: Pick<AgentCall, 'watch' | 'pools' | 'passages' | 'agent'>,
  request: NodeRequest,
  original: AddRequest,
  [options, ...legacy]: readonly unknown[],
): void {
  const { watch, agent } = agentParts;
  let forwarded = false;
  try {
    const fields = typeof options === 'string' ? legacyOptions(options, legacy) : (options as Options);
    const forward = (changed: Options): void => {
      forwarded = true;
      original.call(agent, request, changed);
    };
    decideRequest({ ...agentParts, request, options: fields, forward });
  } catch (error) {
    // Node's own complaint, or that of the application's agent: thrown on as it would have been.
    if (forwarded) throw error;
    if (watch.guard.seamFailed('http', error)) failClosed(watch, request, error);
    else original.call(agent, request, options, ...legacy);
  }
}

/** `addRequest(request, host, port, localAddress)`, which very old agents still call. */
function legacyOptions(host: string, [port, localAddress]: readonly unknown[]): Options {
  return { host, port, localAddress };
}

interface AgentCall {
  readonly watch: HttpWatch;
  readonly pools: HttpPools;
  readonly passages: HttpPassages;
  readonly agent: NodeAgent;
  readonly request: NodeRequest;
  readonly options: Options;
  readonly forward: (options: Options) => void;
}

function decideRequest(call: AgentCall): void {
  const { agent, request, options, forward } = call;
  const destination = destinationOf(agent, options);
  const secure = request.protocol === 'https:';
  if (typeof destination.socketPath === 'string' && destination.socketPath !== '') {
    decideUnix(call, destination.socketPath);
    return;
  }
  const connection = httpConnection(request, destination, secure);
  if (!connection) {
    // Node refuses this port by itself, with its own error.
    forward(options);
    return;
  }
  ask(call, secure ? 'https' : 'http', connection);
}

/** Asks, and carries the answer out; when the address has to be known first, resolves and asks again. */
function ask(call: AgentCall, seam: SeamName, connection: Connection & { host: string }): void {
  const { watch, request, options } = call;
  const { guard } = watch;
  const wishes = options[CALL_OPTIONS] as CallOptions | undefined;
  const governed = new GovernedRequest(watch, request, seam, connection, wishes);
  const verdict = guard.request(connection, seam, wishes);
  if (verdict.kind === 'proceed') {
    call.passages.learn(call.agent, options, connection, verdict.plan);
    forwardLater(call, governed, verdict);
  } else if (verdict.kind !== 'resolve') governed.settle(verdict);
  else {
    const release = holdBack(request);
    dialledAddress(connection.host, options['lookup'], (error, address) => {
      const pinned = address === undefined ? connection : { ...connection, address };
      const second = error ? failedLookup(error) : guard.request(pinned, seam, wishes);
      if (!release()) return;
      if (second.kind === 'proceed') forwardLater(call, governed, second, address);
      else if (second.kind !== 'resolve') governed.settle(second);
    });
  }
}

function failedLookup(error: Error): { kind: 'fail'; error: Error } {
  return { kind: 'fail', error };
}

function forwardLater(
  call: AgentCall,
  governed: GovernedRequest,
  { plan, exchange, wait }: Extract<RequestVerdict, { kind: 'proceed' }>,
  address?: string,
): void {
  governed.proceed(plan, exchange);
  const { connection } = governed;
  const mark = call.pools.mark(connection as Connection & { host: string }, plan, address);
  const go = (): void => call.forward(withMark(call.options, mark));
  if (plan.delayMs === undefined && !wait) {
    go();
    return;
  }
  const release = holdBack(call.request);
  const start = (): void => void (release() && go());
  const enter = (): void => (wait ? wait(start) : start());
  if (plan.delayMs === undefined) enter();
  else setTimeout(enter, plan.delayMs);
}

/**
 * Until it is released, a request that the application gives up is over at once: Node by itself would wait for the
 * connection that it is not going to get. Gives whether the request is still wanted.
 */
function holdBack(request: NodeRequest): () => boolean {
  const destroy: (error?: Error) => NodeRequest = request.destroy.bind(request);
  let waiting = true;
  const destroyWaiting = (error?: Error): NodeRequest => {
    destroy(error);
    if (waiting) finishDestroyed(request);
    waiting = false;
    return request;
  };
  Object.defineProperty(request, 'destroy', { value: destroyWaiting, writable: true, configurable: true });
  return () => {
    const wanted = waiting;
    waiting = false;
    Reflect.deleteProperty(request, 'destroy');
    return wanted;
  };
}

/** The application gave up before there was a connection: Node tells it so as soon as it is handed none. */
function finishDestroyed(request: NodeRequest): void {
  http.ClientRequest.prototype.onSocket.call(request, null as never);
}

function decideUnix({ watch, request, options, forward }: AgentCall, path: string): void {
  const verdict = watch.guard.unixSocket(path, 'unix');
  if (verdict.kind !== 'fail') {
    forward(options);
    return;
  }
  new GovernedRequest(watch, request, 'unix', { host: path, port: 0 }, undefined).settle(verdict);
}
