import type { Check } from './check.ts';
import { destinationsOf } from './route-destination.ts';
import { completeHost, resourceOfHost } from './scoped-host.ts';

/** Destinations with a subset that no DestinationRule of the host has. */
export const destinationSubset: Check = {
  id: 'destination-subset',
  codes: ['IST0101'],
  istio: 'virtualservice.DestinationRuleAnalyzer',
  run(analysis) {
    const known = new Set<string>();
    const keyOf = (host: string, namespace: string, subset: string): string => {
      const resource = resourceOfHost(host, namespace);
      return `${resource.namespace}/${resource.name}+${subset}`;
    };
    for (const { namespace, spec } of analysis.all('DestinationRule')) {
      const host = completeHost(spec.host ?? '', namespace, analysis.mesh.clusterDomain);
      for (const { name } of spec.subsets ?? []) known.add(keyOf(host, namespace, name));
    }
    for (const virtualService of analysis.all('VirtualService')) {
      for (const { destination, field } of destinationsOf(virtualService.spec)) {
        const { host = '', subset = '' } = destination;
        if (subset === '' || known.has(keyOf(host, virtualService.namespace, subset))) continue;
        analysis.report(
          'IST0101',
          virtualService,
          `no DestinationRule of ${host} has a subset ${JSON.stringify(subset)}`,
          {
            field: `${field}.subset`,
          },
        );
      }
    }
  },
};
