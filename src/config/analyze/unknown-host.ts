import type { Check } from './check.ts';
import { HostIndex } from './host-index.ts';
import { completeHost } from './scoped-host.ts';

/** VirtualServices of the mesh for hosts that no ServiceEntry and no Service defines: their routes are never asked. */
export const unknownHost: Check = {
  id: 'unknown-host',
  codes: ['SCL2006'],
  run(analysis) {
    const hosts = new HostIndex(analysis);
    for (const virtualService of analysis.all('VirtualService')) {
      const { gateways = [], hosts: own = [] } = virtualService.spec;
      if (gateways.length > 0 && !gateways.includes('mesh')) continue;
      for (const [index, host] of own.entries()) {
        const full = completeHost(host, virtualService.namespace, analysis.mesh.clusterDomain).toLowerCase();
        if (hosts.ports(full) !== undefined) continue;
        analysis.report(
          'SCL2006',
          virtualService,
          `nothing defines ${host}, so REGISTRY_ONLY denies it whatever the routes say`,
          {
            field: `spec.hosts[${index}]`,
            fix: 'add a ServiceEntry for it, or correct its name',
          },
        );
      }
    }
  },
};
