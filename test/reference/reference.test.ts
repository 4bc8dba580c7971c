import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type Connection } from '../../src/index.ts';
import { connection, loadMesh, mesh } from './arbitraries.ts';
import { decideNaively } from './naive-decision.ts';
import { outcomeOf } from './outcome.ts';

const MESHES = 2_000;
const CONNECTIONS_EACH = 50;

describe('the naive decision', () => {
  it('is the fast one, on 100,000 pairs of mesh and connection', () => {
    const seen = new Map<string, number>();
    const calls = fc.array(connection, { minLength: CONNECTIONS_EACH, maxLength: CONNECTIONS_EACH });
    fc.assert(
      fc.property(mesh, calls, (given, connections) => {
        const meshConfig = loadMesh(given);
        for (const call of connections) {
          const fast = outcomeOf(decide(call, meshConfig));
          const naive = decideNaively(call, meshConfig);
          // The matcher's own comparison is slower than both decisions.
          if (!isDeepStrictEqual(fast, naive)) expect({ call, ...fast }).toEqual({ call, ...naive });
          const kind = kindOf(fast, call);
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
        }
      }),
      { numRuns: MESHES },
    );
    // Nothing that the naive decision tells apart is too rare among the pairs to be tested.
    for (const [kind, count] of seen) expect([kind, count > 20]).toEqual([kind, true]);
    expect(seen.size).toBeGreaterThan(12);
  }, 300_000);
});

function kindOf(
  { outcome, status, seenAs, virtualService }: ReturnType<typeof outcomeOf>,
  { port }: Connection,
): string {
  const by = virtualService === undefined ? 'no rule' : 'a rule';
  return [outcome, status ?? '', seenAs, by, port === 9999 ? 'unknown port' : ''].join(' ').trim();
}
