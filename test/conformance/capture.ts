/**
 * Compares what is captured with what a real kernel captured under Istio's own rules, and what annotations are accepted.
 *
 *     npm run capture -- DIR [--all]
 *
 * DIR holds `capture.json` and `annotations.json`, plain or gzipped; absent: the folder `capture` beside this file.
 * Exit code 1 when something differs.
 */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type AnnotationRow, compareAnnotations } from './capture-annotations.ts';
import { type CaptureRow, compareCapture } from './capture-rows.ts';
import { jsonFiles, readJson } from './scenarios.ts';

const SHOWN = 50;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false } },
});

const paths = positionals.length > 0 ? positionals : [fileURLToPath(new URL('capture', import.meta.url))];
const differences: string[] = [];
let agreed = 0;
for (const file of paths.flatMap((path) => jsonFiles(path))) {
  const rows = readJson(file) as unknown[];
  const isAnnotations = basename(file).startsWith('annotations');
  const result = isAnnotations ? compareAnnotations(rows as AnnotationRow[]) : compareCapture(rows as CaptureRow[]);
  console.log(`${basename(file)}: ${result.agreed} agreed, ${result.differences.length} differed`);
  for (const [what, count] of Object.entries(result.counts)) console.log(`  ${String(count).padStart(7)} ${what}`);
  agreed += result.agreed;
  differences.push(...result.differences);
}
for (const difference of options.all ? differences : differences.slice(0, SHOWN)) console.log(difference);
if (!options.all && differences.length > SHOWN) console.log(`${differences.length - SHOWN} more; --all shows them`);
console.log(`\n${agreed} passed, ${differences.length} failed`);
if (differences.length > 0) process.exitCode = 1;
