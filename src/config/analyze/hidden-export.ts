import { hostMatches } from '../../core/match/hostname.ts';
import type { SidecarSpec } from '../../core/model/sidecar.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { completeHost, exportScopes } from './scoped-host.ts';

type Sidecar = Analyzed<SidecarSpec>;

interface Exported {
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly exportTo: readonly string[] | undefined;
}

/** Resources that nobody sees: exported to nobody, to namespaces that do not exist, or imported by no Sidecar. */
export const hiddenExport: Check = {
  id: 'hidden-export',
  codes: ['SCL2007'],
  run(analysis) {
    for (const entry of analysis.all('ServiceEntry')) {
      const { hosts = [], exportTo } = entry.spec;
      report(analysis, entry, { namespace: entry.namespace, hosts, exportTo });
    }
    for (const virtualService of analysis.all('VirtualService')) {
      const { hosts = [], exportTo, gateways = [] } = virtualService.spec;
      const ofMesh = gateways.length === 0 || gateways.includes('mesh');
      if (hosts.length === 0 || !ofMesh) continue;
      const full = hosts.map((host) => completeHost(host, virtualService.namespace, analysis.mesh.clusterDomain));
      report(analysis, virtualService, { namespace: virtualService.namespace, hosts: full, exportTo });
    }
  },
};

function report(analysis: Analysis, resource: Analyzed<unknown>, exported: Exported): void {
  const reason = hiddenBecause(analysis, exported);
  if (reason === undefined) return;
  analysis.report('SCL2007', resource, `nobody sees it: ${reason}`, {
    field: 'spec.exportTo',
    fix: 'export it to the namespaces that need it',
  });
}

function hiddenBecause(analysis: Analysis, exported: Exported): string | undefined {
  const scopes = exportScopes(exported.exportTo, exported.namespace);
  if (scopes.every((scope) => scope === '~')) return 'it is exported to nobody (~)';
  const namespaces = new Set(analysis.all('Namespace').map(({ name }) => name));
  if (namespaces.size > 0 && !scopes.includes('*') && !scopes.some((scope) => namespaces.has(scope))) {
    return `there is no namespace ${scopes.join(', ')}`;
  }
  const viewers = viewersOf(analysis, scopes);
  if (viewers === undefined || viewers.some((sidecar) => imports(analysis, sidecar, exported))) return undefined;
  return 'no Sidecar of those namespaces imports its hosts';
}

/** The Sidecars that decide what those namespaces see; undefined when a namespace is not held by any. */
function viewersOf(analysis: Analysis, scopes: readonly string[]): readonly Sidecar[] | undefined {
  const sidecars = analysis.all('Sidecar');
  const root = analysis.mesh.rootNamespace ?? 'istio-system';
  const isDefault = ({ spec }: Sidecar): boolean => Object.keys(spec.workloadSelector?.labels ?? {}).length === 0;
  const meshDefault = sidecars.find((sidecar) => sidecar.namespace === root && isDefault(sidecar));
  if (scopes.includes('*')) return meshDefault === undefined ? undefined : sidecars;
  const viewers: Sidecar[] = [];
  for (const scope of scopes) {
    const own = sidecars.filter(({ namespace }) => namespace === scope);
    const fallback = own.some(isDefault) ? [] : [meshDefault];
    if (fallback.includes(undefined)) return undefined;
    viewers.push(...own, ...fallback.filter((sidecar) => sidecar !== undefined));
  }
  return viewers;
}

/** Without egress, a Sidecar imports everything that it may see. The mesh default speaks for every namespace. */
function imports(analysis: Analysis, { namespace, spec }: Sidecar, { namespace: owner, hosts }: Exported): boolean {
  if (spec.egress === undefined || spec.egress.length === 0) return true;
  const root = analysis.mesh.rootNamespace ?? 'istio-system';
  return spec.egress.some((listener) =>
    listener.hosts.some((entry) => {
      const slash = entry.indexOf('/');
      const [scope, pattern] = [entry.slice(0, slash), entry.slice(slash + 1)];
      const own = scope === '.' && (namespace === owner || namespace === root);
      return (own || scope === '*' || scope === owner) && hosts.some((host) => hostMatches(pattern, host));
    }),
  );
}
