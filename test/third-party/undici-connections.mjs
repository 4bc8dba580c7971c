/**
 * How connections of undici come about, by each version of it on each version of Node: retries and connect timeouts, TLS options,
 * connectors and unix sockets of its pools, certificates that are rotated, bodies that are streams. Beside the packages, the
 * copy inside Node (`node`), and its dispatcher below undici 8 (`node+8`).
 *
 *   npx tsx test/third-party/undici-connections.mjs                          all of it
 *   npx tsx test/third-party/undici-connections.mjs --node 24 --undici 8 TLS some of it
 *
 * It uses the built package, and ends with `N passed, 0 failed`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';

const args = process.argv.slice(2);
const option = (name, all) => {
  const at = args.indexOf(name);
  return at < 0 ? all : args.splice(at, 2)[1].split(',');
};
const nodes = option('--node', ['20', '22', '24', '26']);
const copies = option('--undici', ['6', '7', '8', 'node', 'node+8']);

const folder = mkdtempSync(join(tmpdir(), 'sidecarless-certificates-'));
const authority = await createAuthority();
const [server, first, second] = await Promise.all(
  ['api', 'first', 'second'].map((name) => issueCertificate(authority, [`${name}.mesh.test`])),
);
const certificates = join(folder, 'certificates.json');
writeFileSync(certificates, JSON.stringify({ ca: authority.cert, server, first, second }));

let passed = 0;
let failed = 0;
for (const node of nodes)
  for (const copy of copies) {
    // undici 8 needs Node 22.19.
    if (copy.endsWith('8') && node === '20') continue;
    await run(node, copy);
  }
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function run(node, copy) {
  const program = join(import.meta.dirname, 'run-connections.mjs');
  const child = spawn(nodeBinary(node), ['--import', 'tsx', program, copy, ...args], {
    env: { ...process.env, CERTIFICATES: certificates, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = new Promise((resolve) => child.once('close', resolve));
  let told = 0;
  for await (const line of createInterface(child.stdout)) {
    const { name, error } = JSON.parse(line);
    told += 1;
    if (error === undefined) passed += 1;
    else failed += 1;
    if (error !== undefined) console.log(`FAIL  node ${node}  undici ${copy}  ${name}\n${error}`);
  }
  const code = await over;
  if (code === 0 && told > 0) return;
  failed += 1;
  console.log(`FAIL  node ${node}  undici ${copy}: ended with ${code} after ${told} cases`);
}

function nodeBinary(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const exec = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', exec, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
