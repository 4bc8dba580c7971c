import { parseCidr } from '../../core/match/cidr-index.ts';
import type { Check } from './check.ts';

/** Blocks that hold half of all addresses, or all. */
export const everyAddress: Check = {
  id: 'every-address',
  codes: ['SCL2003'],
  run(analysis) {
    for (const entry of analysis.all('ServiceEntry')) {
      for (const [index, address] of (entry.spec.addresses ?? []).entries()) {
        if ((parseCidr(address)?.prefix ?? 32) > 1) continue;
        analysis.report(
          'SCL2003',
          entry,
          `${address} admits ${address.endsWith('/0') ? 'every address' : 'half of all addresses'} on its ports`,
          {
            field: `spec.addresses[${index}]`,
            fix: 'list the blocks that you mean',
          },
        );
      }
    }
  },
};
