import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import type { UpstreamTarget } from '../upstream/request-plan.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { CALL_OPTIONS, type CallOptions, type Guard, type RequestVerdict, type SeamName } from './seam.ts';
import { DECIDED, decidedSocket, poolKeyOf, type DecidedSocket } from './decided-socket.ts';
import { destinationOf, httpConnection, type NodeAgent, type NodeRequest } from './http-connection.ts';
import { GovernedRequest, governedBy, isGoverned } from './http-governed.ts';
import { HttpPools } from './http-pools.ts';
import { RelaySocket } from './http-relay-socket.ts';
import { LocalReplySocket } from './local-reply.ts';
import type { PatchRegistry } from './patch-registry.ts';
import { failingSocket, isFailingSocket } from './socket-failure.ts';
import { dialledAddress, guardLookup, pinnedLookup } from './socket-lookup.ts';
import { recordsOf } from './socket-records.ts';

type Options = Record<PropertyKey, unknown>;
type AddRequest = NodeAgent['addRequest'];

/** Governs every HTTP/1 request of the process, whatever agent carries it. */
export function installHttp(guard: Guard, patches: PatchRegistry): void {
  const pools = new HttpPools(guard);
  const agent = http.Agent.prototype as unknown as NodeAgent;
  patches.wrap<AddRequest>(agent, 'addRequest', (original) => governAddRequest(guard, pools, original));
  patches.wrap<NodeAgent['getName']>(agent, 'getName', nameWithTarget);
  patches.wrap<NodeAgent['getName']>(https.Agent.prototype, 'getName', nameWithTarget);
  for (const prototype of [http.Agent.prototype, https.Agent.prototype])
    patches.wrap<NodeAgent['createConnection']>(prototype, 'createConnection', (original) =>
      governCreateConnection(guard, original, false),
    );
  const request = http.ClientRequest.prototype as unknown as NodeRequest;
  patches.wrap<NodeRequest['onSocket']>(request, 'onSocket', (original) => governOnSocket(guard, original));
  patches.wrap<NodeRequest['_implicitHeader']>(request, '_implicitHeader', governHead);
}

/** Governs the requests of one agent, in place, and keeps its pooling. */
export function wrapAgent(guard: Guard, agent: http.Agent, patches: PatchRegistry): void {
  const pools = new HttpPools(guard);
  patches.wrap<AddRequest>(agent, 'addRequest', (original) => {
    const governed = governAddRequest(guard, pools, original);
    return function (this: NodeAgent, request, ...rest) {
      renderUnderGuard(request);
      governed.call(this, request, ...rest);
    };
  });
  patches.wrap<NodeAgent['getName']>(agent, 'getName', nameWithTarget);
  patches.wrap<NodeAgent['createConnection']>(agent, 'createConnection', (original) =>
    governCreateConnection(guard, original, true),
  );
}

function governAddRequest(guard: Guard, pools: HttpPools, original: AddRequest): AddRequest {
  return function addRequest(this: NodeAgent, request, options, ...legacy) {
    const pass = (): void => original.call(this, request, options, ...legacy);
    if (!guard.active || isGoverned(request, guard)) {
      pass();
      return;
    }
    let forwarded = false;
    try {
      pools.seen(this);
      const fields = typeof options === 'string' ? legacyOptions(options, legacy) : (options as Options);
      decideRequest({
        guard,
        pools,
        agent: this,
        request,
        options: fields,
        forward: (o) => {
          forwarded = true;
          original.call(this, request, o);
        },
      });
    } catch (error) {
      // Node's own complaint, or that of the application's agent: thrown on as it would have been.
      if (forwarded) throw error;
      if (guard.seamFailed('http', error)) failClosed(guard, request, error);
      else pass();
    }
  };
}

/** `addRequest(request, host, port, localAddress)`, which very old agents still call. */
function legacyOptions(host: string, [port, localAddress]: readonly unknown[]): Options {
  return { host, port, localAddress };
}

interface AgentCall {
  readonly guard: Guard;
  readonly pools: HttpPools;
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
  const { guard, request, options } = call;
  const wishes = options[CALL_OPTIONS] as CallOptions | undefined;
  const governed = new GovernedRequest(guard, request, seam, connection, wishes);
  const verdict = guard.request(connection, seam, wishes);
  if (verdict.kind === 'proceed') forwardLater(call, governed, verdict);
  else if (verdict.kind !== 'resolve') governed.settle(verdict);
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

/** The options are Node's own copy, made for this request: a field may be put on them, which a spread would cost. */
function withMark(options: Options, mark: DecidedSocket): Options {
  if (!Object.isExtensible(options)) return { ...options, [DECIDED]: mark };
  options[DECIDED] = mark;
  return options;
}

function decideUnix({ guard, request, options, forward }: AgentCall, path: string): void {
  const verdict = guard.unixSocket(path, 'unix');
  if (verdict.kind !== 'fail') {
    forward(options);
    return;
  }
  new GovernedRequest(guard, request, 'unix', { host: path, port: 0 }, undefined).settle(verdict);
}

/** Something in this package broke: the request does not go out. */
function failClosed(guard: Guard, request: NodeRequest, cause: unknown): void {
  const governed = governedBy(request).find((one) => one.guard === guard);
  const error = guard.internalError(cause);
  (governed ?? new GovernedRequest(guard, request, 'http', { host: 'localhost', port: 1 }, undefined)).settle({
    kind: 'fail',
    error,
  });
}

/** The pool's key: requests that go to different targets must never share a connection. */
function nameWithTarget(original: NodeAgent['getName']): NodeAgent['getName'] {
  return function getName(this: NodeAgent, options?: object): string {
    const name = original.call(this, options);
    return options ? name + poolKeyOf((options as { [DECIDED]?: DecidedSocket })[DECIDED]) : name;
  };
}

/**
 * A new connection for the pool: to the target, with TLS originated where the policy says so. With `alone` (an agent that
 * was wrapped, in a process that is not governed) the addresses are decided here, else at the socket below.
 */
function governCreateConnection(
  guard: Guard,
  original: NodeAgent['createConnection'],
  alone: boolean,
): NodeAgent['createConnection'] {
  return function createConnection(this: NodeAgent, ...args: unknown[]): unknown {
    const [options] = args as [Options | undefined];
    const mark = typeof options === 'object' && options !== null ? (options[DECIDED] as DecidedSocket) : undefined;
    if (!guard.active || !options || mark?.guard !== guard) return original.apply(this, args);
    const connect = (target: UpstreamTarget | undefined): Socket => {
      const changed = alone || target || mark.address !== undefined;
      const dial = changed ? dialOptions(guard, options, mark, target, alone) : options;
      if (target?.tls && this.protocol !== 'https:') return originate(dial, target);
      return original.call(this, dial, ...(mark.retry ? [] : args.slice(1))) as Socket;
    };
    const { target, retry } = mark;
    const secure = this.protocol === 'https:';
    const socket = retry
      ? new RelaySocket({ ...retry, target, secure, connect, random: Math.random })
      : connect(target);
    recordsOf(guard).created(socket, mark);
    return socket;
  };
}

/** What a rule's files lack shows where a failed handshake would. */
function originate(dial: Options, target: UpstreamTarget): tls.TLSSocket | Socket {
  try {
    return tls.connect({ ...dial, ...originationOptions(target) });
  } catch (error) {
    return failingSocket(error as Error, { secure: false, host: target.host, port: target.port });
  }
}

/** The options with which the target is dialled. A governed process decides the addresses at the socket below. */
function dialOptions(
  guard: Guard,
  options: Options,
  mark: DecidedSocket,
  target: UpstreamTarget | undefined,
  alone: boolean,
): Options {
  const { connection, address } = mark;
  const host = target ? target.host : mark.host;
  const fields: Options = { ...options, host, port: target?.port ?? mark.port };
  const dial = Object.assign(Object.create(null) as Options, fields);
  // A further try goes to another endpoint: the mark has to mean that one.
  if (target && target !== mark.target) dial[DECIDED] = decidedSocket({ ...mark, target });
  if (target?.path !== undefined) {
    delete dial['host'];
    delete dial['port'];
    dial['path'] = target.path;
    return dial;
  }
  if (address !== undefined) dial['lookup'] = pinnedLookup(address);
  else if (alone) dial['lookup'] = guardLookup(guard, connection, target ? 'target' : 'request', options['lookup']);
  // TLS of the application goes on checking the name that the application asked for.
  if (target && connection.transport === 'tls' && !options['servername']) {
    const check = (options['checkServerIdentity'] ?? tls.checkServerIdentity) as typeof tls.checkServerIdentity;
    dial['checkServerIdentity'] = (_host: string, certificate: tls.PeerCertificate) => check(mark.host, certificate);
  }
  return dial;
}

/** The catch-all: requests without an agent, and agents with an `addRequest` of their own (ws, duck-typed agents). */
function governOnSocket(guard: Guard, original: NodeRequest['onSocket']): NodeRequest['onSocket'] {
  return function onSocket(this: NodeRequest, socket: unknown, error?: Error | null): void {
    const mine = governedBy(this).find((governed) => governed.guard === guard);
    if (mine?.settled && !ownSocket(socket)) {
      discard(socket);
      return;
    }
    if (!guard.active || mine || error || !socket) {
      original.call(this, socket, error);
      return;
    }
    try {
      if (decideOnSocket(guard, this, socket)) original.call(this, socket, error);
      else discard(socket);
    } catch (failure) {
      if (guard.seamFailed('http', failure)) {
        discard(socket);
        failClosed(guard, this, failure);
      } else original.call(this, socket, error);
    }
  };
}

/** The request's own socket, made by the application or its agent: it can be refused, but no longer routed. */
function decideOnSocket(guard: Guard, request: NodeRequest, socket: unknown): boolean {
  const known = recordsOf(guard).get(socket);
  const secure = known ? known.transport === 'tls' : request.protocol === 'https:';
  if (known?.path !== undefined) return true;
  const destination = known
    ? { host: known.connection.host, port: known.connection.port, servername: known.connection.sni ?? '' }
    : { host: request.host, port: request.protocol === 'https:' ? 443 : 80 };
  const connection = httpConnection(request, destination, secure);
  if (!connection) return true;
  const governed = new GovernedRequest(guard, request, secure ? 'https' : 'http', connection, undefined);
  const verdict = guard.request(connection, secure ? 'https' : 'http');
  if (verdict.kind === 'resolve') return true;
  if (verdict.kind === 'proceed') {
    governed.proceed(verdict.plan, verdict.exchange);
    return true;
  }
  governed.settle(verdict);
  return false;
}

/** Sockets that settle a request here, as opposed to one that a pool or the application delivers. */
function ownSocket(socket: unknown): boolean {
  return socket === null || socket === undefined || socket instanceof LocalReplySocket || isFailingSocket(socket);
}

function discard(socket: unknown): void {
  (socket as { destroy?: () => void } | null)?.destroy?.();
}

/** Rendering the head is the last moment to change it. */
function governHead(original: NodeRequest['_implicitHeader']): NodeRequest['_implicitHeader'] {
  return function _implicitHeader(this: NodeRequest): void {
    const render = governedBy(this).reduceRight<() => void>(
      (inner, governed) => () => governed.beforeHead(inner),
      () => original.call(this),
    );
    render();
  };
}

/** Without the patch of the prototype, the same on one request. */
function renderUnderGuard(request: NodeRequest): void {
  const wrapped = governHead((request as { _implicitHeader: () => void })._implicitHeader);
  Object.defineProperty(request, '_implicitHeader', { value: wrapped, writable: true, configurable: true });
}
