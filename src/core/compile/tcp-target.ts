import type { TLSMatchAttributes, L4MatchAttributes, RouteDestination, Destination } from '../model/virtual-service.ts';
import type { DestinationRule } from '../model/destination-rule.ts';
import type { ResourceRef } from '../model/resource.ts';
import { parseDurationMs } from '../match/duration.ts';
import { labelsMatch } from './age.ts';
import type { ChainAction, MeshService, Scope, TcpTarget } from './compiled.ts';

type TcpAction = Extract<ChainAction, { kind: 'tcp' }>;

/** Istio's name of a cluster. */
export function clusterName(host: string, port: number, subset: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Where the bytes go when no VirtualService speaks: the service itself. */
export function serviceAction(scope: Scope, service: MeshService, listenerPort: number): TcpAction {
  const port = onlyPort(service) ?? listenerPort;
  return tcpAction(scope, service, [{ destination: { host: service.hostname, port: { number: port } } }], listenerPort);
}

/** Where a `tls` or `tcp` route of a VirtualService sends the bytes. */
export function routeAction(
  scope: Scope,
  routes: readonly RouteDestination[],
  listenerPort: number,
  virtualService: ResourceRef,
): TcpAction {
  const first = routes[0]?.destination.host;
  const service = first === undefined ? undefined : scope.servicesByHost.get(first);
  return { virtualService, ...tcpAction(scope, service, routes, listenerPort) };
}

/**
 * A single destination is taken whatever its weight; of several, those of weight 0 are left out. Idle timeout and
 * tunnel are those of the first destination's DestinationRule.
 */
function tcpAction(
  scope: Scope,
  first: MeshService | undefined,
  routes: readonly RouteDestination[],
  listenerPort: number,
): TcpAction {
  const weighted = routes.length > 1;
  const targets: TcpTarget[] = [];
  for (const { destination, weight = 0 } of routes) {
    if (weighted && weight <= 0) continue;
    targets.push(tcpTarget(scope, destination, weighted ? weight : 1, listenerPort));
  }
  const rule = first === undefined ? undefined : scope.destinationRule(first)?.rule;
  const idleTimeoutMs = tcpIdleTimeout(rule);
  const tunnel = tunnelSettings(rule, weighted ? '' : (routes[0]?.destination.subset ?? ''));
  return {
    kind: 'tcp',
    targets,
    ...(first === undefined ? {} : { service: first }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}

/** The port is the destination's, else the only one of the service, else that of the listener. */
export function tcpTarget(scope: Scope, destination: Destination, weight: number, listenerPort: number): TcpTarget {
  const service = scope.servicesByHost.get(destination.host);
  const host = service?.externalName ?? destination.host;
  const port = destination.port?.number ?? (service === undefined ? undefined : onlyPort(service)) ?? listenerPort;
  const subset = destination.subset ?? '';
  const upstream = scope.cluster(host, port, subset);
  return { cluster: clusterName(host, port, subset), weight, ...(upstream === undefined ? {} : { upstream }) };
}

function onlyPort(service: MeshService): number | undefined {
  return service.ports.length === 1 ? service.ports[0]?.port : undefined;
}

/** Milliseconds; 0 switches the timeout off. Settings of single ports and subsets are not looked at. */
function tcpIdleTimeout(rule: DestinationRule | undefined): number | undefined {
  const idleTimeout = rule?.spec.trafficPolicy?.connectionPool?.tcp?.idleTimeout;
  return idleTimeout === undefined ? undefined : parseDurationMs(idleTimeout);
}

/** A subset has the tunnel it names itself, not that of the rule; weighted routes do not look at subsets. */
function tunnelSettings(rule: DestinationRule | undefined, subsetName: string): TcpAction['tunnel'] {
  const subset = subsetName === '' ? rule?.spec : rule?.spec.subsets?.find(({ name }) => name === subsetName);
  const settings = subset?.trafficPolicy?.tunnel;
  if (settings?.targetHost === undefined || settings.targetPort === undefined) return undefined;
  return {
    protocol: settings.protocol === 'POST' ? 'POST' : 'CONNECT',
    targetHost: settings.targetHost,
    targetPort: settings.targetPort,
  };
}

/**
 * What of an L4 match is known when listeners are built: gateway, labels and namespace of the asker, listener port.
 * Unlike in `http` routes, naming gateways does not switch the other checks off.
 */
export function staticMatch(
  match: TLSMatchAttributes | L4MatchAttributes,
  scope: Scope,
  listenerPort: number,
): boolean {
  const { gateways = [], sourceLabels, port = 0, sourceNamespace = '' } = match;
  if (gateways.length > 0 && !gateways.includes('mesh')) return false;
  if (port !== 0 && port !== listenerPort) return false;
  if (sourceNamespace !== '' && sourceNamespace !== scope.workload.namespace) return false;
  return labelsMatch(sourceLabels, scope.workload.labels);
}
