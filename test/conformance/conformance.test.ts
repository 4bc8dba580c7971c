import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mutate, seededRandom } from './mutate.ts';
import { replay } from './replay.ts';
import { readScenarios } from './scenarios.ts';

const scenarios = readScenarios([fileURLToPath(new URL('data', import.meta.url))]);

describe('the recorded decisions of Istio and Envoy', () => {
  it('are ours, call by call and field by field', () => {
    const results = replay(scenarios);
    const calls = results.reduce((sum, result) => sum + result.calls, 0);
    expect(calls).toBeGreaterThan(27_000);
    expect(results.flatMap(({ mismatches }) => mismatches).slice(0, 5)).toEqual([]);
  });

  it('are compared in earnest: every falsified fact is noticed', () => {
    const { scenarios: mutated, mutations } = mutate(scenarios, 200, seededRandom(20));
    const falsified = new Set(mutations.map(({ scenario }) => scenario));
    const noticed = replay(mutated.filter(({ id }) => falsified.has(id)))
      .flatMap(({ mismatches }) => mismatches)
      .map(({ scenario, call, field }) => `${scenario} ${call} ${field}`);
    expect(mutations).toHaveLength(200);
    for (const { scenario, call, field } of mutations) expect(noticed).toContain(`${scenario} ${call} ${field}`);
  });
});
