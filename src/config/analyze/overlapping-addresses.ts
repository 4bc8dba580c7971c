import { type Cidr, cidrContains, parseCidr } from '../../core/match/cidr-index.ts';
import { parseProtocol } from '../../core/match/protocol.ts';
import type { ServiceEntrySpec } from '../../core/model/service-entry.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';

interface Block {
  readonly cidr: Cidr;
  readonly entry: Analyzed<ServiceEntrySpec>;
  readonly field: string;
  /** What becomes of a connection to the block: protocol, resolution and where it leads. */
  readonly outcome: string;
}

/** Blocks of two entries on one port, one inside the other, that are treated differently: the narrower one wins. */
export const overlappingAddresses: Check = {
  id: 'overlapping-addresses',
  codes: ['SCL2010'],
  run(analysis) {
    for (const [port, blocks] of blocksByPort(analysis)) {
      blocks.sort((a, b) => compareStart(a.cidr, b.cidr) || a.cidr.prefix - b.cidr.prefix);
      const open: Block[] = [];
      for (const block of blocks) {
        while (open.length > 0 && !contains(open.at(-1), block)) open.pop();
        const outer = open.findLast(({ entry, outcome }) => entry !== block.entry && outcome !== block.outcome);
        if (outer !== undefined) report(analysis, port, outer, block);
        open.push(block);
      }
    }
  },
};

function report(analysis: Analysis, port: number, outer: Block, inner: Block): void {
  const message = `${inner.cidr.text} lies in ${outer.cidr.text} of ${outer.entry.fullName}, which treats port ${port} differently (${outer.outcome} there, ${inner.outcome} here)`;
  analysis.report('SCL2010', inner.entry, message, {
    field: inner.field,
    fix: 'let the blocks not overlap, or give both entries the same port settings',
  });
}

function blocksByPort(analysis: Analysis): Map<number, Block[]> {
  const byPort = new Map<number, Block[]>();
  for (const entry of analysis.all('ServiceEntry')) {
    const { addresses = [], ports = [], resolution = 'NONE', hosts = [] } = entry.spec;
    for (const [index, address] of addresses.entries()) {
      const cidr = parseCidr(address);
      if (cidr === undefined) continue;
      for (const { number, protocol } of ports) {
        const leads = resolution === 'NONE' ? '' : ` to ${hosts.join(', ')}`;
        const outcome = `${parseProtocol(protocol)} with resolution ${resolution}${leads}`;
        const blocks = byPort.get(number) ?? [];
        blocks.push({ cidr, entry, field: `spec.addresses[${index}]`, outcome });
        byPort.set(number, blocks);
      }
    }
  }
  return byPort;
}

function contains(outer: Block | undefined, inner: Block): boolean {
  return outer !== undefined && outer.cidr.prefix <= inner.cidr.prefix && cidrContains(outer.cidr, inner.cidr.network);
}

function compareStart({ network: a }: Cidr, { network: b }: Cidr): number {
  return a.family - b.family || a.high - b.high || a.middle - b.middle || a.lower - b.lower || a.low - b.low;
}
