/** Records one family in this process, which is plain or governed, and does not know which. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Behaviour, Record } from './behaviour.ts';
import { FAMILIES } from './families.ts';
import { Lab, type Equipment } from './lab.ts';
import { reduce } from './trace.ts';

const [equipmentFile = '', outputFile = '', familyName = '', ...names] = process.argv.slice(2);
const equipment = JSON.parse(readFileSync(equipmentFile, 'utf8')) as Equipment;
const major = Number.parseInt(process.versions.node, 10);
const PATIENCE_MS = 4_000;

let current: Lab | undefined;
process.on('uncaughtException', (error) => current?.trace.note('uncaught exception', error));
process.on('warning', (warning) => current?.trace.note(`warning ${warning.name}`, warning.message));

const records: { [name: string]: Record } = {};
const family = FAMILIES.find(({ name }) => name === familyName);
for (const behaviour of family?.behaviours ?? []) {
  if (behaviour.since !== undefined && behaviour.since > major) continue;
  if (names.length > 0 && !names.includes(behaviour.name)) continue;
  records[behaviour.name] = await record(behaviour);
}
writeFileSync(outputFile, JSON.stringify(records));
process.exit(0);

async function record(behaviour: Behaviour): Promise<Record> {
  const lab = new Lab(equipment);
  current = lab;
  let clock: NodeJS.Timeout | undefined;
  const patience = new Promise<string>((resolve) => {
    clock = setTimeout(() => resolve('<not over in time>'), PATIENCE_MS);
  });
  let result: unknown;
  try {
    result = await Promise.race([behaviour.run(lab), patience]);
  } catch (error) {
    result = { '<the behaviour failed>': reduce(error, lab.trace, 3), at: (error as Error).stack?.split('\n')[1] };
  }
  clearTimeout(clock);
  await lab.calm();
  const lines = lab.record(result);
  await lab.putAway();
  await lab.calm(5);
  return lines;
}
