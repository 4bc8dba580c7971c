/** Inclusive. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Names of the services file that Istio's proxy image brings, as far as they are ports that programs dial. */
const SERVICE_NAMES: ReadonlyMap<string, number> = new Map([
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['domain', 53],
  ['http', 80],
  ['pop3', 110],
  ['ntp', 123],
  ['imap2', 143],
  ['ldap', 389],
  ['https', 443],
  ['submission', 587],
  ['ldaps', 636],
  ['domain-s', 853],
  ['imaps', 993],
  ['pop3s', 995],
  ['mysql', 3306],
  ['postgresql', 5432],
  ['redis', 6379],
  ['http-alt', 8080],
]);

/**
 * A comma-separated list of ports as iptables reads it: numbers in C's notation (`0100` is 64, `0x50` is 80), ranges
 * (`80:90`, `8000:`, `:90`) and service names. Empty entries are skipped. Undefined when an entry is none of these.
 */
export function parseIptablesPorts(text: string): PortRange[] | undefined {
  return parseList(text, ':', (entry, fallback) => (entry === '' ? fallback : parseCNumber(entry)));
}

/** The same as native nftables reads it: decimal numbers with any leading zeros, ranges `80-90`, service names. */
export function parseNftablesPorts(text: string): PortRange[] | undefined {
  return parseList(text, '-', (entry) => (/^\d+$/.test(entry) ? Number.parseInt(entry, 10) : undefined));
}

/** Whether one of the ranges holds the port. */
export function includesPort(ranges: readonly PortRange[], port: number): boolean {
  for (const range of ranges) if (port >= range.from && port <= range.to) return true;
  return false;
}

function parseList(
  text: string,
  dash: string,
  parseNumber: (entry: string, fallback?: number) => number | undefined,
): PortRange[] | undefined {
  const ranges: PortRange[] = [];
  for (const part of text.split(',')) {
    if (part === '') continue;
    // Spaces and quotes are the command line's; a line break would end the rule.
    const entry = part.replace(/^[ \t]+|[ \t]+$/g, '').replace(/^"(.*)"$/, '$1');
    const named = SERVICE_NAMES.get(entry);
    const at = named === undefined ? entry.indexOf(dash) : -1;
    const from = named ?? (at < 0 ? parseNumber(entry) : parseNumber(entry.slice(0, at), 0));
    const to = at < 0 ? from : parseNumber(entry.slice(at + 1), 65_535);
    if (entry === '' || from === undefined || to === undefined || to > 65_535 || from > to) return undefined;
    ranges.push({ from, to });
  }
  return ranges;
}

function parseCNumber(text: string): number | undefined {
  if (/^0x[\da-f]+$/i.test(text)) return Number.parseInt(text.slice(2), 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number.parseInt(text, 10) : undefined;
}
