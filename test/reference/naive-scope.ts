/** What of a mesh one workload sees: section by section of the specification, with nothing remembered. */
import type { MeshConfig } from '../../src/core/model/mesh-config.ts';
import type { DestinationRule } from '../../src/core/model/destination-rule.ts';
import type { Sidecar } from '../../src/core/model/sidecar.ts';
import type { VirtualService } from '../../src/core/model/virtual-service.ts';
import type { Workload } from '../../src/core/model/connection.ts';
import { closest, isWithin, overlap } from './naive-names.ts';

export type Family = 'http' | 'tls' | 'tcp' | 'auto';

export interface NaivePort {
  readonly number: number;
  readonly family: Family;
}

export interface NaiveService {
  readonly host: string;
  readonly namespace: string;
  readonly address: string | undefined;
  readonly ports: readonly NaivePort[];
  readonly exportTo: readonly string[];
  readonly created: string;
}

export interface NaiveScope {
  readonly mesh: MeshConfig;
  readonly workload: Workload;
  readonly policy: string;
  /** Those with listeners and virtual hosts. */
  readonly services: readonly NaiveService[];
  /** Those that clusters lead to as well. */
  readonly reachable: readonly NaiveService[];
  readonly rules: readonly VirtualService[];
}

const FAMILIES: Readonly<Record<string, Family>> = {
  HTTP: 'http',
  HTTP2: 'http',
  GRPC: 'http',
  HTTPS: 'tls',
  TLS: 'tls',
  TCP: 'tcp',
};

export function naiveScope(mesh: MeshConfig, workload: Workload): NaiveScope {
  const sidecar = sidecarOf(mesh, workload);
  const hosts = sidecar?.spec.egress?.[0]?.hosts ?? ['*/*'];
  const all = servicesOf(mesh);
  const visible = privateFirst(
    all.filter((service) => isExported(service.exportTo, service.namespace, workload.namespace)),
    (service) => service,
    workload.namespace,
  );
  const imported = visible.filter(({ host, namespace }) =>
    hosts.some((entry) => namespaceFits(entry, namespace, workload) && isWithin(host, patternOf(entry))),
  );
  const services = oneNamespaceEach(imported, workload.namespace);
  const rules = meshRules(mesh, workload.namespace).filter((rule) =>
    (rule.spec.hosts ?? []).some((host) =>
      hosts.some((entry) => namespaceFits(entry, namespaceOf(rule), workload) && overlap(host, patternOf(entry))),
    ),
  );
  const policy = sidecar?.spec.outboundTrafficPolicy ?? mesh.outboundTrafficPolicy;
  return {
    mesh,
    workload,
    policy: policy.mode ?? 'REGISTRY_ONLY',
    services,
    reachable: [...services, ...destinationsOf(rules, services, all, workload.namespace)],
    rules,
  };
}

/** One service per host of each ServiceEntry, oldest first. */
function servicesOf(mesh: MeshConfig): NaiveService[] {
  const services = mesh.serviceEntries.flatMap((entry) =>
    entry.spec.hosts.map((host): NaiveService => ({
      host: host.toLowerCase(),
      namespace: namespaceOf(entry),
      address: entry.spec.addresses?.[0],
      ports: (entry.spec.ports ?? []).map(({ number, protocol }) => ({
        number,
        family: FAMILIES[protocol ?? ''] ?? 'auto',
      })),
      exportTo: exportsOf(entry.spec.exportTo),
      created: createdOf(entry),
    })),
  );
  return services.sort((a, b) => compare(a.created, b.created) || compare(a.host, b.host));
}

/** VirtualServices for the sidecars of this namespace: private, then exported to it by name, then public. */
function meshRules(mesh: MeshConfig, namespace: string): VirtualService[] {
  const rules = mesh.virtualServices
    .filter(({ spec }) => (spec.gateways ?? ['mesh']).includes('mesh'))
    .filter((rule) => isExported(exportsOf(rule.spec.exportTo), namespaceOf(rule), namespace))
    .sort((a, b) => compare(createdOf(a), createdOf(b)));
  return privateFirst(
    rules,
    (rule) => ({ exportTo: exportsOf(rule.spec.exportTo), namespace: namespaceOf(rule) }),
    namespace,
  );
}

function privateFirst<T>(
  list: readonly T[],
  read: (entry: T) => { readonly exportTo: readonly string[]; readonly namespace: string },
  client: string,
): T[] {
  const rank = (entry: T): number => {
    const { exportTo, namespace } = read(entry);
    if (exportTo.includes('*')) return 2;
    return namespace === client && (exportTo.includes('.') || exportTo.includes(client)) ? 0 : 1;
  };
  return [0, 1, 2].flatMap((wanted) => list.filter((entry) => rank(entry) === wanted));
}

function isExported(exportTo: readonly string[], own: string, client: string): boolean {
  return exportTo.some((entry) => entry === '*' || entry === client || (entry === '.' && own === client));
}

function exportsOf(exportTo: readonly string[] | undefined): readonly string[] {
  return exportTo === undefined || exportTo.length === 0 ? ['*'] : exportTo;
}

/** Of one host name in several namespaces: the client's own, else the oldest. */
function oneNamespaceEach(services: readonly NaiveService[], client: string): NaiveService[] {
  return services.filter(({ host, namespace }) => {
    const rivals = services.filter((other) => other.host === host);
    const best = rivals.find((other) => other.namespace === client) ?? rivals[0];
    return best?.namespace === namespace;
  });
}

/** Services that imported rules lead to although nothing imports them; with the ports that the rules name. */
function destinationsOf(
  rules: readonly VirtualService[],
  imported: readonly NaiveService[],
  all: readonly NaiveService[],
  client: string,
): NaiveService[] {
  const routes = rules.flatMap(({ spec }) => [...(spec.http ?? []), ...(spec.tls ?? []), ...(spec.tcp ?? [])]);
  const named = routes.flatMap(({ route }) => route ?? []).map(({ destination }) => destination);
  const found: NaiveService[] = [];
  for (const wanted of new Set(named.map(({ host }) => host))) {
    if (imported.some(({ host }) => host === wanted)) continue;
    const candidates = all.filter(({ host }) => host === wanted);
    const visible = candidates.filter(({ exportTo, namespace }) => isExported(exportTo, namespace, client));
    const chosen = candidates.find(({ namespace }) => namespace === client) ?? visible[0];
    if (chosen === undefined) continue;
    const ports = named.filter(({ host }) => host === wanted).map(({ port }) => port?.number);
    found.push(
      ports.includes(undefined)
        ? chosen
        : { ...chosen, ports: chosen.ports.filter(({ number }) => ports.includes(number)) },
    );
  }
  return found;
}

function sidecarOf(mesh: MeshConfig, workload: Workload): Sidecar | undefined {
  const oldest = [...mesh.sidecars].sort((a, b) => compare(createdOf(a), createdOf(b)));
  const own = oldest.filter((sidecar) => namespaceOf(sidecar) === workload.namespace);
  const selected = own.find(({ spec }) => {
    const labels = spec.workloadSelector?.labels;
    return labels !== undefined && Object.entries(labels).every(([name, value]) => workload.labels?.[name] === value);
  });
  const general = (sidecar: Sidecar): boolean => sidecar.spec.workloadSelector === undefined;
  return (
    selected ??
    own.find(general) ??
    oldest.find((sidecar) => namespaceOf(sidecar) === mesh.rootNamespace && general(sidecar))
  );
}

/** The DestinationRule of a service: of the client's namespace, else of the service's, else of the root namespace. */
export function naiveDestinationRule(scope: NaiveScope, service: NaiveService): DestinationRule | undefined {
  const { mesh, workload } = scope;
  const client = workload.namespace;
  const of = (namespace: string, keep: (rule: DestinationRule) => boolean): DestinationRule | undefined =>
    closest(
      service.host,
      mesh.destinationRules.filter((rule) => namespaceOf(rule) === namespace && keep(rule)),
      (rule) => rule.spec.host,
    );
  const exported = (rule: DestinationRule): boolean =>
    isExported(exportsOf(rule.spec.exportTo), namespaceOf(rule), client);
  const leaves = (rule: DestinationRule): boolean => !isOnlyLocal(rule);
  // Clients of the root namespace take of it only what is for itself alone.
  const own = of(client, client === mesh.rootNamespace ? isOnlyLocal : exported);
  if (own !== undefined) return own;
  for (const namespace of [service.namespace, mesh.rootNamespace]) {
    const rule = of(namespace, leaves);
    if (rule !== undefined && exported(rule)) return rule;
  }
  return undefined;
}

function isOnlyLocal(rule: DestinationRule): boolean {
  const exportTo = exportsOf(rule.spec.exportTo);
  return exportTo.length === 1 && (exportTo[0] === '.' || exportTo[0] === namespaceOf(rule));
}

function namespaceFits(entry: string, namespace: string, workload: Workload): boolean {
  const wanted = entry.split('/')[0];
  return wanted === '*' || (wanted === '.' ? workload.namespace : wanted) === namespace;
}

function patternOf(entry: string): string {
  return entry.split('/')[1] ?? '';
}

interface Dated {
  readonly metadata: { readonly namespace?: string; readonly creationTimestamp?: string };
}

export function namespaceOf(resource: Dated): string {
  return resource.metadata.namespace ?? 'default';
}

function createdOf(resource: Dated): string {
  return resource.metadata.creationTimestamp ?? '';
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
