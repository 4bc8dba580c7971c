import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Record } from './behaviour.ts';
import { FAMILIES } from './families.ts';
import { differences, openWorkplace, recordFamily, showDifference, type Workplace } from './recording.ts';

const root = new URL('../..', import.meta.url).pathname;
const major = Number.parseInt(process.versions.node, 10);
const ATTEMPTS = 3;

let workplace: Workplace;
beforeAll(async () => {
  if (!existsSync(`${root}/dist/register.cjs`)) execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root });
  workplace = await openWorkplace();
});
afterAll(() => workplace.close());

describe.each(FAMILIES)('nothing else changes: $name', ({ name: family, behaviours }) => {
  const present = behaviours.filter(({ since = 0 }) => since <= major);
  // A suite without a test is an error.
  if (present.length === 0) {
    it(`is not there on Node ${major}`, () => expect(present).toEqual([]));
    return;
  }
  let plain: ReadonlyMap<string, Record>;
  let registry: ReadonlyMap<string, Record>;
  let open: ReadonlyMap<string, Record>;
  beforeAll(async () => {
    const record = (circumstance: 'plain' | 'registry' | 'open') =>
      recordFamily(workplace, process.execPath, circumstance, family);
    [plain, registry, open] = [await record('plain'), await record('registry'), await record('open')];
  });

  it.each(present.map(({ name }) => name))('%s', async (name) => {
    expect(plain.get(name)?.length).toBeGreaterThan(0);
    for (const [circumstance, governed] of [['registry', registry] as const, ['open', open] as const]) {
      let [a, b] = [plain, governed];
      const find = () =>
        differences(family, circumstance, a, b).find((one) => one.behaviour.name === name && !one.documented);
      // What is under way at the same time may come in another order once: a difference that is one shows each time.
      for (let attempt = 1; attempt < ATTEMPTS && find(); attempt++) {
        a = await recordFamily(workplace, process.execPath, 'plain', family, [name]);
        b = await recordFamily(workplace, process.execPath, circumstance, family, [name]);
      }
      const difference = find();
      expect(difference && `under the policy \`${circumstance}\`:\n${showDifference(difference)}`).toBeUndefined();
    }
  });
});
