/** Which recorded facts are compared, and when two of them are the same. */
import { isDeepStrictEqual } from 'node:util';
import type { Decision } from '../../src/index.ts';
import { observe } from './observe.ts';
import type { Call, Expected } from './scenarios.ts';

export interface Difference {
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface Comparison {
  /** Facts that one side or both had. */
  readonly compared: number;
  readonly differences: readonly Difference[];
}

const ALWAYS = [
  'outcome',
  'seenAs',
  'virtualHost',
  'routeName',
  'virtualService',
  'clusters',
  'timeoutMs',
  'retries',
  'fault',
  'mirrors',
  'cors',
  'hashPolicy',
  'maxStreamDuration',
  'responseHeadersAdded',
  'responseHeadersRemoved',
];
const OF_REPLY = ['status', 'location', 'body', 'grpcStatus', 'grpcMessage'];
const UNLESS_FORWARD = ['responseFlags', 'responseCodeDetails'];
const OF_FORWARD = [
  'destinationRule',
  'upstreamTls',
  'clusterType',
  'endpoints',
  'upstreamProtocol',
  'connectTimeoutMs',
  'circuitBreakers',
  'idleTimeoutMs',
  'tunneling',
];

/** The compared fields of one recorded call. */
export function comparedFields(expected: Expected): string[] {
  const fields = [...ALWAYS];
  // With several clusters, `cluster` is only the one that chance took.
  if (expected['clusters'] === undefined) fields.push('cluster');
  if (expected['outcome'] === 'reply') fields.push(...OF_REPLY);
  fields.push(...(expected['outcome'] === 'forward' ? OF_FORWARD : UNLESS_FORWARD));
  // A request that was answered on its way (mirrored, aborted, slow) left no record of how it would have arrived.
  if (expected['upstream'] !== undefined) fields.push('upstream');
  return fields;
}

/** Compares a decision with the record. */
export function compareCall(call: Call, decision: Decision): Comparison {
  const actual = observe(decision, call.connection, call.expect);
  const differences: Difference[] = [];
  let compared = 0;
  for (const field of comparedFields(call.expect)) {
    const left = normalise(field, call.expect[field]);
    const right = normalise(field, actual[field]);
    if (left === undefined && right === undefined) continue;
    compared += 1;
    if (!isDeepStrictEqual(left, right)) differences.push({ field, expected: left, actual: right });
  }
  return { compared, differences };
}

/** Sets are sorted, informative parts and undefined fields left out. */
function normalise(field: string, value: unknown): unknown {
  switch (field) {
    case 'endpoints':
      return Array.isArray(value)
        ? [...new Set(value.map((text) => String(text).replace(/[[\]]/g, '')))].sort()
        : value;
    case 'clusters':
    case 'responseHeadersRemoved':
      return Array.isArray(value) ? value.map((entry) => JSON.stringify(entry)).sort() : value;
    case 'upstreamTls': {
      const tls = plain(value) as Record<string, unknown> | undefined;
      return tls?.['subjectAltNames'] === undefined
        ? tls
        : { ...tls, subjectAltNames: [...(tls['subjectAltNames'] as string[])].sort() };
    }
    case 'upstream': {
      const upstream = plain(value) as Record<string, unknown> | undefined;
      if (upstream === undefined) return undefined;
      const { method, path, authority, headers, removed = [] } = upstream;
      return { method, path, authority, headers, removed: [...(removed as string[])].sort() };
    }
    case 'tunneling':
      return value === undefined ? undefined : tunnelText(value);
    default:
      return plain(value);
  }
}

/** Envoy's form (`hostname`, `usePost`) and Istio's (`targetHost`, `targetPort`, `protocol`) of one tunnel read the same. */
function tunnelText(value: unknown): string {
  if (typeof value === 'string') return `CONNECT ${value}`;
  const { hostname, usePost, protocol, targetHost, targetPort } = value as Record<string, unknown>;
  const method = usePost === true || protocol === 'POST' ? 'POST' : 'CONNECT';
  return `${method} ${typeof hostname === 'string' ? hostname : `${String(targetHost)}:${String(targetPort)}`}`;
}

/** As JSON has it: without undefined fields. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
