/** Host names and addresses, compared the slow way. */
import ipaddr from 'ipaddr.js';

export function isWild(host: string): boolean {
  return host.startsWith('*');
}

/** Whether every name of `narrow` is one of `wide`. */
export function isWithin(narrow: string, wide: string): boolean {
  if (!isWild(wide)) return narrow === wide;
  return narrow.endsWith(wide.slice(1)) && (!isWild(narrow) || narrow.length >= wide.length);
}

export function overlap(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

/** The exact entry, else the longest wildcard around the host. */
export function closest<T>(host: string, entries: readonly T[], nameOf: (entry: T) => string): T | undefined {
  const exact = entries.find((entry) => nameOf(entry) === host);
  if (exact !== undefined) return exact;
  const around = entries.filter((entry) => isWild(nameOf(entry)) && isWithin(host, nameOf(entry)));
  return around.sort((a, b) => nameOf(b).length - nameOf(a).length)[0];
}

/** `10.0.0.0/8`, or an address, which is a block of one. */
export function blockHolds(block: string, address: string): boolean {
  const target = ipaddr.parse(address);
  const [network, length] = block.includes('/') ? ipaddr.parseCIDR(block) : single(block);
  return network.kind() === target.kind() && target.match(network, length);
}

export function prefixOf(block: string): number {
  return block.includes('/') ? Number(block.split('/')[1]) : single(block)[1];
}

/** Without host bits: `10.1.2.3/8` is `10.0.0.0/8`. */
export function maskedBlock(block: string): string {
  const length = prefixOf(block);
  return `${ipaddr.IPv4.networkAddressFromCIDR(`${block.split('/')[0]}/${length}`).toString()}/${length}`;
}

function single(address: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const parsed = ipaddr.parse(address);
  return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
}
