import type { ApplicationProtocol } from '../compile/filter-chain.ts';
import { canonicalHost, isCanonicalName } from '../match/canonical-host.ts';
import { parseIp, toDialledIp, type Ip } from '../match/ip-address.ts';
import type { Connection } from '../model/connection.ts';

/** A connection, read once and checked. */
export interface Arrival {
  /** The name that was dialled, canonical; empty: not known, or an address was dialled. */
  readonly host: string;
  /** A name or an address was dialled by the application itself, so nothing may swallow the connection. */
  readonly dialled: boolean;
  readonly address: Ip | undefined;
  readonly port: number;
  readonly tls: boolean;
  /** Lower case; empty: none. */
  readonly sni: string;
  /** What the first plaintext bytes, or the ALPN of TLS between sidecars, show; undefined: no HTTP. */
  readonly application: ApplicationProtocol | undefined;
}

/** Reads a connection; undefined when it is none: wrong types, a host that is no host, a port out of range. */
export function readArrival(connection: Connection): Arrival | undefined {
  const { host, address, port, transport = 'tcp', sni, protocol, request, authority, alpn } = connection;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  if (transport !== 'tcp' && transport !== 'tls') return undefined;
  if (authority !== undefined && typeof authority !== 'string') return undefined;
  let ip: Ip | undefined;
  if (address !== undefined) {
    ip = typeof address === 'string' ? parseIp(address) : undefined;
    if (ip === undefined) return undefined;
    ip = toDialledIp(ip);
  }
  const tls = transport === 'tls';
  const application = tls ? istioAlpn(alpn) : applicationProtocol(protocol, request !== undefined);
  if (host === undefined) {
    const name = sni === undefined ? '' : readSni(sni);
    if (name === undefined) return undefined;
    return { host: '', dialled: false, address: ip, port, tls, sni: name, application };
  }
  // An address that was dialled as such is read once.
  if (host === address) return readSniOf('', ip, port, tls, sni, application);
  return readDialled(host, ip, port, tls, sni, application);
}

function readDialled(
  written: string,
  address: Ip | undefined,
  port: number,
  tls: boolean,
  sni: string | undefined,
  application: ApplicationProtocol | undefined,
): Arrival | undefined {
  let host = written;
  let ip = address;
  if (typeof written !== 'string' || !isCanonicalName(written)) {
    const canonical = canonicalHost(written);
    if (canonical.type === 'invalid') return undefined;
    host = canonical.type === 'dns' ? canonical.value : '';
    if (canonical.type !== 'dns') ip ??= canonical.ip;
  }
  return readSniOf(host, ip, port, tls, sni, application);
}

function readSniOf(
  host: string,
  address: Ip | undefined,
  port: number,
  tls: boolean,
  sni: string | undefined,
  application: ApplicationProtocol | undefined,
): Arrival | undefined {
  const name = sni === undefined ? (tls ? host : '') : sni === host ? host : readSni(sni);
  if (name === undefined) return undefined;
  return { host, dialled: true, address, port, tls, sni: name, application };
}

/** Undefined for what no client can mean: TLS names are printable ASCII. More than 255 bytes are not sent at all. */
function readSni(sni: unknown): string | undefined {
  if (typeof sni !== 'string') return undefined;
  if (sni.length > 255) return '';
  let upper = false;
  for (let at = 0; at < sni.length; at += 1) {
    const unit = sni.charCodeAt(at);
    if (unit <= 32 || unit > 126) return undefined;
    if (unit >= 65 && unit <= 90) upper = true;
  }
  return upper ? sni.toLowerCase() : sni;
}

/** Sidecars talk to each other under names of their own. */
function istioAlpn(alpn: Connection['alpn']): ApplicationProtocol | undefined {
  return alpn?.some((name) => name === 'istio' || name.startsWith('istio-')) === true ? 'istio' : undefined;
}

function applicationProtocol(protocol: Connection['protocol'], hasRequest: boolean): ApplicationProtocol | undefined {
  switch (protocol) {
    case 'http1':
      return 'http/1.1';
    case 'http2':
    case 'grpc':
      return 'h2c';
    case 'tcp':
      return undefined;
    default:
      return hasRequest ? 'http/1.1' : undefined;
  }
}
