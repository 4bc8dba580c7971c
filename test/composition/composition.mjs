/**
 * Installs this package beside those that take hold of the same functions, in either order, takes both out in either order,
 * and prints a table.
 *
 *   npm run composition                     all of it, on each version of Node
 *   npm run composition -- --node 24 nock   some of it
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';
import { startLab } from './lab.mjs';

const require = createRequire(import.meta.url);
const here = new URL('.', import.meta.url).pathname;
const root = join(here, '../..');
const thirdParty = join(root, 'test/third-party');
const { versions, names } = readArguments(process.argv.slice(2));

prepare();
const folder = mkdtempSync(join(tmpdir(), 'sidecarless-composition-'));
const authority = await createAuthority();
writeFileSync(join(folder, 'ca.pem'), authority.cert);
// global-agent leaves the server name out, and Node then checks that of the proxy.
const lab = await startLab(await issueCertificate(authority, ['api.mesh.test', 'proxy.mesh.test']));
writeFileSync(join(folder, 'policy.yaml'), lab.policy);

const companions = readdirSync(join(here, 'companions'))
  .map((file) => file.replace('.cjs', ''))
  .filter((name) => names.length === 0 || names.includes(name));
const rows = [];
for (const version of versions) {
  const node = nodeBinary(version);
  for (const name of companions) {
    const { minNode = 0, env } = readCompanion(name);
    for (const first of ['ours', 'theirs'])
      for (const leaves of ['ours', 'theirs']) {
        const row = { name, version, first, leaves };
        if (Number(version) < minNode) rows.push({ ...row, state: 'not in this Node' });
        else rows.push({ ...row, state: await runOne(row, node, env?.({ proxy: lab.proxy }) ?? {}) });
      }
  }
}
lab.close();
rmSync(folder, { recursive: true });
report();

function readArguments(args) {
  const at = args.indexOf('--node');
  const chosen = at < 0 ? ['20', '22', '24', '26'] : args.splice(at, 2)[1].split(',');
  return { versions: chosen, names: args };
}

/** What a clean checkout lacks: the companions, and the package as it is published. */
function prepare() {
  if (!existsSync(join(thirdParty, 'node_modules')))
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: thirdParty, stdio: 'inherit' });
  execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

function nodeBinary(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/** What a companion needs of its process; read without loading the package it is about. */
function readCompanion(name) {
  return name === 'env-proxy' ? require(`./companions/${name}.cjs`) : {};
}

async function runOne({ name, version, first, leaves }, node, env) {
  const before = lab.visits();
  const child = spawn(
    node,
    ['--require', join(thirdParty, 'resolve.cjs'), join(here, 'beside.cjs'), name, first, leaves],
    {
      cwd: here,
      env: {
        PATH: process.env.PATH,
        NODE_PATH: join(thirdParty, 'node_modules'),
        NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
        NODE_NO_WARNINGS: '1',
        COMPOSITION_PACKAGE: join(root, 'dist/index.js'),
        COMPOSITION_POLICY: join(folder, 'policy.yaml'),
        COMPOSITION_PORTS: JSON.stringify(lab.ports),
        ...env,
      },
    },
  );
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const clock = setTimeout(() => child.kill('SIGKILL'), 90_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(clock);
  const found = /@@(\{.*\})\n/.exec(output);
  const results = found ? JSON.parse(found[1]) : { start: `fail: ${output.slice(0, 2000)}` };
  const now = lab.visits();
  if (now.forbidden !== before.forbidden) results['nothing at the denied server'] = 'fail: it was reached';
  if (now.api === before.api) results['the allowed server'] = 'fail: it was not reached';
  const failed = Object.entries(results).filter(([, result]) => result.startsWith('fail'));
  console.log(
    `node ${version}  ${name.padEnd(16)} ${first} in first, ${leaves} out first  ${failed.length ? 'FAIL' : 'pass'}`,
  );
  for (const [title, result] of failed) console.log(`    ${title}: ${result.slice(0, 1200)}`);
  return failed.length > 0 ? 'fail' : 'pass';
}

function report() {
  const count = (state) => rows.filter((row) => row.state === state).length;
  const orders = [...new Set(rows.map(({ first, leaves }) => `${first}/${leaves}`))];
  console.log(`\n${''.padEnd(24)}${orders.join('  ')}   (installed first/taken out first)`);
  for (const name of companions)
    for (const version of versions) {
      const states = rows.filter((row) => row.name === name && row.version === version).map(({ state }) => state);
      console.log(`${name.padEnd(16)}node ${version} ${states.map((state) => state.padEnd(12)).join(' ')}`);
    }
  if (count('not in this Node') > 0) console.log(`not in this Node: ${count('not in this Node')}`);
  console.log(`${count('pass')} passed, ${count('fail')} failed`);
  process.exitCode = count('fail') === 0 ? 0 : 1;
}
