import { isDnsLabel, isWildcardDnsLabel } from '../../src/config/validate/dns-label.ts';
import { visibilityProblem } from '../../src/config/validate/export-to.ts';
import {
  afterTlsTermination,
  convertKubernetesProtocol,
  isGrpc,
  isHttp,
  isHttp2,
  isHttpOrSniffed,
  isSniffed,
  isTcp,
  isTls,
  parseProtocol,
  type Protocol,
} from '../../src/core/match/protocol.ts';
import { compare, notApplicable, type TableCase, type Verdict } from './table.ts';

/** Names to protocols, protocols to their classes. */
export function protocolsTable({ function: name, input, result: recorded, error }: TableCase): Verdict[] {
  // Istio writes the name of the constant in one place and its value in others.
  const result = renamed(recorded);
  switch (name) {
    case 'Parse':
      return [compare(result, parseProtocol(input as string))];
    case 'ConvertProtocol': {
      const { port, portName, proto, appProto } = input as ServicePort;
      return [compare(result, convertKubernetesProtocol(port, portName, proto, appProto ?? undefined))];
    }
    case 'Instance':
      return [compare(classes(result), classesOf(renamed(input) as Protocol))];
    case 'Instance.IsHTTP':
      return [compare(result, isHttp(input as Protocol))];
    case 'visibility.Validate':
      return [compare(result === null && (error ?? null) === null, visibilityProblem(input as string) === undefined)];
    case 'IsDNS1123Label':
      return [compare(result, isDnsLabel(input as string))];
    case 'IsWildcardDNS1123Label':
      return [compare(result, isWildcardDnsLabel(input as string))];
    case 'Instance.IsHTTPS':
      return [compare(result, input === 'HTTPS')];
    default:
      return [notApplicable('unknown function')];
  }
}

function renamed(protocol: unknown): unknown {
  return protocol === 'UnsupportedProtocol' ? 'Unsupported' : protocol;
}

function classes(result: unknown): unknown {
  const recorded = result as Readonly<Record<string, unknown>>;
  return { ...recorded, afterTLSTermination: renamed(recorded['afterTLSTermination']) };
}

interface ServicePort {
  readonly port: number;
  readonly portName: string;
  readonly proto: string;
  readonly appProto: string | null;
}

function classesOf(protocol: Protocol): Readonly<Record<string, unknown>> {
  return {
    afterTLSTermination: afterTlsTermination(protocol),
    isGRPC: isGrpc(protocol),
    isHTTP: isHttp(protocol),
    isHTTP2: isHttp2(protocol),
    isHTTPOrSniffed: isHttpOrSniffed(protocol),
    isHTTPS: protocol === 'HTTPS',
    isTCP: isTcp(protocol),
    isTLS: isTls(protocol),
    isUnsupported: isSniffed(protocol),
  };
}
