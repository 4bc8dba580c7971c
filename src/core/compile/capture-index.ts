import { type Cidr, CidrIndex, cidrContains, parseCidr } from '../match/cidr-index.ts';
import { type Ip, parseIp } from '../match/ip-address.ts';
import { parseIptablesPorts, parseNftablesPorts, type PortRange } from '../match/port-range.ts';
import type { Workload } from '../model/connection.ts';
import type { CaptureSettings } from '../model/mesh-config.ts';

/** A network interface of the asker, with the networks that are reached through it. */
interface NetworkInterface {
  readonly networks: readonly Cidr[];
  readonly excluded: boolean;
}

/** The capture settings of one workload, read once. */
export interface CaptureIndex {
  /** Rules exist for this address family. */
  readonly rules4: boolean;
  readonly rules6: boolean;
  /** `govern`: destinations that leave by the loopback interface are governed, against Istio's rule. */
  readonly governLoopback: boolean;
  readonly includeAll: boolean;
  readonly include: CidrIndex<true>;
  readonly exclude: CidrIndex<true>;
  readonly includePorts: readonly PortRange[];
  readonly excludePorts: readonly PortRange[];
  /** A loopback block stands in the include ranges: Istio then looks at loopback traffic of both families. */
  readonly includesLoopback: boolean;
  readonly loopback: Cidr;
  /** Own addresses: the kernel sends to them by the loopback interface. */
  readonly own: CidrIndex<true>;
  /** The first is that of the default route. Empty: nothing is known of interfaces. */
  readonly interfaces: readonly NetworkInterface[];
  /** Resolvers that DNS capture redirects; `all`: whatever is dialled at port 53; undefined: no DNS capture. */
  readonly dns: CidrIndex<true> | 'all' | undefined;
  /** Rules exist, and at a port that is included or no range is asked for they are the same for every address. */
  readonly sameForAll: boolean;
  /** Groups whose processes bypass, or which alone are captured. */
  readonly groups: { readonly only: ReadonlySet<number> } | { readonly except: ReadonlySet<number> };
}

const LOOPBACK_BLOCK = '127.0.0.1/32';
const LOOPBACK_V4: Cidr | undefined = parseCidr('127.0.0.0/8');

/**
 * Compiles the settings. They are valid once a MeshConfig is loaded; of settings that are not, a malformed include list
 * captures everything and a malformed exclude list nothing.
 */
export function buildCaptureIndex(settings: CaptureSettings, workload: Workload): CaptureIndex {
  const own = ownAddresses(settings, workload);
  const includeAll = settings.includeIPRanges === '*';
  const include = includeAll ? [] : parseRanges(settings.includeIPRanges);
  const exclude = parseRanges(settings.excludeIPRanges) ?? [];
  const parsePorts = settings.nativeNftables === true ? parseNftablesPorts : parseIptablesPorts;
  const rules = settings.interceptionMode !== 'NONE';
  const dualStack = settings.dualStack === true || (settings.nativeNftables === true && includeAll);
  const rules6 = rules && (dualStack || own.every((ip) => ip.family === 6));
  const interfaces = readInterfaces(settings);
  const askAddress = exclude.length > 0 || interfaces.some(({ excluded }) => excluded);
  return {
    rules4: rules,
    rules6,
    sameForAll: rules6 && settings.loopback === 'govern' && !askAddress,
    governLoopback: settings.loopback === 'govern',
    includeAll: includeAll || include === undefined,
    include: indexOf(include ?? []),
    exclude: indexOf(exclude),
    includePorts: parsePorts(settings.includeOutboundPorts) ?? [],
    excludePorts: parsePorts(settings.excludeOutboundPorts) ?? [],
    includesLoopback: (include ?? []).some(({ address }) => isLoopbackAddress(address)),
    loopback: parseCidr(settings.loopbackCidr ?? LOOPBACK_BLOCK) ?? (parseCidr(LOOPBACK_BLOCK) as Cidr),
    own: indexOf(own.flatMap((ip) => parseCidr(ip.text) ?? [])),
    interfaces,
    dns: dnsIndex(settings),
    groups: readGroups(settings),
  };
}

/** Empty entries are skipped; undefined when an entry is no block with a length. */
function parseRanges(text: string): Cidr[] | undefined {
  const ranges: Cidr[] = [];
  for (const entry of text.split(',')) {
    if (entry === '') continue;
    const cidr = entry.includes('/') ? parseCidr(entry) : undefined;
    if (cidr === undefined) return undefined;
    ranges.push(cidr);
  }
  return ranges;
}

function indexOf(cidrs: readonly Cidr[]): CidrIndex<true> {
  const index = new CidrIndex<true>();
  for (const cidr of cidrs) index.add(cidr, true);
  return index;
}

function ownAddresses(settings: CaptureSettings, workload: Workload): Ip[] {
  const texts = [...(workload.addresses ?? []), ...Object.values(settings.interfaces ?? {}).flat()];
  return texts.flatMap((text) => parseIp(text.split('/', 1)[0] ?? '') ?? []);
}

function readInterfaces(settings: CaptureSettings): NetworkInterface[] {
  const excluded = new Set((settings.excludeInterfaces ?? '').split(',').map((name) => name.trim()));
  return Object.entries(settings.interfaces ?? {}).map(([name, addresses]) => ({
    networks: addresses.flatMap((address) => parseCidr(address) ?? []),
    excluded: excluded.has(name),
  }));
}

/** DNS capture without a resolver to capture is off. */
function dnsIndex(settings: CaptureSettings): CidrIndex<true> | 'all' | undefined {
  if (settings.dnsCapture !== true) return undefined;
  if (settings.captureAllDns === true) return 'all';
  const servers = (settings.dnsServers ?? []).flatMap((text) => parseCidr(text) ?? []);
  return servers.length === 0 ? undefined : indexOf(servers);
}

function readGroups(settings: CaptureSettings): CaptureIndex['groups'] {
  const { ownerGroupsInclude = '*', ownerGroupsExclude = '' } = settings;
  const read = (text: string): Set<number> => new Set(text.split(',').filter(Boolean).map(Number));
  return ownerGroupsInclude === '*' ? { except: read(ownerGroupsExclude) } : { only: read(ownerGroupsInclude) };
}

function isLoopbackAddress(ip: Ip): boolean {
  if (ip.family === 4) return LOOPBACK_V4 !== undefined && cidrContains(LOOPBACK_V4, ip);
  return ip.high === 0 && ip.middle === 0 && ip.lower === 0 && ip.low === 1;
}
