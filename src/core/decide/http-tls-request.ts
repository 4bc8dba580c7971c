import type { Scope } from '../compile/compiled.ts';
import { clusterName } from '../compile/http-route-destination.ts';
import type { HttpRoute } from '../compile/http-route.ts';
import { buildTlsRequestRoutes, type TlsRequestRoutes } from '../compile/http-route-tls-request.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import { readCall, type NormalizedCall } from './http-call.ts';
import { noRoute, refuse } from './http-denial.ts';
import { ownLocation, redirectLocation } from './http-route-url.ts';
import { followRoute, type HttpContext } from './http-route.ts';

const compiled = new WeakMap<Scope, Map<string, TlsRequestRoutes | undefined>>();

/**
 * Decides a request inside TLS, which a proxy does not see, by the VirtualService http routes of the service that was
 * dialled. Undefined: no http route governs it, and the answer to the TLS connection stands.
 *
 * A route that leads to a port without TLS was written for plaintext; so was a redirect to the very URL that was asked
 * for. A request that takes one of these is not governed either.
 */
export function decideTlsRequest(
  scope: Scope,
  service: { readonly hostname: string; readonly port: number },
  connection: Connection,
  context: HttpContext,
): Decision | undefined {
  const governed = routesFor(scope, service.hostname, service.port);
  if (governed === undefined) return undefined;
  const call = readCall(connection, scope.mesh.pathNormalization.normalization ?? 'DEFAULT', true);
  if (typeof call === 'string') return refuse(call, context);
  const route = governed.virtualHost.routes.find((candidate) => candidate.accepts(call));
  if (route === undefined) return noRoute(call, governed.virtualHost, context);
  if (governed.plaintextOnly.has(route) || redirectsToItself(route, call)) return undefined;
  return followRoute(route, governed.virtualHost, call, context);
}

/** Whether any http route could govern requests inside TLS to this service: where none can, nobody needs to ask. */
export function governsTlsRequests(
  scope: Scope,
  service: { readonly hostname: string; readonly port: number },
): boolean {
  return routesFor(scope, service.hostname, service.port) !== undefined;
}

function routesFor(scope: Scope, hostname: string, port: number): TlsRequestRoutes | undefined {
  let held = compiled.get(scope);
  if (held === undefined) {
    held = new Map<string, TlsRequestRoutes | undefined>();
    compiled.set(scope, held);
  }
  const key = clusterName({ host: hostname, port, subset: '' });
  if (!held.has(key)) held.set(key, buildTlsRequestRoutes(scope, hostname, port));
  return held.get(key);
}

function redirectsToItself({ action }: HttpRoute, call: NormalizedCall): boolean {
  return action.kind === 'redirect' && redirectLocation(action, call) === ownLocation(call);
}
