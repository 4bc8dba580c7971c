import { CidrIndex, parseCidr, parseIp, toDialledIp, type Ip } from '../core/index.ts';

/** What kind of address it is that a public name should hardly have. */
export type AddressClass =
  'unspecified' | 'loopback' | 'link-local' | 'metadata' | 'multicast' | 'reserved' | 'private' | 'embedded';

/**
 * How far an admitted name vouches for the addresses that it resolves to. What is held back needs a rule of its own,
 * as if the address itself had been dialled.
 *
 * - `rebinding` (default): unspecified, link-local, metadata, multicast and reserved addresses are held back; loopback
 *   when it is mixed with other answers, or when the name had another address before
 * - `strict`: loopback, private and IPv4-embedding addresses as well
 * - `off`: nothing is
 */
export type AddressGuardMode = 'rebinding' | 'strict' | 'off';

const RANGES: readonly (readonly [AddressClass, readonly string[]])[] = [
  [
    'metadata',
    ['169.254.169.254/32', '169.254.170.2/32', '168.63.129.16/32', 'fd00:ec2::254/128', 'fe80::a9fe:a9fe/128'],
  ],
  ['unspecified', ['0.0.0.0/8', '::/128']],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['reserved', ['240.0.0.0/4', '192.0.0.0/24', '100::/64']],
  [
    'private',
    ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', 'fc00::/7', 'fec0::/10'],
  ],
  ['embedded', ['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32', '::ffff:0:0:0/96']],
];

let index: CidrIndex<AddressClass> | undefined;

function classes(): CidrIndex<AddressClass> {
  if (index) return index;
  index = new CidrIndex<AddressClass>();
  for (const [name, blocks] of RANGES)
    for (const block of blocks) {
      const cidr = parseCidr(block);
      if (cidr) index.add(cidr, name);
    }
  return index;
}

/**
 * The class of an address; undefined for ordinary ones and for what is no address. An IPv6 address that embeds an IPv4 one
 * of a class of its own is of that class: a translator (NAT64) or a tunnel leads there.
 */
export function classOf(address: string): AddressClass | undefined {
  const zone = address.indexOf('%');
  const ip = parseIp(zone < 0 ? address : address.slice(0, zone));
  const found = ip && classes().get(toDialledIp(ip));
  if (ip === undefined || found !== 'embedded') return found;
  const inside = classes().get(embeddedIn(ip));
  return inside === undefined || inside === 'private' ? found : inside;
}

const SIX_TO_FOUR = 0x2002;
const TEREDO = 0x2001_0000;

function embeddedIn({ high, middle, low }: Ip): Ip {
  const sixToFour = ((high & 0xffff) << 16) | (middle >>> 16);
  const word = high >>> 16 === SIX_TO_FOUR ? sixToFour : high === TEREDO ? ~low : low;
  const octets = [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
  return { family: 4, text: octets.join('.'), high: 0, middle: 0, lower: 0, low: word >>> 0 };
}

/** Whether the admission of a name stops short of one of its answers. `before`: it had an ordinary address earlier. */
export function isHeldBack(
  address: string,
  answers: readonly string[],
  mode: AddressGuardMode,
  before: boolean,
): AddressClass | undefined {
  if (mode === 'off') return undefined;
  const found = classOf(address);
  if (found === undefined || found === 'private' || found === 'embedded') return mode === 'strict' ? found : undefined;
  if (found !== 'loopback' || mode === 'strict') return found;
  return before || answers.some((other) => classOf(other) !== 'loopback') ? found : undefined;
}

/** Names that are this machine by definition may be its loopback address. */
export function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}
