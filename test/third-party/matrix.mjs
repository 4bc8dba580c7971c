/**
 * Drives every client on every Node version under the guard, against loopback servers, and prints a table.
 *
 *   npm run matrix                    all of it; docs/clients.md is written anew
 *   npm run matrix -- --node 22 got   some of it; nothing is written
 *   npm run matrix -- --lanes 1       one client at a time instead of two
 *   npm run matrix -- --made          no installed servers, only those made here
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRealServers } from '../real-servers/start.ts';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';
import { bundleUndici } from './bundles.mjs';
import { clients as all } from './clients.mjs';
import { page, stateOf } from './page.mjs';
import { runRow } from './row.mjs';

const here = new URL('.', import.meta.url).pathname;
const root = join(here, '../..');
const VERSIONS = ['20', '22', '24', '26'];

const { versions, names, lanes, made } = readArguments(process.argv.slice(2));

prepare();
// Its servers speak some protocols by means of the clients' own packages, which a clean checkout lacks until now.
const { openLane } = await import('./lane.mjs');
const bundles = mkdtempSync(join(tmpdir(), 'sidecarless-bundles-'));
await bundleUndici(bundles);
const authority = await createAuthority();
const certificate = await issueCertificate(authority, ['api.mesh.test', '*.mesh.test']);

// Servers that others wrote take the place of those made here, where they are installed.
const reachable = ['api', 'nginx', 'nginxs', 'denied', 'later', 'refused'].map((name) => `${name}.mesh.test`);
const installed = await startRealServers(certificate, { names: reachable, ...(made && { only: [] }) });
const real = Object.assign({}, ...[...installed.running.values()].map(({ ports }) => ports));
const clients = all.filter(
  ({ name, installed: needed = [] }) =>
    needed.every((one) => installed.running.has(one)) &&
    (names.length === 0 || names.some((part) => name.includes(part))),
);

const rows = await runAll();
await installed.stop();
rmSync(bundles, { recursive: true });
await report();

function readArguments(args) {
  const flag = (name) => args.includes(name) && args.splice(args.indexOf(name), 1).length > 0;
  const made = flag('--made');
  const option = (name, otherwise) => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : args.splice(at, 2)[1];
  };
  const chosen = option('--node', VERSIONS.join(',')).split(',');
  return { versions: chosen, lanes: Number(option('--lanes', '2')), made, names: args };
}

/** What a clean checkout lacks: the clients, and the package as it is published. */
function prepare() {
  if (!existsSync(join(here, 'node_modules')))
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: here, stdio: 'inherit' });
  if (!process.env.MATRIX_REGISTER)
    execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

function nodeBinary(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/** Each lane takes the next row when it is done with one. */
async function runAll() {
  const queue = versions.flatMap((version) => {
    const node = nodeBinary(version);
    return clients.map((client) => ({ client, version, node }));
  });
  const done = [];
  const work = async () => {
    const lane = await openLane({ authority, certificate, real });
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const row = { ...next, ...(await runRow(next, lane, bundles)) };
      done.push(row);
      tell(row);
    }
    lane.close();
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return done;
}

function tell({ client, version, results = {}, ms }) {
  const failed = Object.entries(results).filter(([, result]) => result.startsWith('fail'));
  const state = client.minNode > Number(version) ? '–' : failed.length === 0 ? 'pass' : 'FAIL';
  process.stdout.write(`node ${version}  ${client.name.padEnd(44)} ${state}  ${ms ?? 0} ms\n`);
  for (const [name, result] of failed) process.stdout.write(`    ${name}: ${result.slice(0, 600)}\n`);
}

async function writePage(text) {
  const file = join(root, 'docs/clients.md');
  const { format, resolveConfig } = await import('prettier');
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

async function report() {
  const table = clients.map((client) => ({
    client,
    rows: versions.map((version) => rows.find((row) => row.client === client && row.version === version)),
  }));
  const states = table.flatMap(({ rows: own }) => own.map(stateOf));
  const count = (state) => states.filter((one) => one === state).length;
  const line = `${count('pass')} passed, ${count('fail')} failed`;
  if (names.length === 0 && versions.length === VERSIONS.length)
    await writePage(
      page({ table, line, versions, real: [...installed.running.values()].map(({ version }) => version) }),
    );
  for (const { client, rows: own } of table)
    console.log(`${client.name.padEnd(44)} ${own.map((row) => stateOf(row).padEnd(8)).join(' ')}`);
  console.log(`not supported by the client: ${count('not supported by the client')}`);
  console.log(line);
  process.exitCode = count('fail') === 0 ? 0 : 1;
}
