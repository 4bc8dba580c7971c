import { hostMatches } from '../../core/match/hostname.ts';
import type { VirtualServiceSpec } from '../../core/model/virtual-service.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { exportScopes, parseScopedHost, scopedHost, scopedHostText } from './scoped-host.ts';

/** VirtualServices of the mesh for the same host and the same namespaces: one of them wins, by age. */
export const conflictingHosts: Check = {
  id: 'conflicting-hosts',
  codes: ['IST0109'],
  istio: 'virtualservice.ConflictingMeshGatewayHostsAnalyzer',
  run(analysis) {
    const byHost = new Map<string, Analyzed<VirtualServiceSpec>[]>();
    for (const virtualService of analysis.all('VirtualService')) {
      const { gateways = [], hosts = [], exportTo } = virtualService.spec;
      if (gateways.length > 0 && !gateways.includes('mesh')) continue;
      for (const scope of exportScopes(exportTo, virtualService.namespace)) {
        for (const host of hosts) {
          const key = scopedHostText(scopedHost(scope, host, virtualService.namespace, analysis.mesh.clusterDomain));
          byHost.set(key, [...(byHost.get(key) ?? []), virtualService]);
        }
      }
    }
    const everywhere = [...byHost]
      .map(([key, own]) => ({ ...parseScopedHost(key), own }))
      .filter(({ scope }) => scope === '*');
    for (const [key, own] of byHost) {
      const { scope, host } = parseScopedHost(key);
      // What is exported to one namespace meets there what is exported to all, also under a wildcard.
      const meeting =
        scope === '*' ? [] : everywhere.filter((other) => hostMatches(host, other.host)).flatMap((other) => other.own);
      for (const each of new Set([...own, ...meeting])) reportConflict(analysis, each, [...own, ...meeting], host);
    }
  },
};

type VirtualService = Analyzed<VirtualServiceSpec>;

function reportConflict(
  analysis: Analysis,
  virtualService: VirtualService,
  all: readonly VirtualService[],
  host: string,
): void {
  const others = all.filter((other) => other !== virtualService).map(({ fullName }) => fullName);
  if (others.length === 0) return;
  analysis.report('IST0109', virtualService, `host ${host} is defined by ${others.join(', ')}, too`, {
    field: 'spec.hosts',
    fix: 'merge the VirtualServices into one',
  });
}
