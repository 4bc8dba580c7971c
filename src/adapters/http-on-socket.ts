import { toPort } from './connection-snapshot.ts';
import { httpConnection, type HttpDestination, type NodeRequest } from './http-connection.ts';
import { failClosed, GovernedRequest } from './http-governed.ts';
import { governedUnder } from './http-governed-by.ts';
import { headersOf } from './http-headers.ts';
import type { HttpWatch } from './http-watch.ts';
import { LocalReplySocket } from './local-reply.ts';
import type { Guard } from './seam.ts';
import { isFailingSocket } from './socket-failure.ts';
import { recordsOf } from './socket-records.ts';

/** The catch-all: requests without an agent, and agents with an `addRequest` of their own (ws, duck-typed agents). */
export function governOnSocket(watch: HttpWatch, original: NodeRequest['onSocket']): NodeRequest['onSocket'] {
  const { guard } = watch;
  return function onSocket(this: NodeRequest, socket: unknown, error?: Error | null): void {
    if (watch.released) {
      original.call(this, socket, error);
      return;
    }
    const mine = governedUnder(this, guard);
    if (mine?.settled && !ownSocket(socket)) {
      discard(socket);
      return;
    }
    if (guard.active && this.method === 'CONNECT') recordsOf(guard).tunnelled(socket, this.path);
    if (!guard.active || mine || error || !socket) {
      original.call(this, socket, error);
      return;
    }
    try {
      if (decideOnSocket(watch, this, socket)) original.call(this, socket, error);
      else discard(socket);
    } catch (failure) {
      if (guard.seamFailed('http', failure)) {
        discard(socket);
        failClosed(watch, this, failure);
      } else original.call(this, socket, error);
    }
  };
}

/** The request's own socket, made by the application or its agent: it can be refused, but no longer routed. */
function decideOnSocket(watch: HttpWatch, request: NodeRequest, socket: unknown): boolean {
  const { guard } = watch;
  const known = recordsOf(guard).get(socket);
  const secure = known ? known.transport === 'tls' : request.protocol === 'https:';
  if (known?.path !== undefined) return true;
  const connection = httpConnection(request, destinationOf(guard, request, socket, secure), secure);
  if (!connection) return true;
  const governed = new GovernedRequest(watch, request, secure ? 'https' : 'http', connection, undefined);
  const verdict = guard.request(connection, secure ? 'https' : 'http');
  if (verdict.kind === 'resolve') return true;
  if (verdict.kind === 'proceed') {
    governed.proceed(verdict.plan, verdict.exchange);
    return true;
  }
  governed.settle(verdict);
  return false;
}

/** The other end of a tunnel, where one was dug through this socket; else where the socket was dialled to. */
function destinationOf(guard: Guard, request: NodeRequest, socket: unknown, secure: boolean): HttpDestination {
  const tunnel = request.method === 'CONNECT' ? undefined : recordsOf(guard).tunnelEnd(socket);
  if (tunnel) return tunnel;
  const known = recordsOf(guard).get(socket);
  if (!known) return { host: request.host, port: portOfHostHeader(request) ?? (secure ? 443 : 80) };
  const { host, port, sni = '' } = known.connection;
  return { host, port, servername: sni };
}

/** Inside TLS in a tunnel that an agent dug for itself, only the Host header still tells which port the request is for. */
function portOfHostHeader(request: NodeRequest): number | undefined {
  const { host } = headersOf(request);
  return typeof host === 'string' ? toPort(/:(\d+)$/.exec(host)?.[1]) : undefined;
}

/** Sockets that settle a request here, as opposed to one that a pool or the application delivers. */
function ownSocket(socket: unknown): boolean {
  return socket === null || socket === undefined || socket instanceof LocalReplySocket || isFailingSocket(socket);
}

function discard(socket: unknown): void {
  (socket as { destroy?: () => void } | null)?.destroy?.();
}
