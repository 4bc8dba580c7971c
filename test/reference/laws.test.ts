import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide/decide.ts';
import { explain } from '../../src/core/decide/explain.ts';
import type { Connection } from '../../src/core/model/connection.ts';
import { connection, loadMesh, mesh, type RandomMesh } from './arbitraries.ts';
import { outcomeOf } from './outcome.ts';

const calls = fc.array(connection, { minLength: 1, maxLength: 20 });
const RUNS = { numRuns: 200 };
const LONG = 300_000;

function answers(given: RandomMesh, connections: readonly Connection[]): unknown[] {
  const meshConfig = loadMesh(given);
  return connections.map((call) => outcomeOf(decide(call, meshConfig)));
}

describe('laws of the decision', () => {
  it(
    'the order of resources does not matter where their ages differ',
    () => {
      const shuffled = mesh.chain((given) =>
        fc.tuple(fc.constant(given), fc.shuffledSubarray([...given.resources], { minLength: given.resources.length })),
      );
      fc.assert(
        fc.property(shuffled, calls, ([given, resources], connections) => {
          expect(answers({ ...given, resources }, connections)).toEqual(answers(given, connections));
        }),
        RUNS,
      );
    },
    LONG,
  );

  it(
    'an entry for another host at another port changes nothing',
    () => {
      const unrelated = fc.constantFrom('HTTP', 'TLS', 'TCP').map((protocol) => ({
        apiVersion: 'networking.istio.io/v1',
        kind: 'ServiceEntry',
        metadata: { name: 'unrelated', namespace: 'default', creationTimestamp: '2020-01-01T00:00:00Z' },
        spec: {
          hosts: ['unrelated.example.org'],
          addresses: ['203.0.113.200'],
          ports: [{ number: 9_443, name: 'p', protocol }],
          resolution: 'DNS',
        },
      }));
      fc.assert(
        fc.property(mesh, unrelated, calls, (given, entry, connections) => {
          const more = { ...given, resources: [entry, ...given.resources] };
          expect(answers(more, connections)).toEqual(answers(given, connections));
        }),
        RUNS,
      );
    },
    LONG,
  );

  it(
    'an entry that is exported to all admits what it admitted before',
    () => {
      fc.assert(
        fc.property(mesh, calls, ({ meshConfig, resources }, connections) => {
          const [entry] = resources.filter((each) => (each as { kind: string }).kind === 'ServiceEntry');
          const { spec, ...rest } = entry as { spec: object };
          const { exportTo: _narrowed, ...open } = spec as { exportTo?: unknown };
          const before = answers({ meshConfig, resources: [{ ...rest, spec }] }, connections);
          const after = answers({ meshConfig, resources: [{ ...rest, spec: open }] }, connections);
          for (const [at, answer] of before.entries()) {
            if (JSON.stringify(answer).includes('outbound|')) expect(after[at]).toEqual(answer);
          }
        }),
        RUNS,
      );
    },
    LONG,
  );

  it(
    'the same question has the same answer, and its explanation too',
    () => {
      fc.assert(
        fc.property(mesh, calls, (given, connections) => {
          const meshConfig = loadMesh(given);
          for (const call of connections) {
            const decision = decide(call, meshConfig);
            expect(decide(structuredClone(call), meshConfig)).toEqual(decision);
            expect(explain(call, meshConfig).decision).toEqual(decision);
          }
        }),
        RUNS,
      );
    },
    LONG,
  );
});
