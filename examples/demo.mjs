/**
 * Runs the examples: real servers on loopback, real client programs under `--require sidecarless/register`, and for each
 * call what was decided and by which resource, what the client saw and what was logged.
 *
 *   node examples/demo.mjs            all
 *   node examples/demo.mjs timeout    one
 *
 * Exit code 1 when any call does not end as its example says. Needs a build: `npm run demo` makes one.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explain, loadMeshConfig } from 'sidecarless';
import { gatewayHop } from 'sidecarless/core';
import { connectionTo } from 'sidecarless/testing';
import { EXPECTED } from './lab/expected.mjs';
import { startLab } from './lab/servers.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const register = createRequire(import.meta.url).resolve('sidecarless/register');

/** Runs one example's program and answers the calls it reported and the lines that were logged. */
function runProgram(name, lab) {
  const log = join(lab.folder, `${name}.log`);
  const guarded = name === 'outbound-traffic-policy' ? [] : ['--require', register];
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    SIDECARLESS_CONFIG: join(here, name, 'mesh'),
    SIDECARLESS_ACCESS_LOG: log,
    LAB_NETWORK: JSON.stringify(lab.network),
  };
  const args = ['--require', join(here, 'lab/network.cjs'), ...guarded, join(here, name, 'app.mjs')];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: lab.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = out.split('\n');
      const calls = lines.filter((line) => line.startsWith('LAB ')).map((line) => JSON.parse(line.slice(4)));
      resolve({ code, err, calls, logged: readLines(log) });
    });
  });
}

function readLines(file) {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** `ServiceEntry default/httpbin-ext (examples/.../httpbin.yaml:1)`, for each resource that made the decision. */
function placed({ kind, namespace, name, source }) {
  const file = source?.file ? ` (${relative(process.cwd(), source.file)}:${source.line})` : '';
  return `${kind} ${namespace}/${name}${file}`;
}

function decided(expected, mesh) {
  const connection = connectionTo(expected.target);
  const { decision } = explain(connection, mesh);
  const second = gatewayHop(decision, connection, mesh)?.decision;
  const upstream = decision.then ?? decision;
  const targets =
    upstream.destinations?.length > 1
      ? upstream.destinations.map((d) => `${d.cluster} ${d.weight}`).join(', ')
      : decision.cluster;
  const deadline = decision.action === 'timeout' ? ` ${decision.timeoutMs} ms` : '';
  return {
    text: [`${decision.action}${deadline} (${decision.reason})`, targets].filter(Boolean).join(', '),
    by: decision.determinedBy.map(placed).join(', '),
    second:
      second &&
      `${second.action} (${second.reason}), ${second.cluster}, by ${second.determinedBy.map(placed).join(', ')}`,
  };
}

/** The first line that no earlier call has taken and that fits. */
function takeLogged(logged, pattern) {
  const at = pattern === null ? -1 : logged.findIndex((line) => pattern.test(line));
  return at < 0 ? undefined : logged.splice(at, 1)[0];
}

function printRow(row) {
  console.log(`${row.problems.length === 0 ? '  ok  ' : 'FAILED'}  ${row.call}`);
  console.log(`        decided  ${row.decision.text}`);
  if (row.decision.by) console.log(`        by       ${row.decision.by}`);
  if (row.decision.second) console.log(`        gateway  ${row.decision.second}`);
  console.log(`        saw      ${row.saw}`);
  console.log(`        logged   ${row.line ?? '(nothing)'}`);
  for (const problem of row.problems) console.log(`        problem  ${problem}`);
}

async function runExample(name, lab) {
  const expectations = EXPECTED[name];
  const mesh = loadMeshConfig(join(here, name, 'mesh'));
  const { code, err, calls, logged } = await runProgram(name, lab);
  console.log(`\n${name}`);
  const rows = expectations.map((expected, i) => {
    const call = calls[i] ?? { call: expected.target, saw: `nothing: the program ended with ${code}. ${err.trim()}` };
    const decision = decided(expected, expected.policy ? loadMeshConfig(join(here, name, expected.policy)) : mesh);
    const line = takeLogged(logged, expected.logged);
    const problems = [];
    if (!expected.saw.test(call.saw)) problems.push(`the client should have seen ${expected.saw}`);
    if (!decision.text.startsWith(expected.decided)) problems.push(`it should have been decided: ${expected.decided}`);
    if (expected.by && !decision.by.includes(expected.by)) problems.push(`${expected.by} should have decided it`);
    if (expected.gateway && !decision.second?.startsWith(expected.gateway))
      problems.push(`the gateway should have decided: ${expected.gateway}`);
    if (expected.logged !== null && line === undefined) problems.push(`a log line ${expected.logged} is missing`);
    const row = { ...call, decision, line, problems };
    printRow(row);
    return row;
  });
  const quiet = expectations.every((expected) => expected.logged === null) && logged.length > 0;
  if (quiet) rows.push({ problems: ['something was logged that should not have been'] });
  return rows;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in EXPECTED));
if (unknown.length > 0) {
  console.error(`there is no example ${unknown.join(', ')}; there are ${Object.keys(EXPECTED).join(', ')}`);
  process.exit(2);
}
const started = performance.now();
const lab = await startLab();
const rows = [];
try {
  for (const name of asked.length > 0 ? asked : Object.keys(EXPECTED)) rows.push(...(await runExample(name, lab)));
} finally {
  await lab.close();
}
const failed = rows.filter((row) => row.problems.length > 0).length;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\nNode ${process.version}, ${seconds} s: ${rows.length - failed} calls as expected, ${failed} not`);
process.exitCode = failed === 0 ? 0 : 1;
