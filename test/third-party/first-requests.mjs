/**
 * The very first request of a program, by each version of undici on each version of Node: the copy of undici that is used
 * may be in the process already, or come with that request, or be Node's own behind the global dispatcher of another.
 *
 *   node test/third-party/first-requests.mjs                      all of it
 *   node test/third-party/first-requests.mjs --node 24 Pool       some of it
 *   node test/third-party/first-requests.mjs --packages folder    with `undici6`, `undici7` and `undici8` of that folder
 *
 * It uses the built package, and ends with `N passed, 0 failed`.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const here = new URL('.', import.meta.url).pathname;
const root = join(here, '../..');
const args = process.argv.slice(2);
const versions = (option('--node') ?? '20,22,24,26').split(',');
const packages = option('--packages') ?? join(here, 'node_modules');

const seen = [];
const server = createServer((request, response) => {
  seen.push(request.url);
  response.end();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const folder = mkdtempSync(join(tmpdir(), 'sidecarless-first-'));
writeFileSync(
  join(folder, 'mesh.yaml'),
  `
outboundTrafficPolicy: { mode: REGISTRY_ONLY }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: routed, namespace: default }
spec:
  hosts: [routed.mesh.test]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: routed, namespace: default }
spec:
  hosts: [routed.mesh.test]
  http:
  - match: [{ uri: { prefix: /old } }]
    rewrite: { uri: /new }
    route: [{ destination: { host: routed.mesh.test } }]
`,
);

/** `undici` is the package under test, and `origin` is asked for `path`: each is a function body. */
const WAYS = {
  request: 'return undici.request(origin + path)',
  fetch: 'return undici.fetch(origin + path)',
  "Node's fetch": 'return fetch(origin + path)',
  Pool: 'return new undici.Pool(origin).request({ path, method: "GET" })',
  Client: 'return new undici.Client(origin).request({ path, method: "GET" })',
  setGlobalDispatcher: 'undici.setGlobalDispatcher(new undici.Agent()); return undici.request(origin + path)',
};
/** How the egress comes in, and whether the package is there before it. */
const ENTRIES = {
  preload: (undici) => `const undici = require(${undici});`,
  install: (undici) => `${INSTALL} const undici = require(${undici});`,
  'install, later': (undici) => `const undici = require(${undici}); ${INSTALL}`,
};
const INSTALL = `{
  const { createEgress, loadMeshConfig } = require(${JSON.stringify(join(root, 'dist/index.cjs'))});
  createEgress({ meshConfig: loadMeshConfig(${JSON.stringify(folder)}), accessLog: false }).install();
}`;
/** What is asked for, what the program prints, and what the server sees. */
const CASES = [
  { name: 'led and rewritten', origin: 'http://routed.mesh.test', path: '/old/x', prints: '200', reaches: ['/new/x'] },
  { name: 'denied', origin: `http://127.0.0.1:${port}`, path: '/', prints: 'ERR_EGRESS_DENIED', reaches: [] },
];

let passed = 0;
let failed = 0;
for (const version of versions) {
  const node = nodeBinary(version);
  for (const major of [6, 7, 8]) {
    // undici 8 needs Node 22.19.
    if (major === 8 && version === '20') continue;
    for (const [way, body] of Object.entries(WAYS))
      for (const [entry, begin] of Object.entries(ENTRIES))
        for (const one of CASES) {
          const name = `node ${version}  undici ${major}  ${way}, ${entry}: ${one.name}`;
          if (args.every((part) => name.includes(part))) await run(node, name, begin(quoted(major)), body, one);
        }
  }
}
server.close();
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** Taken from the arguments, with its value. */
function option(name) {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args.splice(at, 2)[1];
}

function quoted(major) {
  return JSON.stringify(resolve(packages, `undici${major}`));
}

async function run(node, name, begin, body, { origin, path, prints, reaches }) {
  seen.length = 0;
  const file = join(folder, 'program.cjs');
  writeFileSync(
    file,
    `${begin}
    const ask = (origin, path) => { ${body} };
    ask(${JSON.stringify(origin)}, ${JSON.stringify(path)}).then(
      ({ statusCode, status }) => console.log(statusCode ?? status),
      (error) => console.log((error.cause ?? error).code),
    ).then(() => process.exit());`,
  );
  const preload = name.includes('preload') ? ['--require', join(root, 'dist/register.cjs')] : [];
  const env = { PATH: process.env.PATH, SIDECARLESS_CONFIG: folder, SIDECARLESS_ACCESS_LOG: 'off' };
  const { stdout, stderr } = await promisify(execFile)(node, [...preload, file], { env, timeout: 30_000 }).catch(
    (error) => error,
  );
  const good = stdout.trim() === prints && seen.join() === reaches.join();
  if (good) passed += 1;
  else failed += 1;
  if (!good) console.log(`FAIL  ${name}: printed ${stdout.trim()}, reached ${seen.join()} ${stderr.slice(0, 400)}`);
}

function nodeBinary(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const exec = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', exec, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
