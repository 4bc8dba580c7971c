#!/usr/bin/env node
/** The bin `sidecarless`. */
import { run } from './run.ts';

process.exitCode = run(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
});
