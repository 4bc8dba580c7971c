import { isIPv4 } from 'node:net';
import { apply, shared } from './access-log-provider.ts';
import type { Operator, Read } from './access-log-provider.ts';

/** `..._ADDRESS`, `..._ADDRESS_WITHOUT_PORT` and `..._PORT` of one address, read as `ip:port`. */
export function addressOperators(prefix: string, read: Read<string>): readonly (readonly [string, Operator])[] {
  return [
    [`${prefix}_ADDRESS`, shared(read)],
    [`${prefix}_ADDRESS_WITHOUT_PORT`, withoutPortOperator(read)],
    [`${prefix}_PORT`, shared((entry) => apply(read(entry), portOf))],
  ];
}

/** A parameter is a prefix length: `(16)` prints the network. One that is no number is not looked at. */
function withoutPortOperator(read: Read<string>): Operator {
  return {
    parameter: 'optional',
    length: false,
    compile: ({ parameter }) => {
      const length = parameter !== undefined && /^-?\d+$/.test(parameter) ? Number(parameter) : undefined;
      const shorten = length === undefined ? withoutPort : (address: string) => network(withoutPort(address), length);
      return { value: (entry) => apply(read(entry), shorten), shared: true };
    },
  };
}

/** `10.0.0.1` of `10.0.0.1:80`, `2001:db8::1` of `[2001:db8::1]:80`. */
export function withoutPort(address: string): string {
  if (address.startsWith('[')) return address.slice(1, address.indexOf(']'));
  const colon = address.lastIndexOf(':');
  return colon < 0 || address.startsWith('/') ? address : address.slice(0, colon);
}

function portOf(address: string): number | undefined {
  const port = /:(\d+)$/.exec(address)?.[1];
  return port === undefined ? undefined : Number(port);
}

/** `ip:port`, with brackets around IPv6. */
export function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `10.0.0.0/16`; a length beyond the address is the whole address, a negative one prints nothing. */
function network(ip: string, prefixLength: number): string {
  if (prefixLength < 0) return '';
  const bits = isIPv4(ip) ? 32 : 128;
  const length = Math.min(prefixLength, bits);
  const value = bits === 32 ? ipv4Value(ip) : ipv6Value(ip);
  if (value === undefined) return ip;
  const masked = (value >> BigInt(bits - length)) << BigInt(bits - length);
  return `${bits === 32 ? ipv4Text(masked) : ipv6Text(masked)}/${length}`;
}

function ipv4Value(ip: string): bigint {
  return ip.split('.').reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
}

function ipv6Value(ip: string): bigint | undefined {
  if (!/^[0-9a-f:]+$/i.test(ip)) return undefined;
  const [head = '', tail] = ip.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  if (gap < 0 || left.length + gap + right.length !== 8) return undefined;
  const all = [...left, ...Array<string>(gap).fill('0'), ...right];
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** The longest run of zero groups becomes `::`. */
function ipv6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const runs = [...groups.join(':').matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length);
  const longest = runs[0];
  const text = groups.join(':');
  if (longest === undefined) return text;
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}
