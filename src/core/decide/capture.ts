import type { CaptureIndex } from '../compile/capture-index.ts';
import { cidrContains } from '../match/cidr-index.ts';
import type { Ip } from '../match/ip-address.ts';
import { includesPort } from '../match/port-range.ts';

/** `dns`: redirected to the mesh's own resolver, which is no business of the proxy. */
export type CaptureVerdict = 'captured' | 'bypass' | 'dns';

/** What of the dialling process the rules look at, as far as it is known. */
export interface CaptureOrigin {
  /** The group of the process. */
  readonly gid?: number;
  /** The local address that the socket was bound to. */
  readonly source?: Ip;
}

const DNS_PORT = 53;

/** Whether a connection to this address and port is governed. */
export function isCaptured(index: CaptureIndex, ip: Ip, port: number): boolean {
  return captureVerdict(index, ip, port) === 'captured';
}

/**
 * Istio's traffic rules for a process that is not the proxy, in the order in which the kernel takes them. With
 * `loopback: 'govern'` a destination that leaves by the loopback interface is governed before them, unless its port or
 * range is excluded by name.
 */
export function captureVerdict(index: CaptureIndex, ip: Ip, port: number, origin?: CaptureOrigin): CaptureVerdict {
  const byLoopback = leavesByLoopback(index, ip);
  if (byLoopback && index.governLoopback) {
    return includesPort(index.excludePorts, port) || index.exclude.has(ip) ? 'bypass' : 'captured';
  }
  if (!(ip.family === 4 ? index.rules4 : index.rules6)) return 'bypass';
  if (leavesByExcludedInterface(index, ip, byLoopback)) return 'bypass';
  if (includesPort(index.excludePorts, port)) return 'bypass';
  if (byLoopback && isPassthroughSource(origin?.source ?? defaultSource(ip))) return 'bypass';
  const dns = index.dns !== undefined && port === DNS_PORT;
  if (byLoopback && !index.includesLoopback && !dns) return 'bypass';
  if (!isGovernedGroup(index, origin?.gid)) return 'bypass';
  if (dns && (index.dns === 'all' || index.dns?.has(ip) === true)) return 'dns';
  if (isExemptLoopback(index, ip) || index.exclude.has(ip)) return 'bypass';
  if (includesPort(index.includePorts, port)) return 'captured';
  return index.includeAll || index.include.has(ip) ? 'captured' : 'bypass';
}

/**
 * What can be said before the address is known, as for a name that is not yet resolved: undefined when the address
 * decides. A name is taken not to lead to loopback, which is asked again with the address.
 */
export function captureVerdictOfPort(index: CaptureIndex, port: number): 'captured' | 'bypass' | undefined {
  const { excludePorts, includePorts } = index;
  if (excludePorts.length > 0 && includesPort(excludePorts, port)) return 'bypass';
  if (!index.sameForAll) return index.rules4 || index.governLoopback ? undefined : 'bypass';
  if (index.dns !== undefined && port === DNS_PORT) return undefined;
  return index.includeAll || includesPort(includePorts, port) ? 'captured' : undefined;
}

/** 127.0.0.0/8, `::1`, the proxy's own `::6`, every own address, and the unspecified ones, which are dialled as loopback. */
function leavesByLoopback(index: CaptureIndex, ip: Ip): boolean {
  if (ip.family === 4) return ip.low >>> 24 === 127 || ip.low === 0 || index.own.has(ip);
  if (ip.high === 0 && ip.middle === 0 && ip.lower === 0 && (ip.low <= 1 || ip.low === 6)) return true;
  return index.own.has(ip);
}

function leavesByExcludedInterface(index: CaptureIndex, ip: Ip, byLoopback: boolean): boolean {
  const [first] = index.interfaces;
  if (first === undefined || byLoopback) return false;
  for (const { networks, excluded } of index.interfaces) {
    for (const network of networks) if (cidrContains(network, ip)) return excluded;
  }
  return first.excluded;
}

/** The kernel dials an IPv6 address of its own from that address. Of IPv4 nothing follows. */
function defaultSource(ip: Ip): Ip | undefined {
  return ip.family === 6 ? ip : undefined;
}

/** 127.0.0.6 and `::6`: what the proxy binds to when it calls its own pod. */
function isPassthroughSource(source: Ip | undefined): boolean {
  if (source === undefined) return false;
  const { family, high, middle, lower, low } = source;
  if (family === 4) return low === 0x7f000006;
  return high === 0 && middle === 0 && lower === 0 && low === 6;
}

function isGovernedGroup({ groups }: CaptureIndex, gid: number | undefined): boolean {
  if ('only' in groups) return gid === undefined || groups.only.has(gid);
  return gid === undefined || !groups.except.has(gid);
}

/** The loopback address proper never reaches the proxy, even when an include range names it. */
function isExemptLoopback(index: CaptureIndex, ip: Ip): boolean {
  if (ip.family === 4) return ip.low === 0 || cidrContains(index.loopback, ip);
  return ip.high === 0 && ip.middle === 0 && ip.lower === 0 && ip.low <= 1;
}
