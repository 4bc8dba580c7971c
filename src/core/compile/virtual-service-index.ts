import { expandShortName, resolveGatewayName } from '../match/hostname.ts';
import { effectiveExportTo, exportedTo } from '../match/visibility.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type {
  Destination,
  HTTPRoute,
  RouteDestination,
  TCPRoute,
  TLSRoute,
  VirtualService,
} from '../model/virtual-service.ts';
import { namespaceOf, oldestFirst } from './age.ts';
import { mergeDelegates } from './virtual-service-delegate.ts';

/** The reserved gateway name that stands for all sidecars. */
export const MESH_GATEWAY = 'mesh';

const MESH_ONLY: readonly string[] = Object.freeze([MESH_GATEWAY]);

/** All VirtualServices of a mesh, names complete and delegates merged, by gateway and by who sees them. */
export class VirtualServiceIndex {
  readonly #public = new Map<string, VirtualService[]>();
  readonly #private = new Map<string, VirtualService[]>();
  readonly #exported = new Map<string, VirtualService[]>();

  constructor(
    mesh: Pick<MeshConfig, 'virtualServices' | 'defaultVirtualServiceExportTo' | 'clusterDomain' | 'shortNameDomain'>,
  ) {
    const exportOf = (virtualService: VirtualService): ReadonlySet<string> =>
      effectiveExportTo(virtualService.spec.exportTo, mesh.defaultVirtualServiceExportTo);
    const domain = mesh.shortNameDomain ?? mesh.clusterDomain;
    const resolved = mesh.virtualServices.map((virtualService) => completeNames(virtualService, domain));
    const merged = mergeDelegates(resolved, (delegate, namespace) =>
      exportedTo(exportOf(delegate), namespaceOf(delegate), namespace),
    );
    for (const virtualService of oldestFirst(merged)) this.#add(virtualService, exportOf(virtualService));
  }

  /** Those that bind to the gateway (`mesh`, or `namespace/name`) and that the namespace sees, in order of precedence. */
  forGateway(namespace: string, gateway: string): readonly VirtualService[] {
    const key = `${namespace} ${gateway}`;
    const own = this.#private.get(key);
    const named = this.#exported.get(key);
    const all = this.#public.get(gateway) ?? [];
    if (own === undefined && named === undefined) return all;
    return [...(own ?? []), ...(named ?? []), ...all];
  }

  #add(virtualService: VirtualService, exportTo: ReadonlySet<string>): void {
    const namespace = namespaceOf(virtualService);
    const { gateways = [] } = virtualService.spec;
    for (const gateway of new Set(gateways.length === 0 ? MESH_ONLY : gateways)) {
      if (exportTo.has('*')) append(this.#public, gateway, virtualService);
      else if (!exportTo.has('~')) {
        for (const target of exportTo) {
          const own = target === '.' || target === namespace;
          append(own ? this.#private : this.#exported, `${own ? namespace : target} ${gateway}`, virtualService);
        }
      }
    }
  }
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** Completes hosts, destinations and gateways that are written without namespace and domain. */
function completeNames(virtualService: VirtualService, domain: string): VirtualService {
  const namespace = namespaceOf(virtualService);
  const { spec } = virtualService;
  const { hosts, gateways, http, tls, tcp } = spec;
  const complete: Completion = {
    host: (host) => expandShortName(host, namespace, domain),
    gateway: (gateway) => resolveGatewayName(gateway, namespace),
  };
  return {
    ...virtualService,
    spec: {
      ...spec,
      ...(hosts === undefined ? {} : { hosts: hosts.map(complete.host) }),
      ...(gateways === undefined ? {} : { gateways: gateways.map(complete.gateway) }),
      ...(http === undefined ? {} : { http: http.map((route) => completeHttp(route, complete)) }),
      ...(tls === undefined ? {} : { tls: tls.map((route) => completeL4(route, complete)) }),
      ...(tcp === undefined ? {} : { tcp: tcp.map((route) => completeL4(route, complete)) }),
    },
  };
}

interface Completion {
  readonly host: (host: string) => string;
  readonly gateway: (gateway: string) => string;
}

function completeHttp(route: HTTPRoute, complete: Completion): HTTPRoute {
  const { match, mirror, mirrors } = route;
  return {
    ...route,
    ...(match === undefined ? {} : { match: match.map((one) => completeMatch(one, complete)) }),
    ...completeRoute(route, complete),
    ...(mirror === undefined ? {} : { mirror: completeDestination(mirror, complete) }),
    ...(mirrors === undefined
      ? {}
      : { mirrors: mirrors.map((one) => ({ ...one, destination: completeDestination(one.destination, complete) })) }),
  };
}

function completeL4<R extends TLSRoute | TCPRoute>(route: R, complete: Completion): R {
  const match = route.match?.map((one) => completeMatch(one, complete));
  return { ...route, ...(match === undefined ? {} : { match }), ...completeRoute(route, complete) };
}

function completeMatch<M extends { readonly gateways?: readonly string[] }>(match: M, complete: Completion): M {
  return match.gateways === undefined ? match : { ...match, gateways: match.gateways.map(complete.gateway) };
}

function completeRoute<D extends RouteDestination>(
  { route }: { readonly route?: readonly D[] },
  complete: Completion,
): { readonly route?: readonly D[] } {
  if (route === undefined) return {};
  return { route: route.map((one) => ({ ...one, destination: completeDestination(one.destination, complete) })) };
}

/** A destination's host is looked up as written, in its own letter case. */
function completeDestination(destination: Destination, complete: Completion): Destination {
  return { ...destination, host: complete.host(destination.host) };
}

/**
 * Hosts that the routes of a VirtualService lead to, with the ports they name; 0 stands for a destination without a
 * port, which means any. http routes that are for other source namespaces only are left out.
 */
export function destinationHosts(virtualService: VirtualService, namespace: string): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  const add = (destination: Destination | undefined): void => {
    if (destination === undefined) return;
    const ports = found.get(destination.host);
    const port = destination.port?.number ?? 0;
    if (ports === undefined) found.set(destination.host, new Set([port]));
    else ports.add(port);
  };
  const { http = [], tls = [], tcp = [] } = virtualService.spec;
  for (const route of http) {
    if (isForOtherNamespaces(route, namespace)) continue;
    for (const { destination } of route.route ?? []) add(destination);
    add(route.mirror);
    for (const { destination } of route.mirrors ?? []) add(destination);
  }
  for (const route of [...tcp, ...tls]) {
    for (const { destination } of route.route ?? []) add(destination);
  }
  return found;
}

/** As soon as one match names a namespace, one has to name this one: matches that name none do not help, as in Istio. */
function isForOtherNamespaces({ match = [] }: HTTPRoute, namespace: string): boolean {
  const named = match.flatMap(({ sourceNamespace = '' }) => (sourceNamespace === '' ? [] : [sourceNamespace]));
  return named.length > 0 && !named.includes(namespace);
}
