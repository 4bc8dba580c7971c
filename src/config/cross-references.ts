/** What a resource names and no other defines. A cluster accepts it, and then the traffic goes elsewhere than was meant. */
import { expandShortName, isWildcard, resolveGatewayName } from '../core/match/hostname.ts';
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { MeshResources } from '../core/model/mesh-config.ts';
import type { ObjectMeta, ResourceRef } from '../core/model/resource.ts';
import type { Destination, VirtualService } from '../core/model/virtual-service.ts';
import { type LoadingCode, levelOf } from './diagnostics.ts';
import { formatFieldPath } from './field-path.ts';
import type { FieldPath } from './parse-yaml.ts';
import type { ReadResources } from './read-resources.ts';

export function checkReferences(read: ReadResources, clusterDomain: string): readonly Diagnostic[] {
  const { resources, placeOf } = read;
  if (resources.virtualServices.length === 0) return [];
  const hosts = new DefinedHosts(resources, clusterDomain);
  const gateways = new Set(resources.gateways.map(({ metadata }) => `${namespaceOf(metadata)}/${metadata.name}`));
  const diagnostics: Diagnostic[] = [];
  for (const virtualService of resources.virtualServices) {
    const namespace = namespaceOf(virtualService.metadata);
    const resource: ResourceRef = {
      kind: virtualService.kind,
      namespace,
      name: virtualService.metadata.name,
      ...(virtualService.source === undefined ? {} : { source: virtualService.source }),
    };
    const report = (code: LoadingCode, path: FieldPath, message: string, fix: string): void => {
      const location = placeOf(virtualService, path);
      const field = formatFieldPath(path);
      diagnostics.push({
        code,
        level: levelOf(code),
        message,
        resource,
        field,
        fix,
        ...(location === undefined ? {} : { location }),
      });
    };
    checkHosts(virtualService, namespace, hosts, report);
    checkDestinations(virtualService, namespace, hosts, report);
    checkGateways(virtualService, namespace, gateways, report);
  }
  return diagnostics;
}

type Report = (code: LoadingCode, path: FieldPath, message: string, fix: string) => void;

/** At a gateway any host may arrive; in the mesh only what is registered has a route to hang on. */
function checkHosts(virtualService: VirtualService, namespace: string, known: DefinedHosts, report: Report): void {
  const { hosts = [], gateways = ['mesh'] } = virtualService.spec;
  if (!gateways.includes('mesh') && gateways.length > 0) return;
  for (const [index, host] of hosts.entries()) {
    if (known.has(host, namespace)) continue;
    const message = `no ServiceEntry or Service defines \`${host}\`: outside port 80 this VirtualService changes nothing`;
    report('SCL0311', ['spec', 'hosts', index], message, `add a ServiceEntry with host \`${host}\``);
  }
}

function checkDestinations(
  virtualService: VirtualService,
  namespace: string,
  known: DefinedHosts,
  report: Report,
): void {
  for (const { destination, path } of destinations(virtualService)) {
    if (known.has(destination.host, namespace)) continue;
    const message = `no ServiceEntry or Service defines \`${destination.host}\`: what is routed there fails`;
    report(
      'SCL0312',
      [...path, 'host'],
      message,
      `add a ServiceEntry with host \`${destination.host}\`, or correct the name`,
    );
  }
}

function checkGateways(
  virtualService: VirtualService,
  namespace: string,
  known: ReadonlySet<string>,
  report: Report,
): void {
  for (const [index, name] of (virtualService.spec.gateways ?? []).entries()) {
    const resolved = resolveGatewayName(name, namespace);
    if (name === 'mesh' || known.has(resolved)) continue;
    const message = `there is no Gateway \`${resolved}\`: the routes do not apply there`;
    report('SCL0313', ['spec', 'gateways', index], message, 'add the Gateway, or correct the name');
  }
}

interface PlacedDestination {
  readonly destination: Destination;
  readonly path: FieldPath;
}

function destinations({ spec }: VirtualService): readonly PlacedDestination[] {
  const http = (spec.http ?? []).flatMap((route, index): readonly PlacedDestination[] => {
    const path = ['spec', 'http', index];
    const routed = (route.route ?? []).map(({ destination }, i) => ({
      destination,
      path: [...path, 'route', i, 'destination'],
    }));
    const mirrored = (route.mirrors ?? []).map(({ destination }, i) => ({
      destination,
      path: [...path, 'mirrors', i, 'destination'],
    }));
    const mirror = route.mirror === undefined ? [] : [{ destination: route.mirror, path: [...path, 'mirror'] }];
    return [...routed, ...mirror, ...mirrored];
  });
  const opaque = (['tls', 'tcp'] as const).flatMap((protocol) =>
    (spec[protocol] ?? []).flatMap((route, index) =>
      (route.route ?? []).map(({ destination }, i) => ({
        destination,
        path: ['spec', protocol, index, 'route', i, 'destination'],
      })),
    ),
  );
  return [...http, ...opaque];
}

/** Every host of the registry, and for wildcards every suffix of one. */
class DefinedHosts {
  readonly #names = new Set<string>();
  readonly #wildcards = new Set<string>();
  readonly #suffixes = new Set<string>();
  readonly #clusterDomain: string;

  constructor(resources: MeshResources, clusterDomain: string) {
    this.#clusterDomain = clusterDomain;
    for (const { spec } of resources.serviceEntries) for (const host of spec.hosts) this.#add(host);
    for (const { metadata } of resources.services) {
      this.#add(`${metadata.name}.${namespaceOf(metadata)}.svc.${clusterDomain}`);
    }
  }

  /** Whether a registered name is `host`, covers it, or for a wildcard lies under it. */
  has(host: string, namespace: string): boolean {
    const name = expandShortName(host, namespace, this.#clusterDomain).toLowerCase();
    if (name === '*' || this.#names.has(name) || this.#wildcards.has(name)) return true;
    if (isWildcard(name) && this.#suffixes.has(name.slice(1))) return true;
    return suffixesOf(name).some((suffix) => this.#wildcards.has(`*${suffix}`));
  }

  #add(host: string): void {
    const name = host.toLowerCase();
    if (isWildcard(name)) this.#wildcards.add(name);
    else this.#names.add(name);
    for (const suffix of suffixesOf(name)) this.#suffixes.add(suffix);
  }
}

/** `a.b.c` -> `.b.c`, `.c`. */
function suffixesOf(name: string): readonly string[] {
  const suffixes: string[] = [];
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) suffixes.push(name.slice(dot));
  return suffixes;
}

function namespaceOf(metadata: ObjectMeta): string {
  return metadata.namespace ?? 'default';
}
