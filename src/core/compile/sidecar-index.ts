import { exportedTo } from '../match/visibility.ts';
import { parseProtocol } from '../match/protocol.ts';
import type { Workload } from '../model/connection.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { IstioEgressListener, Sidecar } from '../model/sidecar.ts';
import { labelsMatch, namespaceOf, oldestFirst, refOf } from './age.ts';
import { ClusterIndex } from './cluster-index.ts';
import { clusterLocalHosts } from './cluster-local.ts';
import type { EgressScope, MergedDestinationRule, MeshService, Scope } from './compiled.ts';
import { DestinationRuleIndex } from './destination-rule-index.ts';
import { bestVirtualServices, EgressImport, keepOneNamespace } from './egress-import.ts';
import { discoveredResources } from './namespace-policy.ts';
import { reshape } from './reshaped-service.ts';
import { ScopeServices, unmergedByHost } from './scope-services.ts';
import { buildServiceIndex, type ServiceIndex } from './service-index.ts';
import { destinationHosts, MESH_GATEWAY, VirtualServiceIndex } from './virtual-service-index.ts';

/** What does not depend on who asks: built once for a MeshConfig. */
export interface Registry {
  readonly services: ServiceIndex;
  readonly virtualServices: VirtualServiceIndex;
  readonly destinationRules: DestinationRuleIndex;
  /** Oldest first. */
  readonly sidecars: readonly Sidecar[];
}

const registries = new WeakMap<MeshConfig, Registry>();

function registryOf(mesh: MeshConfig): Registry {
  const held = registries.get(mesh);
  if (held !== undefined) return held;
  const discovered = { ...mesh, ...discoveredResources(mesh) };
  const registry: Registry = {
    services: buildServiceIndex(discovered),
    virtualServices: new VirtualServiceIndex(discovered),
    destinationRules: new DestinationRuleIndex(discovered),
    sidecars: oldestFirst(discovered.sidecars),
  };
  registries.set(mesh, registry);
  return registry;
}

/** All that a workload sees of a mesh. */
export function buildScope(mesh: MeshConfig, workload: Workload): Scope {
  return scopeOf(registryOf(mesh), mesh, workload);
}

/**
 * The same over services that are given instead of read from the mesh; table `convertToSidecarScope` of visibility asks
 * here, with `sidecar` as the one that applies.
 */
export function scopeOf(
  registry: Registry,
  mesh: MeshConfig,
  workload: Workload,
  sidecar: Sidecar | undefined = workload.type === 'router'
    ? undefined
    : findSidecar(registry.sidecars, mesh, workload),
): Scope {
  const isRouter = workload.type === 'router';
  const { namespace } = workload;
  const egress = isRouter ? [] : egressScopes(registry, namespace, sidecar);
  const services = isRouter
    ? gatewayServices(registry.services, namespace)
    : importedServices(registry.services, egress, namespace);
  const rules = new Map<string, MergedDestinationRule | undefined>();
  const destinationRule = (service: MeshService): MergedDestinationRule | undefined => {
    const key = `${service.namespace}/${service.hostname}`;
    if (!rules.has(key)) {
      rules.set(key, registry.destinationRules.forWorkload(workload, service.hostname, service.namespace));
    }
    return rules.get(key);
  };
  const clusters = new ClusterIndex({
    mesh,
    workload,
    servicesOf: services.ofHost,
    destinationRule,
    isClusterLocal: clusterLocalHosts(mesh),
  });
  const own = sidecar?.spec.outboundTrafficPolicy;
  const policy = own ?? { mode: mesh.outboundTrafficPolicy.mode, tls: mesh.outboundTrafficPolicy.tls };
  return {
    mesh,
    workload,
    type: isRouter ? 'router' : 'sidecar',
    ...(sidecar === undefined ? {} : { sidecar: refOf(sidecar) }),
    egress,
    outboundTrafficPolicy: {
      mode: policy.mode ?? 'REGISTRY_ONLY',
      ...(policy.tls === undefined ? {} : { tls: policy.tls }),
      ...(own?.egressProxy === undefined ? {} : { egressProxy: own.egressProxy }),
    },
    policySource:
      sidecar !== undefined && own !== undefined
        ? refOf(sidecar)
        : refOf({
            kind: 'MeshConfig',
            metadata: { name: 'istio', namespace: mesh.rootNamespace },
            ...(mesh.source === undefined ? {} : { source: mesh.source }),
          }),
    services: services.list,
    servicesByHost: services.byHost,
    virtualServicesFor: (gateway) => registry.virtualServices.forGateway(workload.namespace, gateway),
    destinationRule,
    cluster: (host, port, subset) => clusters.get(host, port, subset),
    passthroughCluster: clusters.passthrough,
    blackHoleCluster: clusters.blackHole,
    dynamicDnsCluster: clusters.dynamicDns,
  };
}

/**
 * The Sidecar that applies: of the workload's namespace the oldest whose selector fits it, else the oldest without a
 * selector; else the oldest without a selector of the root namespace.
 */
function findSidecar(sidecars: readonly Sidecar[], mesh: MeshConfig, workload: Workload): Sidecar | undefined {
  const own = sidecars.filter((sidecar) => namespaceOf(sidecar) === workload.namespace);
  return (
    own.find(
      ({ spec: { workloadSelector } }) =>
        workloadSelector !== undefined && labelsMatch(workloadSelector.labels, workload.labels),
    ) ??
    own.find(hasNoSelector) ??
    sidecars.find((sidecar) => namespaceOf(sidecar) === mesh.rootNamespace && hasNoSelector(sidecar))
  );
}

function hasNoSelector({ spec }: Sidecar): boolean {
  return spec.workloadSelector === undefined;
}

function egressScopes(registry: Registry, namespace: string, sidecar: Sidecar | undefined): EgressScope[] {
  const visible = registry.services.visibleFrom(namespace);
  const rules = registry.virtualServices.forGateway(namespace, MESH_GATEWAY);
  const listeners = sidecar?.spec.egress ?? [];
  const isUndisputed = registry.services.undisputed !== undefined;
  if (listeners.length === 0) return [egressScope(undefined, visible, rules, namespace, isUndisputed)];
  return listeners.map((listener) => egressScope(listener, visible, rules, namespace, isUndisputed));
}

function egressScope(
  listener: IstioEgressListener | undefined,
  visible: readonly MeshService[],
  rules: EgressScope['virtualServices'],
  namespace: string,
  isUndisputed: boolean,
): EgressScope {
  const imports = listener === undefined ? undefined : new EgressImport(listener.hosts, namespace);
  const onlyPort = listener === undefined ? undefined : matchedPort(listener);
  const imported =
    imports === undefined
      ? visible
      : visible.flatMap((service) => {
          const found = imports.service(service);
          return (onlyPort === undefined || found === undefined ? found : withPorts(found, new Set([onlyPort]))) ?? [];
        });
  const services = isUndisputed ? imported : keepOneNamespace(imported, namespace);
  const virtualServices = imports === undefined ? rules : rules.filter((rule) => imports.hasVirtualService(rule));
  return {
    ...(listener === undefined ? {} : { listener }),
    services,
    virtualServices,
    mostSpecificWildcardVirtualService: bestVirtualServices(virtualServices, services),
  };
}

/** The one port that a listener imports services by; undefined where any port will do. */
function matchedPort({ port }: IstioEgressListener): number | undefined {
  const { number = 0, protocol } = port ?? {};
  return number === 0 || parseProtocol(protocol) === 'HTTP_PROXY' ? undefined : number;
}

/** The service with those of its ports only; undefined without any. */
function withPorts(service: MeshService, numbers: ReadonlySet<number>): MeshService | undefined {
  const ports = service.ports.filter(({ port }) => numbers.has(port));
  if (ports.length === 0) return undefined;
  return ports.length === service.ports.length ? service : reshape(service, { ports });
}

interface VisibleServices {
  readonly list: readonly MeshService[];
  readonly byHost: ReadonlyMap<string, MeshService>;
  readonly ofHost: (host: string) => readonly MeshService[];
}

function gatewayServices(index: ServiceIndex, namespace: string): VisibleServices {
  const list = index.visibleFrom(namespace);
  const position = new Map(list.map((service, at) => [service, at]));
  return {
    list,
    byHost: index.undisputed ?? unmergedByHost(list),
    ofHost: (host) =>
      index
        .ofHost(host)
        .filter((service) => position.has(service))
        .sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0)),
  };
}

/** The imported services of all listeners, and those that imported VirtualServices lead to. */
function importedServices(index: ServiceIndex, egress: readonly EgressScope[], namespace: string): VisibleServices {
  const [only] = egress;
  const everything = index.undisputed;
  const services =
    everything !== undefined && egress.length === 1 && only?.services === index.visibleFrom(namespace)
      ? ScopeServices.of(only.services, everything)
      : new ScopeServices();
  for (const { listener, services: imported, virtualServices } of egress) {
    if (imported !== services.list) for (const service of imported) services.add(service);
    const onlyPort = listener === undefined ? undefined : matchedPort(listener);
    for (const virtualService of virtualServices) {
      for (const [host, ports] of destinationHosts(virtualService, namespace)) {
        const service = reachable(index, host, namespace);
        if (service === undefined) continue;
        const numbers = onlyPort === undefined ? ports : new Set([onlyPort]);
        const found = numbers.has(0) ? service : withPorts(service, numbers);
        if (found !== undefined) services.add(found);
      }
    }
  }
  const { list, byHost } = services;
  return {
    list,
    byHost,
    ofHost: (host) => {
      const service = byHost.get(host);
      return service === undefined ? [] : [service];
    },
  };
}

/** The service that a destination means: of the client's own namespace, else the best of those it sees. */
function reachable(index: ServiceIndex, host: string, namespace: string): MeshService | undefined {
  const candidates = index.byNamespace(host);
  const own = candidates.get(namespace);
  if (own !== undefined) return own;
  const visible = [...candidates.values()].filter((service) =>
    exportedTo(service.exportTo, service.namespace, namespace),
  );
  return visible.find(({ registry }) => registry === 'Kubernetes') ?? visible[0];
}
