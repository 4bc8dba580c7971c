/**
 * Says a Decision in the words of the recorded facts. What a proxy leaves to chance (one of several weighted clusters)
 * is taken from the record: then the facts of that cluster are compared.
 */
import type {
  AllowDecision,
  Connection,
  Decision,
  Endpoint,
  HeaderOperation,
  LocalReply,
  RouteDecision,
  UpstreamCluster,
  UpstreamTls,
  WeightedDestination,
} from '../../src/index.ts';
import type { Expected } from './scenarios.ts';

type Facts = Record<string, unknown>;
type Outcome = 'forward' | 'reply' | 'close';

/** Envoy's connect timeout in Istio when nothing says another: recorded as absent. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

export function observe(decision: Decision, connection: Connection, expected: Expected): Facts {
  const http = decision.seenAs === 'http';
  const { forward, timeoutMs } = followed(decision);
  const destination = forward === undefined ? undefined : drawn(forward, expected);
  const reply = replyOf(decision, forward, destination);
  const facts: Facts = {
    ...reply,
    // Nothing is seen of a connection that is refused.
    seenAs: http || decision.reason === 'no_listener' ? undefined : decision.seenAs,
    virtualHost: decision.virtualHost,
    routeName: decision.routeName,
    virtualService: refOf(decision.virtualService),
    clusters: clustersOf(forward, expected),
    cluster: clusterOf(decision, destination),
    ...(forward === undefined ? {} : routeFacts(forward, http, timeoutMs)),
    ...responseHeaderFacts(destination?.responseHeaders ?? (forward as RouteDecision | undefined)?.responseHeaders),
  };
  if (reply['outcome'] === 'forward' && forward !== undefined && destination?.upstream !== undefined) {
    Object.assign(facts, upstreamFacts(destination.upstream), {
      upstream: http ? requestFacts(forward, destination, connection) : untouchedRequest(connection),
      idleTimeoutMs: http ? undefined : forward.idleTimeoutMs,
      tunneling: forward.tunnel,
    });
  }
  return facts;
}

/** The route that was taken, also when it could not be followed. */
function followed(decision: Decision): {
  readonly forward: AllowDecision | RouteDecision | undefined;
  readonly timeoutMs: number;
} {
  const outer = decision.action === 'deny' ? decision.route : decision;
  if (outer === undefined) return { forward: undefined, timeoutMs: 0 };
  return outer.action === 'timeout'
    ? { forward: outer.then, timeoutMs: outer.timeoutMs }
    : { forward: outer, timeoutMs: 0 };
}

/** The destination that the recorded call took. */
function drawn(forward: AllowDecision | RouteDecision, expected: Expected): WeightedDestination | undefined {
  const { destinations } = forward;
  const named = destinations.find((destination) => destination.cluster === expected['cluster']);
  if (named !== undefined) return named;
  const missing = destinations.find((destination) => destination.upstream === undefined);
  return expected['cluster'] === undefined && missing !== undefined ? missing : destinations[0];
}

function replyOf(
  decision: Decision,
  forward: AllowDecision | RouteDecision | undefined,
  destination: WeightedDestination | undefined,
): Facts {
  if (decision.action === 'deny') {
    return {
      ...localFacts(decision.localReply),
      responseFlags: decision.responseFlags || undefined,
      responseCodeDetails: decision.responseCodeDetails,
    };
  }
  if (forward?.action === 'route' && forward.localReply !== undefined) {
    return {
      ...localFacts(forward.localReply),
      responseFlags: forward.responseFlags || undefined,
      responseCodeDetails: forward.responseCodeDetails,
    };
  }
  if (destination?.upstream !== undefined) return { outcome: 'forward' satisfies Outcome };
  if (decision.seenAs !== 'http') return { outcome: 'close' satisfies Outcome, responseFlags: 'NC' };
  return {
    outcome: 'reply' satisfies Outcome,
    status: 503,
    responseFlags: 'NC',
    responseCodeDetails: 'cluster_not_found',
  };
}

function localFacts(reply: LocalReply | undefined): Facts {
  if (reply === undefined) return { outcome: 'close' satisfies Outcome };
  return {
    outcome: 'reply' satisfies Outcome,
    status: reply.status,
    location: reply.location,
    // The body of a gRPC reply travels as its message.
    body: reply.grpcStatus === undefined ? reply.body?.slice(0, 200) || undefined : undefined,
    grpcStatus: reply.grpcStatus,
    grpcMessage: reply.grpcMessage || undefined,
  };
}

function clusterOf(decision: Decision, destination: WeightedDestination | undefined): string | undefined {
  if (destination !== undefined) return destination.upstream === undefined ? undefined : destination.cluster;
  return decision.reason === 'cluster_not_found' ? undefined : decision.cluster || undefined;
}

function clustersOf(forward: AllowDecision | RouteDecision | undefined, expected: Expected): Facts[] | undefined {
  const destinations = forward?.destinations ?? [];
  const recorded = expected['clusters'] as readonly Facts[] | undefined;
  if (destinations.length === 1 && recorded?.length === 1) {
    // One destination gets everything, whatever its weight is called.
    return [{ name: destinations[0]?.cluster, weight: recorded[0]?.['weight'] }];
  }
  if (destinations.length < 2) return undefined;
  return destinations.map(({ cluster, weight }) => ({ name: cluster, weight }));
}

function routeFacts(forward: AllowDecision | RouteDecision, http: boolean, timeoutMs: number): Facts {
  const answeredByRoute = forward.reason === 'redirect' || forward.reason === 'direct_response';
  if (!http || answeredByRoute || forward.reason === 'https_redirect') return {};
  return {
    timeoutMs,
    retries: forward.retries ?? null,
    fault: faultFacts(forward.fault),
    mirrors: forward.mirrors?.map(({ cluster, percent }) => ({ cluster, percent })),
    cors: forward.cors === undefined ? undefined : true,
    hashPolicy: forward.hashPolicy,
  };
}

/** An abort without a percentage never happens; the record calls it 100 all the same. */
function faultFacts(fault: AllowDecision['fault']): AllowDecision['fault'] {
  if (fault?.abort === undefined || fault.abort.percent !== undefined) return fault;
  return { ...fault, abort: { ...fault.abort, percent: 100 } };
}

function responseHeaderFacts(operations: readonly HeaderOperation[] | undefined): Facts {
  const added = operations?.filter(({ op }) => op !== 'remove') ?? [];
  const removed = operations?.filter(({ op }) => op === 'remove') ?? [];
  return {
    responseHeadersAdded:
      added.length === 0 ? undefined : added.map(({ op, name, value }) => ({ name, value, append: op === 'add' })),
    responseHeadersRemoved: removed.length === 0 ? undefined : removed.map(({ name }) => name),
  };
}

function upstreamFacts(upstream: UpstreamCluster): Facts {
  const breakers = upstream.circuitBreakers;
  return {
    clusterType: upstream.type === 'DYNAMIC_FORWARD_PROXY' ? 'envoy.clusters.dynamic_forward_proxy' : upstream.type,
    endpoints: upstream.endpoints.map((endpoint) => endpointText(endpoint)),
    upstreamTls: upstream.tls === undefined ? undefined : tlsFacts(upstream.tls),
    upstreamProtocol: upstream.protocol,
    connectTimeoutMs: upstream.connectTimeoutMs === DEFAULT_CONNECT_TIMEOUT_MS ? undefined : upstream.connectTimeoutMs,
    circuitBreakers: breakers === undefined || Object.keys(breakers).length === 0 ? undefined : breakers,
    destinationRule: refOf(upstream.destinationRule),
  };
}

function endpointText({ host, port, path }: Endpoint): string {
  return path === undefined ? `${host}:${port}` : `unix:${path}`;
}

function tlsFacts(tls: UpstreamTls): Facts {
  return {
    mode: tls.mode,
    sni: tls.sni,
    alpn: nonEmpty(tls.alpn),
    subjectAltNames: nonEmpty(tls.subjectAltNames),
    secrets: nonEmpty(secretsOf(tls)),
    autoSni: tls.autoSni === true ? true : undefined,
    autoSanValidation: tls.autoSanValidation === true ? true : undefined,
    onlyIfEndpointHasTls: tls.onlyIfEndpointHasTls === true ? true : undefined,
  };
}

/** The names under which Istio's agent would serve these files and secrets. */
function secretsOf(tls: UpstreamTls): string[] {
  if (tls.mode === 'ISTIO_MUTUAL') return ['default', 'ROOTCA'];
  if (tls.credentialName !== undefined && tls.credentialName !== '') {
    const name = tls.credentialName.includes('://') ? tls.credentialName : `kubernetes://${tls.credentialName}`;
    const authority = `${name}-cacert`;
    return tls.mode === 'MUTUAL' ? [name, authority] : [authority];
  }
  const secrets: string[] = [];
  if (tls.clientCertificate) secrets.push(`file-cert:${tls.clientCertificate}~${tls.privateKey ?? ''}`);
  if (tls.caCertificates) secrets.push(`file-root:${tls.caCertificates}`);
  return secrets;
}

/** Method, path, authority, and the headers that differ from what the application sent. */
function requestFacts(
  forward: AllowDecision | RouteDecision,
  destination: WeightedDestination,
  connection: Connection,
): Facts {
  const sent = sentHeaders(connection);
  const arrived = new Map([...sent].map(([name, values]) => [name, [...values]]));
  for (const { op, name: spelt, value = '' } of destination.requestHeaders ?? []) {
    const name = spelt.toLowerCase();
    if (op === 'remove') arrived.delete(name);
    else if (op === 'set') arrived.set(name, [value]);
    else arrived.set(name, [...(arrived.get(name) ?? []), value]);
  }
  const changed = [...arrived].filter(([name, values]) => sent.get(name)?.join(',') !== values.join(','));
  return {
    method: forward.request?.method ?? connection.request?.method,
    path: forward.request?.path ?? connection.request?.path,
    authority: destination.authority ?? forward.request?.authority ?? connection.authority,
    headers: Object.fromEntries(changed.map(([name, values]) => [name, values.join(',')])),
    removed: [...sent.keys()].filter((name) => !arrived.has(name)),
  };
}

/** Behind a TCP proxy the bytes arrive as they were sent. */
function untouchedRequest(connection: Connection): Facts {
  const { request, authority } = connection;
  return { method: request?.method, path: request?.path, authority, headers: {}, removed: [] };
}

function sentHeaders(connection: Connection): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const [name, value] of Object.entries(connection.request?.headers ?? {})) {
    if (value !== undefined) headers.set(name.toLowerCase(), typeof value === 'string' ? [value] : [...value]);
  }
  return headers;
}

function refOf(ref: { readonly namespace: string; readonly name: string } | undefined): string | undefined {
  return ref === undefined ? undefined : `${ref.namespace}/${ref.name}`;
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}
