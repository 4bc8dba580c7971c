/** Falsifies recorded facts, to show that the comparison would notice. */
import { comparedFields } from './compare.ts';
import type { Call, Scenario } from './scenarios.ts';

export interface Mutation {
  readonly scenario: string;
  readonly call: string;
  readonly field: string;
}

export interface Mutated {
  readonly scenarios: Scenario[];
  readonly mutations: readonly Mutation[];
}

interface Site {
  readonly scenario: number;
  readonly call: number;
  readonly field: string;
}

/** Flips `count` different facts, at most one a call, chosen by `random` (0 up to 1). */
export function mutate(scenarios: readonly Scenario[], count: number, random: () => number): Mutated {
  const chosen = new Map<string, Site>();
  const sites = recordedFacts(scenarios);
  while (chosen.size < count && sites.length > 0) {
    const [site] = sites.splice(Math.floor(random() * sites.length), 1);
    if (site !== undefined && !chosen.has(`${site.scenario}/${site.call}`)) {
      chosen.set(`${site.scenario}/${site.call}`, site);
    }
  }
  const mutations: Mutation[] = [];
  const mutated = scenarios.map((scenario, at): Scenario => {
    const calls = scenario.calls.map((call, index): Call => {
      const site = chosen.get(`${at}/${index}`);
      if (site === undefined) return call;
      mutations.push({ scenario: scenario.id, call: call.name, field: site.field });
      return { ...call, expect: { ...call.expect, [site.field]: flip(call.expect[site.field]) } };
    });
    return { ...scenario, calls };
  });
  return { scenarios: mutated, mutations };
}

function recordedFacts(scenarios: readonly Scenario[]): Site[] {
  const sites: Site[] = [];
  for (const [scenario, { calls }] of scenarios.entries()) {
    for (const [call, { expect }] of calls.entries()) {
      for (const field of comparedFields(expect)) {
        if (expect[field] !== undefined) sites.push({ scenario, call, field });
      }
    }
  }
  return sites;
}

/** The nearest wrong value of the same shape. */
function flip(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'boolean') return !value;
  if (value === null) return { attempts: 1, retryOn: '' };
  if (Array.isArray(value)) {
    if (value.length === 0) return ['192.0.2.1:1'];
    return value.map((entry: unknown, index) => (index === 0 ? flip(entry) : entry));
  }
  const [[key, first] = ['', undefined], ...rest] = Object.entries(value as object);
  return Object.fromEntries([[key, flip(first)], ...rest]);
}

/** A small seeded generator (mulberry32), so that a run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
