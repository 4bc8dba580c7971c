import type { Workload } from '../model/connection.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import { buildCaptureIndex, type CaptureIndex } from './capture-index.ts';
import type { Scope } from './compiled.ts';
import type { FilterChain } from './filter-chain.ts';
import { buildGatewayListeners, type GatewayListeners } from './gateway-listener.ts';
import { buildGatewayRouteTable } from './gateway-route-table.ts';
import type { HttpEntrance } from './http-entrance.ts';
import { catchAllRoute } from './http-route-catch-all.ts';
import { buildListeners, type ListenerIndex } from './listener-index.ts';
import type { Listener } from './listener.ts';
import { RememberedDecisions } from './remembered-decisions.ts';
import { buildRouteTable, type RouteTable } from './route-table.ts';
import { buildScope } from './sidecar-index.ts';
import { DYNAMIC_DNS_ROUTES, virtualOutboundListener } from './virtual-outbound.ts';

/** So many services make a port's tables take long: a millisecond, or more. */
const LARGE_PORT = 1_000;

/** All that one asker's proxy would have been told. Small parts are made when the first connection needs them. */
export class CompiledMesh {
  readonly mesh: MeshConfig;
  readonly workload: Workload;
  readonly scope: Scope;
  readonly capture: CaptureIndex;
  readonly virtualOutbound: Listener;
  /** Answers of this asker's proxy. */
  readonly remembered = new RememberedDecisions();
  #listeners: ListenerIndex | undefined;
  #gateway: GatewayListeners | undefined;
  readonly #tables = new Map<string, RouteTable | undefined>();

  constructor(mesh: MeshConfig, workload: Workload) {
    this.mesh = mesh;
    this.workload = workload;
    this.scope = buildScope(mesh, workload);
    this.capture = buildCaptureIndex(mesh, workload);
    this.virtualOutbound = virtualOutboundListener(this.scope);
    if (this.scope.type === 'sidecar') {
      this.#listeners = buildListeners(this.scope);
      this.#prepareLargePorts(this.#listeners);
    }
  }

  /** Where it takes long, what the first connection to a port needs is made with the rest: no request waits for it. */
  #prepareLargePorts(listeners: ListenerIndex): void {
    for (const [port, atPort] of listeners) {
      if (atPort.size < LARGE_PORT) continue;
      const shared = atPort.forAll(undefined);
      shared?.prepare();
      if (shared?.chains.some(({ http }) => http) === true) this.routeTable(`${port}`);
    }
  }

  /** Of a sidecar. */
  get listeners(): ListenerIndex {
    this.#listeners ??= buildListeners(this.scope);
    return this.#listeners;
  }

  /** Of a gateway pod. */
  get gateway(): GatewayListeners {
    this.#gateway ??= buildGatewayListeners(this.scope);
    return this.#gateway;
  }

  /** Where the requests of an HTTP chain go; undefined: the chain names a table that nobody serves. */
  entrance(chain: FilterChain): HttpEntrance | undefined {
    if (chain.entrance !== undefined) return chain.entrance;
    const { action, origin } = chain;
    const table = action.kind === 'http' ? this.routeTable(action.routeTable) : undefined;
    if (table === undefined) return undefined;
    chain.entrance = {
      scope: this.scope,
      table,
      listener: origin.listener,
      ...(origin.name !== undefined && { filterChain: origin.name }),
      ...(origin.terminatesTls === true && { tls: true }),
    };
    return chain.entrance;
  }

  routeTable(name: string): RouteTable | undefined {
    if (!this.#tables.has(name)) this.#tables.set(name, this.#buildTable(name));
    return this.#tables.get(name);
  }

  #buildTable(name: string): RouteTable | undefined {
    if (this.scope.type === 'router') return this.#buildGatewayTable(name);
    if (name !== DYNAMIC_DNS_ROUTES) {
      const table = buildRouteTable(this.scope, name);
      return table !== undefined && this.#isNamedTwice(table) ? { ...table, namedTwice: true } : table;
    }
    const route = catchAllRoute(this.scope);
    const virtualHost = { name: route.name, routes: [route], requireTls: false };
    return { name, port: 0, find: () => virtualHost };
  }

  /** Whether two listeners lead to the table of a service's own addresses. */
  #isNamedTwice({ name, port }: RouteTable): boolean {
    if (!name.includes(':')) return false;
    const named = (this.listeners.get(port)?.listeners ?? []).filter(({ chains }) =>
      chains.some(({ origin, action }) => origin.http === true && action.kind === 'http' && action.routeTable === name),
    );
    return named.length > 1;
  }

  #buildGatewayTable(name: string): RouteTable {
    const { serversByRouteName, ports } = this.gateway;
    const servers = serversByRouteName.get(name) ?? [];
    const port = ports.find((each) => each.servers.some((server) => servers.includes(server)))?.port ?? 0;
    return buildGatewayRouteTable(this.scope, name, port, servers);
  }
}

/** What was compiled for one MeshConfig, by who asks. */
interface CompiledWorkloads {
  /** For the config's own workload. */
  own: CompiledMesh | undefined;
  readonly byObject: WeakMap<Workload, CompiledMesh>;
  readonly byIdentity: Map<string, CompiledMesh>;
}

const COMPILED = new WeakMap<MeshConfig, CompiledWorkloads>();

/**
 * Compiles a MeshConfig for one workload, the config's own unless another asks, and remembers the result for as long as
 * the MeshConfig lives. `decide` does it at its first call; call it to pay up front.
 */
export function compileMeshConfig(mesh: MeshConfig, workload?: Workload): CompiledMesh {
  let compiled = COMPILED.get(mesh);
  if (compiled === undefined) {
    compiled = { own: undefined, byObject: new WeakMap(), byIdentity: new Map() };
    COMPILED.set(mesh, compiled);
  }
  if (workload === undefined || workload === mesh.workload) {
    compiled.own ??= new CompiledMesh(mesh, mesh.workload);
    return compiled.own;
  }
  const held = compiled.byObject.get(workload);
  if (held !== undefined) return held;
  const identity = identityOf(workload);
  const made = compiled.byIdentity.get(identity) ?? new CompiledMesh(mesh, workload);
  compiled.byIdentity.set(identity, made);
  compiled.byObject.set(workload, made);
  return made;
}

function identityOf({ namespace, labels = {}, addresses = [], type = 'sidecar' }: Workload): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([type, namespace, sorted, addresses]);
}
