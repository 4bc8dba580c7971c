/** Puts recorded calls to the public API. */
import { decide, parseMeshConfig, type MeshConfig } from '../../src/index.ts';
import { compareCall, type Comparison } from './compare.ts';
import type { Call, Scenario } from './scenarios.ts';

export interface Mismatch {
  readonly family: string;
  readonly scenario: string;
  readonly call: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface FamilyResult {
  readonly family: string;
  scenarios: number;
  calls: number;
  /** Calls without a mismatch. */
  agreed: number;
  fields: number;
  readonly mismatches: Mismatch[];
}

/** Every call of every scenario, by family in the order of their first appearance. */
export function replay(scenarios: readonly Scenario[]): FamilyResult[] {
  const families = new Map<string, FamilyResult>();
  for (const scenario of scenarios) {
    const { family } = scenario;
    let result = families.get(family);
    if (result === undefined) {
      result = { family, scenarios: 0, calls: 0, agreed: 0, fields: 0, mismatches: [] };
      families.set(family, result);
    }
    replayScenario(scenario, result);
  }
  return [...families.values()];
}

function replayScenario(scenario: Scenario, result: FamilyResult): void {
  const { id, family, calls } = scenario;
  result.scenarios += 1;
  const meshConfig = attempt(() => parseScenario(scenario));
  for (const call of calls) {
    const { compared, differences } =
      meshConfig instanceof Error ? failed('parse', meshConfig) : replayCall(call, meshConfig);
    result.calls += 1;
    result.fields += compared;
    if (differences.length === 0) result.agreed += 1;
    for (const difference of differences) {
      result.mismatches.push({ family, scenario: id, call: call.name, ...difference });
    }
  }
}

/**
 * The mesh as the asker's proxy saw it. The recorded calls arrived at the proxy, so nothing may bypass it: everything is
 * captured, loopback and IPv6 included. Inside TLS only what a proxy sees decides.
 */
export function parseScenario(scenario: Scenario): MeshConfig {
  const { meshConfig, resources, kubernetes = '', workload, proxyType } = scenario;
  return parseMeshConfig([{ text: meshConfig, as: 'MeshConfig' }, resources, kubernetes], {
    invalid: 'skip',
    tlsRequests: 'opaque',
    // The recorded resources came without a domain: Istio completed short hosts in rules with their namespace alone.
    shortNameDomain: '',
    includeIPRanges: '*',
    excludeIPRanges: '',
    includeOutboundPorts: '',
    excludeOutboundPorts: '',
    loopback: 'govern',
    dualStack: true,
    interceptionMode: 'REDIRECT',
    workload: {
      namespace: workload.namespace,
      type: proxyType,
      ...(workload.labels === undefined ? {} : { labels: workload.labels }),
      ...(workload.ips === undefined ? {} : { addresses: workload.ips }),
    },
  });
}

function replayCall(call: Call, meshConfig: MeshConfig): Comparison {
  const decision = attempt(() => decide(call.connection, meshConfig));
  return decision instanceof Error ? failed('decide', decision) : compareCall(call, decision);
}

function failed(field: string, error: Error): Comparison {
  const [line = ''] = (error.stack ?? '').split('\n').filter((text) => text.includes('/src/'));
  return { compared: 1, differences: [{ field, expected: 'no error', actual: `${error.message} ${line.trim()}` }] };
}

function attempt<T>(run: () => T): T | Error {
  try {
    return run();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
