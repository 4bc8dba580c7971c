import { analyzersTable } from './table-analyzers.ts';
import { delegationTable } from './table-delegation.ts';
import { hostnamesTable } from './table-hostnames.ts';
import { primitivesTable } from './table-primitives.ts';
import { protocolsTable } from './table-protocols.ts';
import { routesTable } from './table-routes.ts';
import { notApplicable, type Table, type TableFile, type Verdict } from './table.ts';
import { simulationTable } from './table-simulation.ts';
import { crdFixturesTable, validationTable } from './table-validation.ts';
import { visibilityTable } from './table-visibility.ts';

/** By the name of the file. */
const tables: Readonly<Record<string, Table>> = {
  validation: validationTable,
  'validation-derived': validationTable,
  'crd-fixtures': crdFixturesTable,
  primitives: primitivesTable,
  hostnames: hostnamesTable,
  protocols: protocolsTable,
  delegation: delegationTable,
  routes: routesTable,
  analyzers: analyzersTable,
  simulation: simulationTable,
  visibility: visibilityTable,
};

/** Files that hold no cases. */
const REFERENCE: ReadonlySet<string> = new Set(['analyzers-implicit', 'rules']);

export interface Difference {
  readonly id: string;
  readonly function: string;
  readonly about?: string;
  readonly input: unknown;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface TableResult {
  readonly name: string;
  /** Questions asked; a case may ask several. */
  readonly cases: number;
  readonly agreed: number;
  readonly differences: readonly Difference[];
  readonly notApplicable: readonly { readonly function: string; readonly reason: string; readonly count: number }[];
}

export function runTables(files: readonly TableFile[]): TableResult[] {
  return files.filter(({ name }) => !REFERENCE.has(name)).map(runTable);
}

function runTable({ name, cases }: TableFile): TableResult {
  const table = tables[name] ?? ((): readonly Verdict[] => [notApplicable('unknown table')]);
  const differences: Difference[] = [];
  const skipped = new Map<string, { function: string; reason: string; count: number }>();
  let asked = 0;
  let agreed = 0;
  for (const tableCase of cases) {
    const about = tableCase.function ?? ((tableCase['kind'] ?? tableCase['analyzer'] ?? name) as string);
    for (const verdict of answer(table, tableCase)) {
      asked += 1;
      if (verdict.kind === 'agreed') agreed += 1;
      else if (verdict.kind === 'differed')
        differences.push({
          ...verdict,
          id: tableCase.id,
          function: about,
          input: tableCase['input'] ?? tableCase['resources'],
        });
      else {
        const key = `${about}\n${verdict.reason}`;
        const entry = skipped.get(key) ?? { function: about, reason: verdict.reason, count: 0 };
        entry.count += 1;
        skipped.set(key, entry);
      }
    }
  }
  return { name, cases: asked, agreed, differences, notApplicable: [...skipped.values()] };
}

/** An exception in our code is an answer, and a wrong one. */
function answer(table: Table, tableCase: TableFile['cases'][number]): readonly Verdict[] {
  try {
    return table(tableCase);
  } catch (error) {
    return [
      { kind: 'differed', expected: tableCase['result'] ?? tableCase['error'], actual: String((error as Error).stack) },
    ];
  }
}
