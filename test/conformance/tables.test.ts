import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readTables, type TableCase } from './table.ts';
import { runTables } from './table-run.ts';

const files = readTables([fileURLToPath(new URL('tables', import.meta.url))]);

describe("what Istio's own functions answer", () => {
  it.each(runTables(files))('$name', ({ differences, agreed }) => {
    expect(differences).toEqual([]);
    expect(agreed).toBeGreaterThan(0);
  });

  it('knows a reason for every function that is not asked', () => {
    const reasons = runTables(files).flatMap(({ notApplicable }) => notApplicable.map(({ reason }) => reason));
    expect(reasons.filter((reason) => reason.startsWith('unknown'))).toEqual([]);
  });
});

interface Simulated extends TableCase {
  readonly calls: readonly object[];
  readonly snapshot: { readonly routes: readonly object[] };
}

describe('the comparison is alive', () => {
  const mutations: Readonly<Record<string, (tableCase: TableCase) => TableCase>> = {
    validation: (tableCase) => ({
      ...tableCase,
      error: tableCase['error'] === null ? 'refused' : null,
      crd: { error: null },
    }),
    'crd-fixtures': ({ crd, ...rest }) => {
      const { error } = crd as { error: string | null };
      return { ...rest, crd: { error: error === null ? 'refused' : null }, webhook: { error: null } };
    },
    primitives: (tableCase) => ({ ...tableCase, ok: tableCase['ok'] !== true, values: ['mutated'] }),
    hostnames: (tableCase) => ({ ...tableCase, result: 'mutated' }),
    protocols: (tableCase) => ({
      ...tableCase,
      result: 'mutated',
      error: tableCase['error'] === null ? 'refused' : null,
    }),
    delegation: (tableCase) => ({ ...tableCase, result: 'mutated' }),
    visibility: (tableCase) => ({ ...tableCase, result: 'mutated' }),
    routes: (tableCase) => ({ ...tableCase, result: 'mutated' }),
    simulation: (tableCase) => {
      const { calls, snapshot, ...rest } = tableCase as unknown as Simulated;
      const routes = snapshot.routes.map((routeTable) => ({ ...routeTable, name: 'mutated' }));
      const falsified = calls.map((call) => ({ ...call, result: { error: 'mutated' } }));
      return { ...rest, calls: falsified, snapshot: { clusters: [], routes } };
    },
    analyzers: (tableCase) => ({ ...tableCase, expected: [{ code: 'IST9999', resource: 'Pod mutated' }] }),
  };

  it.each(Object.keys(mutations))('%s: every falsified answer is noticed', (name) => {
    const table = files.find((file) => file.name === name);
    const sound = runTables([table ?? { name, cases: [] }])[0];
    const asked = (sound?.cases ?? 0) - (sound?.notApplicable ?? []).reduce((total, { count }) => total + count, 0);
    const mutated = runTables([{ name, cases: (table?.cases ?? []).map(mutations[name] ?? ((same) => same)) }])[0];
    expect(asked).toBeGreaterThan(0);
    // In `protocols`, only one function answers in `error`.
    expect(mutated?.differences.length).toBeGreaterThanOrEqual(asked * 0.97);
  });
});

it('exits with 1 when something differs, and says where', () => {
  const run = spawnSync(
    process.execPath,
    [
      '--import',
      'tsx',
      fileURLToPath(new URL('tables.ts', import.meta.url)),
      fileURLToPath(new URL('../fixtures/tables', import.meta.url)),
    ],
    { encoding: 'utf8' },
  );
  expect(run.status).toBe(1);
  expect(run.stdout).toContain('hostnames hostnames-falsified Name.Matches');
  expect(run.stdout).toContain('1 agreed, 1 differed');
});

it('is described function by function', () => {
  const page = readFileSync(new URL('../../docs/fidelity-tables.md', import.meta.url), 'utf8');
  const asked = files.flatMap(({ name, cases }) =>
    cases.map((tableCase) => tableCase.function ?? (name === 'analyzers' ? (tableCase['analyzer'] as string) : name)),
  );
  const undescribed = [...new Set(asked)].filter((name) => name !== 'analyzers-implicit' && !page.includes(name));
  expect(undescribed).toEqual([]);
});
