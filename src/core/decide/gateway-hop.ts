import { compileMeshConfig } from '../compile/compile-mesh.ts';
import type { MeshService } from '../compile/compiled.ts';
import { podLabels } from '../compile/gateway-server.ts';
import type { Connection, HttpRequest, Workload } from '../model/connection.ts';
import type {
  AllowDecision,
  Decision,
  HeaderOperation,
  RouteDecision,
  UpstreamCluster,
  WeightedDestination,
} from '../model/decision.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { decide } from './decide.ts';

/** What happens behind an egress gateway. */
export interface GatewayHop {
  /** The destination of the first decision that leads to the gateway. */
  readonly destination: WeightedDestination;
  /** What arrives at the gateway, as a question of its own. */
  readonly connection: Connection;
  /** What the gateway does with it. */
  readonly decision: Decision;
}

/**
 * The second hop of a decision that leads to an egress gateway: what arrives at the gateway's pods after the first hop's
 * rewrites and TLS, and what they do with it. `destination`: the one that was drawn; absent: the first that is a gateway.
 * Undefined when the decision leads to none.
 */
export function gatewayHop(
  decision: Decision,
  connection: Connection,
  meshConfig: MeshConfig,
  destination?: WeightedDestination,
): GatewayHop | undefined {
  const forward = forwardOf(decision);
  const chosen = destination ?? forward?.destinations.find(({ upstream }) => upstream?.gateway === true);
  const upstream = chosen?.upstream;
  if (forward === undefined || chosen === undefined || upstream?.gateway !== true) return undefined;
  const service = compileMeshConfig(meshConfig, connection.workload).scope.servicesByHost.get(upstream.host);
  if (service === undefined) return undefined;
  const arriving: Connection = {
    port: upstream.endpoints[0]?.port ?? upstream.port,
    ...(upstream.endpoints[0]?.host !== undefined && { address: upstream.endpoints[0].host }),
    ...transportOf(connection, upstream),
    ...contentOf(connection, forward, chosen),
    workload: gatewayWorkload(service, upstream),
  };
  return { destination: chosen, connection: arriving, decision: decide(arriving, meshConfig) };
}

function forwardOf(decision: Decision): AllowDecision | RouteDecision | undefined {
  if (decision.action === 'deny') return undefined;
  return decision.action === 'timeout' ? decision.then : decision;
}

/** The TLS that the first hop originates goes around what the application sent. */
function transportOf(connection: Connection, { tls }: UpstreamCluster): Partial<Connection> {
  if (tls !== undefined && tls.onlyIfEndpointHasTls !== true) {
    const inner = connection.transport === 'tls' ? 'tcp' : connection.protocol;
    return {
      transport: 'tls',
      sni: tls.sni ?? '',
      ...(tls.alpn !== undefined && { alpn: tls.alpn }),
      ...(inner !== undefined && { protocol: inner }),
    };
  }
  const { transport, protocol, alpn, host } = connection;
  const sni = connection.sni ?? (transport === 'tls' ? host : undefined);
  return {
    ...(transport !== undefined && { transport }),
    ...(protocol !== undefined && { protocol }),
    ...(sni !== undefined && { sni }),
    ...(alpn !== undefined && { alpn }),
  };
}

/** The request as the first hop sends it on; none where it saw bytes. */
function contentOf(
  connection: Connection,
  forward: AllowDecision | RouteDecision,
  destination: WeightedDestination,
): Partial<Connection> {
  const { request, host } = connection;
  if (forward.seenAs !== 'http') {
    const authority = connection.authority ?? host;
    return { ...(authority !== undefined && { authority }), ...(request !== undefined && { request }) };
  }
  const authority = destination.authority ?? forward.request?.authority ?? connection.authority ?? host;
  return {
    ...(authority !== undefined && { authority }),
    ...(request !== undefined && { request: rewritten(request, forward, destination.requestHeaders ?? []) }),
  };
}

function rewritten(
  request: HttpRequest,
  forward: AllowDecision | RouteDecision,
  operations: readonly HeaderOperation[],
): HttpRequest {
  const headers = new Map<string, string | readonly string[] | undefined>();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name.toLowerCase(), value);
  for (const { op, name: written, value = '' } of operations) {
    const name = written.toLowerCase();
    const held = headers.get(name);
    if (op === 'remove') headers.delete(name);
    else if (op === 'set' || held === undefined) headers.set(name, value);
    else headers.set(name, [...(typeof held === 'string' ? [held] : held), value]);
  }
  const { method, path } = forward.request ?? request;
  return { ...request, method, path, headers: Object.fromEntries(headers) };
}

/** A pod behind the gateway's Service, with all labels that are known of it. */
function gatewayWorkload(service: MeshService, upstream: UpstreamCluster): Workload {
  const address = upstream.endpoints[0]?.host;
  return {
    type: 'router',
    namespace: service.namespace,
    name: service.name,
    labels: Object.assign({}, ...podLabels(service)) as Record<string, string>,
    ...(address !== undefined && { addresses: [address] }),
  };
}
