import { parseIp } from '../match/ip-address.ts';
import type { Workload } from '../model/connection.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { MeshService } from './compiled.ts';

/** The address families of the asker, and what follows from them. */
export interface AddressFamilies {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** What listeners for no particular address are bound to; the first names them. */
  readonly wildcards: readonly string[];
  readonly localhosts: readonly string[];
  /** Automatic addresses of ServiceEntries exist only for askers whose DNS Istio answers. */
  readonly dnsCapture: boolean;
}

const IPV4_WILDCARD = '0.0.0.0';
const IPV6_WILDCARD = '::';

/** A workload without addresses is taken as dual-stack. */
export function addressFamilies(mesh: MeshConfig, workload: Workload): AddressFamilies {
  const addresses = (workload.addresses ?? []).map(parseIp).filter((ip) => ip !== undefined);
  const ipv4 = addresses.length === 0 || addresses.some((ip) => ip.family === 4);
  const ipv6 = addresses.length === 0 || addresses.some((ip) => ip.family === 6);
  const { proxyMetadata = {} } = mesh.defaultConfig;
  return {
    ipv4,
    ipv6,
    wildcards: [...(ipv4 ? [IPV4_WILDCARD] : []), ...(ipv6 ? [IPV6_WILDCARD] : [])],
    localhosts: [...(ipv4 ? ['127.0.0.1'] : []), ...(ipv6 ? ['::1'] : [])],
    dnsCapture: mesh.dnsCapture ?? isTrue(proxyMetadata['ISTIO_META_DNS_CAPTURE']),
  };
}

/** As Go's `strconv.ParseBool` reads it. */
function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text);
}

/**
 * The addresses under which the asker dials a service; the first names its listener. A CIDR stands alone. `0.0.0.0`
 * (and `::`): none.
 */
export function serviceAddresses(service: MeshService, families: AddressFamilies): readonly string[] {
  const { defaultAddress, addresses, autoAllocatedAddresses } = service;
  if (addresses.length > 1) return ofFamilies(addresses, families);
  if (defaultAddress !== IPV4_WILDCARD) return [defaultAddress];
  if (families.dnsCapture && autoAllocatedAddresses.length > 0) return ofFamilies(autoAllocatedAddresses, families);
  return service.registry === 'ServiceEntry' ? families.wildcards : [IPV4_WILDCARD];
}

/** Whether the address stands for none. */
export function isUnspecified(address: string): boolean {
  return address === IPV4_WILDCARD || address === IPV6_WILDCARD;
}

/** Those of the asker's families; all when none is. */
function ofFamilies(addresses: readonly string[], families: AddressFamilies): readonly string[] {
  const own = addresses.filter((address) => (address.includes(':') ? families.ipv6 : families.ipv4));
  return own.length === 0 ? addresses : own;
}
