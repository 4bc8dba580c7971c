import { isHttp, isTls } from '../../core/match/protocol.ts';
import type { ServiceEntryFields } from '../schema/service-entry.ts';
import { allocatesAddress } from '../validate/service-entry.ts';
import type { Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { entryPorts } from './host-index.ts';

/** Ports that an entry without addresses opens for everything, because nothing in the bytes names the host. */
export const openTcpPort: Check = {
  id: 'open-tcp-port',
  codes: ['SCL2009'],
  run(analysis) {
    for (const entry of analysis.all('ServiceEntry')) {
      if ((entry.spec.addresses ?? []).length > 0 || hasAddressOfItsOwn(entry)) continue;
      for (const [index, { number, protocol }] of entryPorts(entry).entries()) {
        if (isHttp(protocol) || isTls(protocol)) continue;
        analysis.report('SCL2009', entry, `without addresses, port ${number} is open for every destination`, {
          field: `spec.ports[${index}]`,
          fix: 'set addresses; or a protocol that carries the host (HTTP, TLS); or a resolution that allocates an address',
        });
      }
    }
  },
};

function hasAddressOfItsOwn({ spec, labels, resource }: Analyzed<unknown>): boolean {
  const { status } = resource as { readonly status?: { readonly addresses?: readonly unknown[] } };
  return (status?.addresses ?? []).length > 0 || allocatesAddress(spec as ServiceEntryFields, labels);
}
