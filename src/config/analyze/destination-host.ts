import type { VirtualServiceSpec } from '../../core/model/virtual-service.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { destinationsOf } from './route-destination.ts';
import { ServiceLookup } from './service-lookup.ts';

type VirtualService = Analyzed<VirtualServiceSpec>;

/** Destinations whose host or port nothing defines. */
export const destinationHost: Check = {
  id: 'destination-host',
  codes: ['IST0101', 'IST0112', 'IST0140'],
  istio: 'virtualservice.DestinationHostAnalyzer',
  run(analysis) {
    const services = new ServiceLookup(analysis);
    for (const virtualService of analysis.all('VirtualService')) {
      checkDestinations(analysis, virtualService, services);
      checkSubsets(analysis, virtualService);
    }
  },
};

function checkDestinations(analysis: Analysis, virtualService: VirtualService, services: ServiceLookup): void {
  const { namespace, spec } = virtualService;
  for (const { destination, field } of destinationsOf(spec)) {
    const { host = '', port } = destination;
    const service = services.find(host, namespace, spec.exportTo);
    if (service === undefined) {
      analysis.report('IST0101', virtualService, `nothing defines the host ${JSON.stringify(host)}`, {
        field: `${field}.host`,
        fix: 'add a ServiceEntry for it, or correct its name',
      });
      continue;
    }
    const numbers = service.ports.map(({ number }) => number);
    if (port === undefined && numbers.length > 1) {
      analysis.report(
        'IST0112',
        virtualService,
        `${host} has the ports ${numbers.join(', ')}; the destination names none`,
        {
          field: `${field}.port`,
          fix: 'set port.number',
        },
      );
    } else if (port !== undefined && !numbers.includes(port.number)) {
      analysis.report('IST0101', virtualService, `${host} has no port ${port.number}`, {
        field: `${field}.port.number`,
      });
    }
  }
}

/** A gateway's route to a service without a subset goes past the subsets that the service's own VirtualService chooses. */
function checkSubsets(analysis: Analysis, virtualService: VirtualService): void {
  if ((virtualService.spec.gateways ?? []).length === 0) return;
  for (const [index, { route = [] }] of (virtualService.spec.http ?? []).entries()) {
    for (const [position, { destination }] of route.entries()) {
      if ((destination?.subset ?? '') !== '') continue;
      for (const other of analysis.all('VirtualService').filter((each) => choosesSubset(each, destination?.host))) {
        analysis.report(
          'IST0140',
          virtualService,
          `leads to ${destination.host} past the subsets that ${other.fullName} chooses`,
          {
            field: `spec.http[${index}].route[${position}].destination.host`,
            fix: 'name the subset here, too',
          },
        );
      }
    }
  }
}

function choosesSubset({ spec }: VirtualService, host: string | undefined): boolean {
  if (host === undefined || !(spec.hosts ?? []).includes(host)) return false;
  return (spec.http ?? []).some(({ route = [] }) =>
    route.some(({ destination }) => destination?.host === host && (destination.subset ?? '') !== ''),
  );
}
