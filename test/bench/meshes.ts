/** Policies of a given size, and connections that they know and do not know. */
import type { Connection } from '../../src/core/model/connection.ts';

export type EntryKind = 'host' | 'wildcard' | 'cidr' | 'mixed';

export interface Workbench {
  readonly objects: readonly object[];
  readonly connections: readonly Connection[];
  /** What each connection is looked up by in the plain Map and the linear scan. */
  readonly keys: readonly string[];
  readonly patterns: readonly string[];
}

/**
 * `connectionCount`: how many different ones, a power of two; a program talks to tens of hosts, not to thousands.
 * `also`: what is known of each besides.
 */
export function buildWorkbench(
  kind: EntryKind,
  size: number,
  connectionCount: number,
  also: Partial<Connection> = {},
): Workbench {
  const patterns = Array.from({ length: size }, (_, index) => patternOf(kindAt(kind, index), index));
  const objects = [
    { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
    ...patterns.map((pattern, index) => entryOf(pattern, index)),
  ];
  const connections: Connection[] = [];
  const keys: string[] = [];
  for (let call = 0; call < connectionCount; call += 1) {
    // A stride that is prime to every size, and one unknown destination in eight.
    const index = (call * 7_919) % size;
    const known = call % 8 !== 0;
    const key = destinationOf(kindAt(kind, index), known ? index : size + call);
    keys.push(key);
    connections.push({ ...connectionTo(key, call), ...also });
  }
  return asReceived({ objects, connections, keys, patterns });
}

/** As parsed from outside: strings put together in this process read slower than any that arrive. */
function asReceived<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function kindAt(kind: EntryKind, index: number): Exclude<EntryKind, 'mixed'> {
  if (kind !== 'mixed') return kind;
  return (['host', 'host', 'wildcard', 'cidr'] as const)[index % 4] ?? 'host';
}

function patternOf(kind: EntryKind, index: number): string {
  if (kind === 'cidr') return `${network(index)}.0/24`;
  return kind === 'wildcard' ? `*.zone-${index}.example.com` : `host-${index}.example.com`;
}

function destinationOf(kind: EntryKind, index: number): string {
  if (kind === 'cidr') return `${network(index)}.7`;
  return kind === 'wildcard' ? `a.zone-${index}.example.com` : `host-${index}.example.com`;
}

/** The first three octets of distinct public networks. */
function network(index: number): string {
  return `${11 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

function entryOf(pattern: string, index: number): object {
  const isBlock = pattern.includes('/');
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: `entry-${index}`, namespace: 'default' },
    spec: {
      hosts: [isBlock ? `net-${index}.example.com` : pattern],
      ...(isBlock ? { addresses: [pattern] } : {}),
      ports: isBlock
        ? [{ number: 443, name: 'tcp', protocol: 'TCP' }]
        : [
            { number: 80, name: 'http', protocol: 'HTTP' },
            { number: 443, name: 'tls', protocol: 'TLS' },
          ],
      resolution: pattern.startsWith('*') || isBlock ? 'NONE' : 'DNS',
    },
  };
}

/** An address is dialled as such; a name by plaintext HTTP and by TLS in turn. */
function connectionTo(key: string, call: number): Connection {
  if (/^[\d.]+$/.test(key)) return { host: key, address: key, port: 443, transport: 'tls', protocol: 'http1' };
  if (call % 2 === 0) return { host: key, port: 443, transport: 'tls', sni: key, protocol: 'http1' };
  return {
    host: key,
    port: 80,
    transport: 'tcp',
    protocol: 'http1',
    authority: key,
    request: { method: 'GET', path: '/index.html', headers: { accept: '*/*' }, scheme: 'http' },
  };
}
