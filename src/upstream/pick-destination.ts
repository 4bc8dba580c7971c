import { isIP } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import type { Endpoint, Forward, UpstreamCluster, UpstreamTls, WeightedDestination } from '../core/model/decision.ts';
import type { UpstreamTarget, UpstreamTunnel } from './request-plan.ts';

/** Between 0 and 1, 1 excluded: `Math.random`, or a test's own. */
export type Random = () => number;

/** Draws one of several weighted destinations. Undefined when no weight is above zero. */
export function drawDestination(
  destinations: readonly WeightedDestination[],
  random: Random,
): WeightedDestination | undefined {
  const [only] = destinations;
  if (destinations.length <= 1) return only;
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  let left = random() * total;
  for (const destination of destinations) {
    left -= destination.weight;
    if (left < 0) return destination;
  }
  return undefined;
}

/** Which endpoints must not be used now, and how busy each is: kept by the cluster's connection pool. */
export interface EndpointState {
  isEjected(cluster: UpstreamCluster, endpoint: Endpoint): boolean;
  activeRequests(cluster: UpstreamCluster, endpoint: Endpoint): number;
  /** A number that moves on with each call: where ROUND_ROBIN stands. */
  turn(cluster: UpstreamCluster): number;
}

/** An endpoint of a cluster, by its load balancer, avoiding those in `tried`. Undefined: none is usable. */
export function pickEndpoint(
  cluster: UpstreamCluster,
  state: EndpointState,
  random: Random,
  tried: readonly Endpoint[] = [],
): Endpoint | undefined {
  const { endpoints } = cluster;
  if (endpoints.length <= 1 && tried.length === 0) return endpoints[0];
  const usable = endpoints.filter((endpoint) => !tried.includes(endpoint));
  const healthy = usable.filter((endpoint) => !state.isEjected(cluster, endpoint));
  // Better an ejected endpoint than none: Envoy's panic mode.
  const candidates = healthy.length > 0 ? healthy : usable;
  if (candidates.length <= 1) return candidates[0];
  if (cluster.loadBalancer === 'ROUND_ROBIN') return inTurn(candidates, state.turn(cluster));
  const first = byWeight(candidates, random);
  if (cluster.loadBalancer !== 'LEAST_REQUEST') return first;
  // Envoy's choice of two: the less busy of two drawn ones.
  const second = byWeight(candidates, random);
  return state.activeRequests(cluster, second) < state.activeRequests(cluster, first) ? second : first;
}

function inTurn(candidates: readonly Endpoint[], turn: number): Endpoint | undefined {
  const total = candidates.reduce((sum, { weight = 1 }) => sum + weight, 0);
  let left = turn % total;
  return candidates.find(({ weight = 1 }) => (left -= weight) < 0);
}

function byWeight(candidates: readonly Endpoint[], random: Random): Endpoint {
  const total = candidates.reduce((sum, { weight = 1 }) => sum + weight, 0);
  let left = random() * total;
  const found = candidates.find(({ weight = 1 }) => (left -= weight) < 0);
  return found ?? (candidates[candidates.length - 1] as Endpoint);
}

/** Targets are made once: equal ones are the same object, which pools and marks go by. */
const targets = new WeakMap<UpstreamCluster, Map<string, UpstreamTarget>>();

/**
 * Where a forwarded connection goes, when not where the application dialled. `endpoint` is the chosen one; clusters
 * without endpoints (ORIGINAL_DST, DYNAMIC_FORWARD_PROXY) keep the dialled host. `name` is the host of the request, as it
 * leaves, for the automatic SNI.
 */
export function targetOf(
  cluster: UpstreamCluster,
  endpoint: Endpoint | undefined,
  connection: Connection,
  name: string | undefined,
  tunnel: Forward['tunnel'],
): UpstreamTarget | undefined {
  // TLS to a proxy is outside of whatever goes through the tunnel.
  const tls = tunnel ? undefined : originated(cluster, connection, name);
  const through = tunnel && throughProxy(cluster, tunnel);
  const dialled = connection.host ?? connection.address ?? '';
  const host = endpoint ? endpoint.host : dialled;
  const port = endpoint ? endpoint.port : (cluster.upstreamPortOverride ?? connection.port);
  const path = endpoint?.path;
  if (!tls && !tunnel && path === undefined && host === dialled && port === connection.port) return undefined;
  const key = [host, port, path ?? '', tls ? tlsKey(tls) : '', through ? JSON.stringify(through) : ''].join('|');
  let ofCluster = targets.get(cluster);
  if (!ofCluster) targets.set(cluster, (ofCluster = new Map<string, UpstreamTarget>()));
  let target = ofCluster.get(key);
  if (!target) {
    target = Object.freeze({
      key: `${cluster.name}|${key}`,
      host,
      port,
      cluster,
      ...(path !== undefined && { path }),
      ...(tls && { tls: Object.freeze(tls) }),
      ...(through && { tunnel: Object.freeze(through) }),
    });
    // Automatic SNI makes a target of each name under a wildcard host.
    if (ofCluster.size >= 1000) ofCluster.clear();
    ofCluster.set(key, target);
  }
  return target;
}

/** Another endpoint of a cluster for a further try, avoiding those that were tried; undefined: none is left. */
export function nextTargetOf(
  cluster: UpstreamCluster,
  tried: readonly UpstreamTarget[],
  { connection, name, tunnel, random, state }: NextTry,
): UpstreamTarget | undefined {
  const used = cluster.endpoints.filter((endpoint) =>
    tried.some(({ host, port }) => host === endpoint.host && port === endpoint.port),
  );
  const next = pickEndpoint(cluster, state, random, used);
  return next && targetOf(cluster, next, connection, name, tunnel);
}

interface NextTry {
  readonly connection: Connection;
  readonly name: string | undefined;
  readonly tunnel: Forward['tunnel'];
  readonly random: Random;
  readonly state: EndpointState;
}

/**
 * TLS below what the application speaks. An application that speaks TLS itself keeps it: a second layer inside the first
 * is what a rule for plaintext would do to it by mistake. Istio's automatic mutual TLS needs a mesh identity, which a
 * process without a sidecar has not.
 */
function originated(cluster: UpstreamCluster, connection: Connection, name: string | undefined): UpstreamTarget['tls'] {
  const { tls } = cluster;
  if (!tls || tls.onlyIfEndpointHasTls || connection.transport === 'tls') return undefined;
  const auto = tls.autoSni && name !== undefined && isIP(name) === 0 ? name : undefined;
  const servername = tls.sni ?? auto;
  return { ...tls, ...(servername !== undefined && { servername }) };
}

function throughProxy({ tls }: UpstreamCluster, tunnel: NonNullable<Forward['tunnel']>): UpstreamTunnel {
  if (!tls || tls.onlyIfEndpointHasTls) return { ...tunnel };
  return { ...tunnel, tls: { ...tls, ...(tls.sni !== undefined && { servername: tls.sni }) } };
}

function tlsKey(tls: UpstreamTls & { readonly servername?: string }): string {
  return JSON.stringify(tls);
}
