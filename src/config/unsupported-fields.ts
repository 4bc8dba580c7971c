/**
 * Fields that a sidecar honours and this library does not: whoever writes one must hear of it. None of them admits or
 * forbids anything; test/config/unsupported-fields.test.ts holds the list to the sources.
 */
import type { FieldPath } from './parse-yaml.ts';

interface UnsupportedField {
  /** Kind, or `MeshConfig`. */
  readonly kind: string;
  /** The last names of the field's path: it may stand in several places of the kind. */
  readonly names: readonly string[];
  /** What a sidecar does with it. */
  readonly effect: string;
}

const CHOICE = 'which endpoint of several is taken';
const STREAMS = 'how HTTP/2 connections are kept';
const KEPT = 'how long a connection is kept';

export const unsupportedFields: readonly UnsupportedField[] = [
  { kind: 'DestinationRule', names: ['loadBalancer', 'localityLbSetting'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['loadBalancer', 'zoneAwareLbSetting'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['loadBalancer', 'warmup'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['loadBalancer', 'warmupDurationSecs'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['consistentHash', 'ringHash'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['consistentHash', 'maglev'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['consistentHash', 'minimumRingSize'], effect: CHOICE },
  { kind: 'DestinationRule', names: ['http', 'maxConcurrentStreams'], effect: STREAMS },
  { kind: 'DestinationRule', names: ['http', 'http2KeepAlive'], effect: STREAMS },
  { kind: 'DestinationRule', names: ['http', 'idleTimeout'], effect: KEPT },
  { kind: 'DestinationRule', names: ['http', 'maxRequestsPerConnection'], effect: KEPT },
  { kind: 'DestinationRule', names: ['tcp', 'maxConnectionDuration'], effect: KEPT },
  { kind: 'DestinationRule', names: ['tcp', 'tcpKeepalive'], effect: KEPT },
  { kind: 'DestinationRule', names: ['trafficPolicy', 'retryBudget'], effect: 'how many retries run at a time' },
  { kind: 'MeshConfig', names: ['http', 'maxConcurrentStreams'], effect: STREAMS },
  { kind: 'MeshConfig', names: ['http', 'http2KeepAlive'], effect: STREAMS },
  { kind: 'MeshConfig', names: ['http', 'idleTimeout'], effect: KEPT },
  { kind: 'MeshConfig', names: ['http', 'maxRequestsPerConnection'], effect: KEPT },
  { kind: 'MeshConfig', names: ['tcp', 'maxConnectionDuration'], effect: KEPT },
  { kind: 'MeshConfig', names: ['tcpKeepalive'], effect: KEPT },
  { kind: 'MeshConfig', names: ['localityLbSetting', 'distribute'], effect: CHOICE },
  { kind: 'MeshConfig', names: ['localityLbSetting', 'failover'], effect: CHOICE },
  { kind: 'MeshConfig', names: ['localityLbSetting', 'failoverPriority'], effect: CHOICE },
  { kind: 'MeshConfig', names: ['defaultProviders', 'accessLogging'], effect: 'where access logs go' },
];

export interface FoundField {
  readonly path: FieldPath;
  readonly effect: string;
}

/** Those among the fields of a resource, or of a MeshConfig. */
export function findUnsupportedFields(kind: string, value: unknown, start: FieldPath = []): readonly FoundField[] {
  const listed = unsupportedFields.filter((field) => field.kind === kind);
  return listed.length === 0 ? [] : find(listed, value, start);
}

function find(listed: readonly UnsupportedField[], value: unknown, path: FieldPath): readonly FoundField[] {
  const field = listed.find(({ names }) => names.every((name, index) => path.at(index - names.length) === name));
  if (field !== undefined) return [{ path, effect: field.effect }];
  if (Array.isArray(value)) return value.flatMap((item, index) => find(listed, item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => find(listed, inner, [...path, name]));
}
