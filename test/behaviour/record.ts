/**
 * Records every behaviour with plain Node twice, and governed under two policies, and prints what differs.
 *
 *   npm run behaviour                             all of it, on Node 20, 22, 24 and 26
 *   npm run behaviour -- --node 22 http-abort     some of it
 *   npm run behaviour -- --full http-abort        differences to their last line
 *   npm run behaviour -- --once http-abort        without looking again whether a difference persists
 *   npm run behaviour -- --print http-abort       the plain record itself
 */
import { execFileSync } from 'node:child_process';
import { FAMILIES } from './families.ts';
import {
  differences,
  nodeBinary,
  openWorkplace,
  recordFamily,
  showDifference,
  type Circumstance,
  type Difference,
  type Workplace,
} from './recording.ts';

const root = new URL('../..', import.meta.url).pathname;
const CIRCUMSTANCES: readonly Circumstance[] = ['plain', 'registry', 'open'];

const args = process.argv.slice(2);
/** What differs only now and then, plain Node does as well: a difference that is one shows each time. */
const ATTEMPTS = take('--once', false) === undefined ? 3 : 1;
const print = take('--print', false) !== undefined;
const most = take('--full', false) === undefined ? 24 : 1000;
const versions = take('--node', true)?.split(',') ?? ['20', '22', '24', '26'];
const families = FAMILIES.filter(({ name }) => args.length === 0 || args.some((part) => name.includes(part)));

if (process.env['BEHAVIOUR_BUILT'] === undefined)
  execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
const workplace = await openWorkplace();
try {
  let failed = 0;
  for (const version of versions) failed += await compare(workplace, version);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  workplace.close();
}

function take(flag: string, withValue: boolean): string | undefined {
  const at = args.indexOf(flag);
  if (at < 0) return undefined;
  const [, value = ''] = args.splice(at, withValue ? 2 : 1);
  return value;
}

async function compare(at: Workplace, version: string): Promise<number> {
  const node = nodeBinary(version);
  let total = 0;
  const bad: Difference[] = [];
  const documented: Difference[] = [];
  for (const { name: family } of families) {
    const plain = await recordFamily(at, node, 'plain', family);
    total += plain.size;
    if (print) for (const [name, lines] of plain) console.log(`## ${name}\n${lines.join('\n')}\n`);
    for (const circumstance of CIRCUMSTANCES) {
      const found = differences(family, circumstance, plain, await recordFamily(at, node, circumstance, family));
      documented.push(...found.filter((one) => one.documented));
      for (const difference of found.filter((one) => !one.documented))
        if (await persists(at, node, family, difference)) bad.push(difference);
    }
  }
  for (const difference of bad) {
    console.log(`\nnode ${version}  ${difference.circumstance}  ${difference.behaviour.name}`);
    console.log(showDifference(difference, 3, most));
  }
  const told = new Set(documented.map(({ behaviour }) => behaviour));
  for (const { name, documented: why } of told) console.log(`node ${version}  documented: ${name}: ${why?.what}`);
  const differ = new Set(bad.map(({ behaviour }) => behaviour)).size;
  const equal = total - differ - told.size;
  console.log(`node ${version}: ${total} behaviours, ${equal} same, ${told.size} documented, ${differ} differ`);
  return differ;
}

/** Records the behaviour again on both sides: a difference that is one shows each time. */
async function persists(at: Workplace, node: string, family: string, { circumstance, behaviour }: Difference) {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const plain = await recordFamily(at, node, 'plain', family, [behaviour.name]);
    const other = await recordFamily(at, node, circumstance, family, [behaviour.name]);
    if (differences(family, circumstance, plain, other).every((one) => one.behaviour !== behaviour || one.documented)) {
      console.log(`unsteady (${circumstance}): ${behaviour.name}`);
      return false;
    }
  }
  return true;
}
