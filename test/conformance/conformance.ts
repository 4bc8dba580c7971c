/**
 * Puts recorded scenarios to `parseMeshConfig` and `decide` and prints where the answers differ.
 *
 *     npm run conformance -- PATH... [--all] [--summary] [--mutate N] [--seed S] [--family F] [--scenario ID] [--field X]
 *
 * PATH: files or folders in the format of README.md, `.json` or `.json.gz`; absent: the folder `data` beside this file.
 * Exit code 1 when something differs or, with `--mutate`, when a falsified fact went unnoticed.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutate, seededRandom } from './mutate.ts';
import { type FamilyResult, type Mismatch, replay } from './replay.ts';
import { readScenarios, type Scenario } from './scenarios.ts';

const SHOWN = 50;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    summary: { type: 'boolean', default: false },
    mutate: { type: 'string' },
    seed: { type: 'string' },
    family: { type: 'string', multiple: true },
    scenario: { type: 'string', multiple: true },
    field: { type: 'string', multiple: true },
  },
});

const paths = positionals.length > 0 ? positionals : [fileURLToPath(new URL('data', import.meta.url))];
const scenarios = readScenarios(paths).filter(isSelected);
if (options.mutate === undefined) runAll(scenarios);
else runMutated(scenarios, Number(options.mutate));

function isSelected({ family, id }: Scenario): boolean {
  return (options.family?.includes(family) ?? true) && (options.scenario?.includes(id) ?? true);
}

function runAll(selected: readonly Scenario[]): void {
  const results = replay(selected);
  const mismatches = results.flatMap((result) => result.mismatches).filter(isShown);
  printFamilies(results);
  if (options.summary) printGroups(mismatches);
  else printMismatches(mismatches);
  const calls = sum(results, (result) => result.calls);
  const agreed = sum(results, (result) => result.agreed);
  console.log(`\n${agreed} passed, ${calls - agreed} failed`);
  if (agreed !== calls) process.exitCode = 1;
}

function isShown({ field }: Mismatch): boolean {
  return options.field?.includes(field) ?? true;
}

function runMutated(selected: readonly Scenario[], count: number): void {
  const seed = options.seed === undefined ? Date.now() % 1_000_000_007 : Number(options.seed);
  const { scenarios: mutated, mutations } = mutate(selected, count, seededRandom(seed));
  const found = new Set(
    replay(mutated).flatMap(({ mismatches }) =>
      mismatches.map((each) => `${each.scenario}\n${each.call}\n${each.field}`),
    ),
  );
  const missed = mutations.filter((each) => !found.has(`${each.scenario}\n${each.call}\n${each.field}`));
  for (const { scenario, call, field } of missed) console.log(`not noticed: ${scenario} · ${call} · ${field}`);
  console.log(`${mutations.length} facts falsified (seed ${seed})`);
  console.log(`${mutations.length - missed.length} found, ${missed.length} missed`);
  if (missed.length > 0 || mutations.length < count) process.exitCode = 1;
}

function printFamilies(results: readonly FamilyResult[]): void {
  const total = {
    family: 'all',
    scenarios: sum(results, (result) => result.scenarios),
    calls: sum(results, (result) => result.calls),
    agreed: sum(results, (result) => result.agreed),
    fields: sum(results, (result) => result.fields),
    mismatches: results.flatMap((result) => result.mismatches),
  };
  console.log(row(['family', 'scenarios', 'calls', 'agreed', 'fields', 'mismatches']));
  for (const { family, scenarios: count, calls, agreed, fields, mismatches } of [...results, total]) {
    console.log(row([family, count, calls, agreed, fields, mismatches.length]));
  }
}

function row([first = '', ...rest]: readonly (string | number)[]): string {
  return String(first).padEnd(30) + rest.map((cell) => String(cell).padStart(11)).join('');
}

function printMismatches(mismatches: readonly Mismatch[]): void {
  const shown = options.all ? mismatches : mismatches.slice(0, SHOWN);
  for (const { scenario, call, field, expected, actual } of shown) {
    console.log(`\n${scenario} · ${call} · ${field}`);
    console.log(`  expected ${JSON.stringify(expected)}`);
    console.log(`  actual   ${JSON.stringify(actual)}`);
  }
  if (shown.length < mismatches.length) console.log(`\n${mismatches.length - shown.length} more; --all shows them`);
}

/** Per family and field: how many, and the most frequent pair with one scenario. */
function printGroups(mismatches: readonly Mismatch[]): void {
  const groups = groupBy(mismatches, (each) => `${each.family} · ${each.field}`);
  for (const [name, members] of [...groups].sort((a, b) => b[1].length - a[1].length)) {
    const pairs = groupBy(members, (each) => `${cut(each.expected)} -> ${cut(each.actual)}`);
    const [pair, examples] = [...pairs].sort((a, b) => b[1].length - a[1].length)[0] ?? ['', []];
    const scenarioCount = new Set(members.map((each) => each.scenario)).size;
    console.log(`\n${String(members.length).padStart(6)} ${name} (${scenarioCount} scenarios)`);
    console.log(`       ${examples.length}x ${pair}   e.g. ${examples[0]?.scenario} · ${examples[0]?.call}`);
  }
}

function groupBy<T>(list: readonly T[], key: (entry: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of list) {
    const group = groups.get(key(entry));
    if (group === undefined) groups.set(key(entry), [entry]);
    else group.push(entry);
  }
  return groups;
}

function cut(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 110 ? `${text.slice(0, 107)}...` : text;
}

function sum<T>(list: readonly T[], count: (entry: T) => number): number {
  return list.reduce((total, entry) => total + count(entry), 0);
}
