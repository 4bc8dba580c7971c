/**
 * Puts what Istio's own functions answered to ours and prints where the answers differ.
 *
 *     npm run tables -- PATH... [--all] [--file NAME]
 *
 * PATH: files or folders, `.json` or `.json.gz`; absent: the folder `tables` beside this file. Exit code 1 when
 * something differs. docs/fidelity-tables.md lists the functions that are covered and those that are not.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readTables } from './table.ts';
import { type Difference, runTables, type TableResult } from './table-run.ts';

const SHOWN = 50;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false }, file: { type: 'string', multiple: true } },
});
const paths = positionals.length > 0 ? positionals : [fileURLToPath(new URL('tables', import.meta.url))];
const results = runTables(readTables(paths).filter(({ name }) => options.file?.includes(name) ?? true));

printResults(results);
printDifferences(results.flatMap(({ name, differences }) => differences.map((difference) => ({ name, difference }))));
const differed = results.reduce((total, { differences }) => total + differences.length, 0);
const agreedTotal = results.reduce((total, { agreed }) => total + agreed, 0);
console.log(`\n${agreedTotal} agreed, ${differed} differed`);
if (differed > 0) process.exitCode = 1;

function printResults(tables: readonly TableResult[]): void {
  console.log(
    `${'file'.padEnd(22)}${['cases', 'agreed', 'differed', 'not applicable'].map((title) => title.padStart(16)).join('')}`,
  );
  for (const { name, cases, agreed, differences, notApplicable } of tables) {
    const skipped = notApplicable.reduce((total, { count }) => total + count, 0);
    console.log(
      name.padEnd(22) +
        [cases, agreed, differences.length, skipped].map((count) => String(count).padStart(16)).join(''),
    );
    for (const { function: asked, reason, count } of notApplicable) {
      console.log(`    ${String(count).padStart(5)}  ${asked}: ${reason}`);
    }
  }
}

function printDifferences(all: readonly { readonly name: string; readonly difference: Difference }[]): void {
  for (const { name, difference } of options.all ? all : all.slice(0, SHOWN)) {
    const { id, function: asked, about, input, expected, actual } = difference;
    console.log(`\n${name} ${id} ${asked}${about === undefined ? '' : `, ${about}`}`);
    console.log(`  input:    ${short(input)}\n  expected: ${short(expected)}\n  actual:   ${short(actual)}`);
  }
  if (!options.all && all.length > SHOWN) console.log(`\n${all.length - SHOWN} more; --all shows them`);
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return options.all || text.length <= 1500 ? text : `${text.slice(0, 1500)}...`;
}
