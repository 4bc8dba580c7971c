import { parseProtocol } from '../../core/match/protocol.ts';
import { isDnsLabel } from './dns-label.ts';

export function isValidPort(port: number): boolean {
  return port >= 1 && port <= 65535;
}

export function portProblem(port: number): string | undefined {
  return isValidPort(port) ? undefined : `${port} is not a port; ports are 1 to 65535`;
}

export function portNameProblem(name: string): string | undefined {
  return isDnsLabel(name) ? undefined : `port name ${JSON.stringify(name)} is not a DNS label`;
}

/** Empty means that the protocol is detected. */
export function protocolProblem(protocol: string): string | undefined {
  if (protocol === '' || parseProtocol(protocol) !== 'Unsupported') return undefined;
  return `${JSON.stringify(protocol)} is not a protocol that Istio knows`;
}

export const PROTOCOL_FIX =
  'use one of HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, TCP, MONGO, MYSQL, REDIS, UDP, or leave it out to have it detected';
