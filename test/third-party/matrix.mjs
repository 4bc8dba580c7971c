/**
 * Drives every client on every Node version under the guard, against loopback servers, and prints a table.
 *
 *   npm run matrix                    all of it; docs/clients.md is written anew
 *   npm run matrix -- --node 22 got   some of it; nothing is written
 */
import { spawn, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';
import { httpClients, sdkClients, streamClients } from './clients/http.mjs';
import { tcpClients } from './clients/tcp.mjs';
import { policy } from './policy.mjs';
import { startServers } from './servers.mjs';
import { PROTOCOLS } from './servers/protocols.mjs';

const here = new URL('.', import.meta.url).pathname;
const root = join(here, '../..');
const VERSIONS = ['20', '22', '24', '26'];

const { versions, names } = readArguments(process.argv.slice(2));
const clients = [...httpClients, ...sdkClients, ...streamClients, ...tcpClients].filter(
  ({ name }) => names.length === 0 || names.some((part) => name.includes(part)),
);

prepare();
const folder = mkdtempSync(join(tmpdir(), 'sidecarless-matrix-'));
const bundle = await bundleUndici();
const authority = await createAuthority();
const certificate = await issueCertificate(authority, ['api.mesh.test', '*.mesh.test']);
writeFileSync(join(folder, 'ca.pem'), authority.cert);
const { servers, close } = await startServers(certificate);
// Of these nothing is admitted: some are by an update.
const { servers: others, close: closeOthers } = await startServers(certificate, 'later.mesh.test');
const forbidden = others.http;
const policies = join(folder, 'policy');
mkdirSync(policies);
writeFileSync(join(policies, 'policy.yaml'), policy(servers));
const portsOf = (set) => Object.fromEntries(Object.entries(set).map(([name, { port }]) => [name, port]));
const ports = { ...portsOf(servers), forbidden: forbidden.port, later: portsOf(others) };

const rows = [];
for (const version of versions) {
  const node = nodeBinary(version);
  for (const client of clients) rows.push({ client, version, ...(await runOne(client, version, node)) });
}
close();
closeOthers();
rmSync(folder, { recursive: true });
report();

function readArguments(args) {
  const at = args.indexOf('--node');
  const chosen = at < 0 ? VERSIONS : args.splice(at, 2)[1].split(',');
  return { versions: chosen, names: args };
}

/** What a clean checkout lacks: the clients, and the package as it is published. */
function prepare() {
  if (!existsSync(join(here, 'node_modules')))
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: here, stdio: 'inherit' });
  if (!process.env.MATRIX_REGISTER)
    execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A program that carries its own copy of undici, where nothing can be wrapped. */
async function bundleUndici() {
  const { build } = await import('esbuild');
  const outfile = join(folder, 'bundle.mjs');
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  await build({
    stdin: { contents: "export { request } from 'undici7';", resolveDir: here },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    banner,
    minify: true,
    logLevel: 'error',
  });
  return outfile;
}

function nodeBinary(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

async function runOne(client, version, node) {
  if (client.minNode !== undefined && Number(version) < client.minNode) return { results: undefined };
  const log = join(folder, 'access.log');
  const later = join(policies, 'later.yaml');
  rmSync(log, { force: true });
  rmSync(later, { force: true });
  const server = servers[client.server ?? 'http'];
  const before = { forbidden: forbidden.connections, server: server.connections, operations: server.operations.length };
  const register = process.env.MATRIX_REGISTER ?? join(root, 'dist/register.cjs');
  const child = spawn(
    node,
    ['--require', join(here, 'resolve.cjs'), '--require', register, join(here, 'run-client.mjs'), client.name],
    {
      cwd: here,
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
        NODE_NO_WARNINGS: '1',
        SIDECARLESS_CONFIG: policies,
        ...(tcpClients.includes(client) && { SIDECARLESS_WATCH: '1', MATRIX_LATER_POLICY: later }),
        SIDECARLESS_ACCESS_LOG: log,
        MATRIX_PORTS: JSON.stringify(ports),
        MATRIX_BUNDLE: bundle,
      },
    },
  );
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const clock = setTimeout(() => child.kill('SIGKILL'), 120_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(clock);
  const found = /@@(\{.*\})\n/.exec(output);
  const results = found ? JSON.parse(found[1]) : { start: `fail: ${output.slice(0, 2000)}` };
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
  const judge = (name, good, otherwise) => (results[name] = good ? 'pass' : `fail: ${otherwise}`);
  judge('nothing reached the denied server', forbidden.connections === before.forbidden, 'connections were made');
  judge('reached the allowed server', server.connections > before.server, 'no connection was made');
  // Node's own sockets are not asked to say anything in particular.
  if (client.server in PROTOCOLS && client.name !== 'net')
    judge('did its work at the server', server.operations.length > before.operations, 'no operation was seen');
  judge(
    'logged',
    lines.some((line) => / (200|101|0) - /.test(line)),
    `no line for what was allowed: ${lines.join(' | ').slice(0, 600)}`,
  );
  // Clients that resolve names themselves are logged by address.
  const deniedAt = ` 127.0.0.1:${forbidden.port} `;
  judge(
    'denial logged',
    lines.some((line) => line.includes('denied.mesh.test') || line.includes(deniedAt)),
    'no line for what was denied',
  );
  const failed = Object.entries(results).filter(([, result]) => result.startsWith('fail'));
  process.stdout.write(`node ${version}  ${client.name.padEnd(36)} ${failed.length === 0 ? 'pass' : 'FAIL'}\n`);
  for (const [name, result] of failed) process.stdout.write(`    ${name}: ${result.slice(0, 600)}\n`);
  return { results };
}

function stateOf(row) {
  if (row === undefined || row.results === undefined) return 'not supported by the client';
  return Object.values(row.results).some((result) => result.startsWith('fail')) ? 'fail' : 'pass';
}

function report() {
  const table = clients.map((client) => ({
    client,
    rows: versions.map((version) => rows.find((row) => row.client === client && row.version === version)),
  }));
  const states = table.flatMap(({ rows: all }) => all.map(stateOf));
  const count = (state) => states.filter((one) => one === state).length;
  const line = `${count('pass')} passed, ${count('fail')} failed`;
  if (names.length === 0 && versions.length === VERSIONS.length)
    writeFileSync(join(root, 'docs/clients.md'), page(table, line));
  for (const { client, rows: all } of table)
    console.log(`${client.name.padEnd(36)} ${all.map((row) => stateOf(row).padEnd(8)).join(' ')}`);
  console.log(`not supported by the client: ${count('not supported by the client')}`);
  console.log(line);
  process.exitCode = count('fail') === 0 ? 0 : 1;
}

function page(table, line) {
  const cell = (row) => ({ pass: 'pass', fail: '**fail**' })[stateOf(row)] ?? '–';
  const evidenceOf = (all) => {
    const denial = all.map((row) => row?.results?.denied).find((result) => result?.startsWith('pass'));
    return (
      { 'pass (error)': 'the error itself', 'pass (cause)': 'its cause', 'pass (message)': 'its message' }[denial] ??
      (denial ? 'no reason given' : '')
    );
  };
  const layer = (client) => client.layer ?? (client.server ? 'net.Socket' : '');
  const lines = table.map(
    ({ client, rows: all }) =>
      `| ${client.name} | ${layer(client)} | ${evidenceOf(all)} | ${all.map(cell).join(' | ')} |`,
  );
  return `# Clients

This page is written by \`npm run matrix\`, which drives each client on each version of Node through \`--require sidecarless/register\`, against servers on loopback: ${line}.

A pass means: what the policy admits works and is logged; what it denies fails with the client's own error, nothing reaches the server, nothing is uncaught, and many denials (500; 100 for SDKs, 50 for mongodb, which looks for a server for a while each time) leave nothing behind, but the timer that ioredis keeps after any failed connection. For HTTP clients also: the second request on a pooled connection is decided again, and routes, rewrites, header operations, timeouts, local replies and requests inside TLS are carried out. For other protocols: a real operation is seen at the server and its answer is right (a row, a value, a message, a mail, the output of a command); and once an update of the policy admits what was denied it works, also for clients and pools that exist already and connect again by themselves. A dash: the client does not run on that version.

"Denial found in" says where the client keeps the reason: \`code: 'ERR_EGRESS_DENIED'\` is on the error that it throws, on its \`cause\`, or in the words of its message only.

| client | decided at | denial found in | Node ${versions.join(' | Node ')} |
| --- | --- | --- | ${versions.map(() => '---').join(' | ')} |
${lines.join('\n')}

A copy of undici inside a bundle cannot be wrapped: its requests are denied and logged, and its connections decided, but routes are not carried out for it. Where an HTTP/2 session leads is decided when it is dialled.
`;
}
