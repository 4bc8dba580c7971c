import { getDomain } from 'tldts';
import type { CompiledMesh } from '../compile/compile-mesh.ts';
import { hostMatches, hostSubsetOf, isWildcard } from '../match/hostname.ts';
import type { Connection } from '../model/connection.ts';
import type { ResourceRef } from '../model/resource.ts';
import type { Arrival } from './arrival.ts';

/** A host and its ports as somebody declared them, whether or not the asker sees them. */
interface Declared {
  readonly host: string;
  readonly ports: readonly number[];
  readonly ref: ResourceRef;
}

/**
 * What came closest to admitting a denied connection, in one sentence: the host under another port, the host where the
 * asker does not see it, a wildcard that just misses, a neighbour under the same domain. Undefined: nothing is near.
 */
export function nearestMiss(mesh: CompiledMesh, arrival: Arrival, connection: Connection): string | undefined {
  const host = namedHost(arrival, connection);
  if (host === '') return undefined;
  const { port } = arrival;
  const declared = declaredHosts(mesh);
  const covering = declared.filter((each) => hostSubsetOf(host, each.host));
  const hidden = covering.find(({ ports }) => ports.includes(port));
  if (hidden !== undefined) return sameHostAndPort(mesh, hidden, host, port);
  const [otherPort] = covering;
  if (otherPort !== undefined) {
    const ports = otherPort.ports.length === 0 ? 'no port' : `port ${otherPort.ports.join(', ')}`;
    return `${describe(otherPort)} declares ${otherPort.host} with ${ports}, not ${port}`;
  }
  const apex = declared.find((each) => isWildcard(each.host) && each.host.slice(2) === host);
  if (apex !== undefined) return `${describe(apex)} declares ${apex.host}, which does not cover ${host} itself`;
  const domain = getDomain(host);
  const neighbour = domain === null ? undefined : declared.find((each) => hostMatches(each.host, `*.${domain}`));
  return neighbour === undefined
    ? undefined
    : `${describe(neighbour)} declares ${neighbour.host}, under the same domain`;
}

/** The name that was dialled or shown; empty: none. */
export function namedHost({ host, tls, sni }: Arrival, { authority }: Connection): string {
  if (host !== '') return host;
  if (tls) return sni;
  return (authority ?? '').toLowerCase().replace(/:\d*$/, '');
}

function sameHostAndPort(mesh: CompiledMesh, { host, ref }: Declared, name: string, port: number): string {
  const { scope, workload } = mesh;
  const declaration = `${ref.kind} ${ref.namespace}/${ref.name} declares ${host}:${port}`;
  if (mesh.listeners.get(port)?.named(name) !== undefined) {
    return `${declaration}, but not for this protocol, name or route`;
  }
  const service = scope.services.find((each) => each.hostname === host && each.ref.name === ref.name);
  if (service !== undefined) return `${declaration}, but only routes of VirtualServices may lead there`;
  const through =
    scope.sidecar === undefined ? '' : ` through Sidecar ${scope.sidecar.namespace}/${scope.sidecar.name}`;
  return `${declaration}, but namespace ${workload.namespace} does not see it${through}`;
}

function declaredHosts({ mesh }: CompiledMesh): readonly Declared[] {
  const entries = mesh.serviceEntries.flatMap((entry) =>
    entry.spec.hosts.map((host) => ({
      host: host.toLowerCase(),
      ports: (entry.spec.ports ?? []).map(({ number }) => number),
      ref: refTo(entry),
    })),
  );
  const services = mesh.services.map((service) => ({
    host: `${service.metadata.name}.${service.metadata.namespace ?? 'default'}.svc.${mesh.clusterDomain}`,
    ports: (service.spec.ports ?? []).map(({ port }) => port),
    ref: refTo(service),
  }));
  return [...entries, ...services];
}

function refTo({
  kind,
  metadata,
}: {
  readonly kind: string;
  readonly metadata: { name: string; namespace?: string };
}): ResourceRef {
  return { kind, namespace: metadata.namespace ?? 'default', name: metadata.name };
}

function describe({ ref }: Declared): string {
  return `${ref.kind} ${ref.namespace}/${ref.name}`;
}
