import { parseDurationMs } from '../match/duration.ts';
import type { HashPolicy } from '../model/decision.ts';
import type { ConsistentHash, DestinationRule, PortTrafficPolicy } from '../model/destination-rule.ts';
import type { Destination } from '../model/virtual-service.ts';

/** Envoy's route hash policy for a DestinationRule's `consistentHash`; undefined when it names no key. */
export function consistentHashToHashPolicy(hash: ConsistentHash | undefined): HashPolicy | undefined {
  if (hash === undefined) return undefined;
  if (hash.httpHeaderName !== undefined) return { header: { header_name: hash.httpHeaderName } };
  if (hash.httpCookie !== undefined) {
    const { name, ttl, path, attributes } = hash.httpCookie;
    return {
      cookie: {
        ...(name !== undefined && name !== '' && { name }),
        ...(ttl !== undefined && { ttl: seconds(ttl) }),
        ...(path !== undefined && path !== '' && { path }),
        ...(attributes !== undefined && { attributes }),
      },
    };
  }
  if (hash.useSourceIp !== undefined) return { connection_properties: hash.useSourceIp ? { source_ip: true } : {} };
  if (hash.httpQueryParameterName !== undefined) return { query_parameter: { name: hash.httpQueryParameterName } };
  return undefined;
}

/** The `consistentHash` that holds for a destination of a VirtualService: subset and port, subset, port, rule. */
export function consistentHashOfDestination(
  rule: DestinationRule | undefined,
  destination: Destination,
): ConsistentHash | undefined {
  const policy = rule?.spec.trafficPolicy;
  const wanted = destination.subset ?? '';
  const subset = rule?.spec.subsets?.find(({ name }) => name === wanted)?.trafficPolicy;
  return (
    portLevelConsistentHash(destination.port?.number, subset?.portLevelSettings) ??
    subset?.loadBalancer?.consistentHash ??
    portLevelConsistentHash(destination.port?.number, policy?.portLevelSettings) ??
    policy?.loadBalancer?.consistentHash
  );
}

/** The `consistentHash` that holds for a service without a VirtualService. */
export function consistentHashOfService(rule: DestinationRule | undefined, port: number): ConsistentHash | undefined {
  const policy = rule?.spec.trafficPolicy;
  return portLevelConsistentHash(port, policy?.portLevelSettings) ?? policy?.loadBalancer?.consistentHash;
}

/** Istio's `portLevelSettingsConsistentHash`: only the first setting of the port is looked at. */
export function portLevelConsistentHash(
  port: number | undefined,
  settings: readonly PortTrafficPolicy[] | undefined,
): ConsistentHash | undefined {
  if (port === undefined) return undefined;
  return settings?.find((setting) => setting.port?.number === port)?.loadBalancer?.consistentHash;
}

/** As protobuf's JSON writes a duration. */
function seconds(duration: string): string {
  const nanoseconds = BigInt(Math.round(parseDurationMs(duration) * 1e6));
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, '0');
  const digits = [9, 6, 3].find((count, at) => at === 2 || !fraction.slice(0, count).endsWith('000')) ?? 3;
  const whole = nanoseconds / 1_000_000_000n;
  return fraction === '000000000' ? `${whole}s` : `${whole}.${fraction.slice(0, digits)}s`;
}
