/** The packed tarball, as a stranger gets it: checked by publint and attw, installed into an empty folder and used. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const bin = (name: string): string => join(root, 'node_modules/.bin', name);
let folder: string;
let tarball: string;
let app: string;

const run = (command: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): string =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });

const POLICY = `outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin}
spec:
  hosts: [httpbin.org]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
`;

const USE = `
const mesh = parseMeshConfig(${JSON.stringify(POLICY)});
console.log(decide({ host: 'httpbin.org', port: 80, protocol: 'http1' }, mesh).action, decide({ host: 'evil.example', port: 80, protocol: 'http1' }, mesh).action, typeof createEgress);
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-package-'));
  if (!existsSync(join(root, 'dist/index.d.cts')))
    throw new Error('dist is not built: `npm test` builds it, or run `npm run build` first');
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  ) as [{ filename: string }];
  tarball = join(folder, packed.filename);
  app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true }));
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], app);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed tarball', () => {
  it('is clean by publint', () => {
    expect(run(bin('publint'), [tarball, '--strict'], root)).toContain('All good!');
  });

  it('is clean by attw', () => {
    expect(run(bin('attw'), [tarball, '--format', 'ascii'], root)).toContain('No problems found');
  });

  it('works from an ES module', () => {
    writeFileSync(join(app, 'use.mjs'), `import { createEgress, decide, parseMeshConfig } from 'sidecarless';${USE}`);
    expect(run(process.execPath, ['use.mjs'], app)).toBe('allow deny function\n');
  });

  it('works from CommonJS', () => {
    writeFileSync(
      join(app, 'use.cjs'),
      `const { createEgress, decide, parseMeshConfig } = require('sidecarless');${USE}`,
    );
    expect(run(process.execPath, ['use.cjs'], app)).toBe('allow deny function\n');
  });

  it.each([
    ['node16', 'node16', 'use.mts'],
    ['node16', 'node16', 'use.cts'],
    ['bundler', 'esnext', 'use.ts'],
  ])('type-checks under moduleResolution %s (module %s, %s)', (moduleResolution, module, file) => {
    const source = `import { createEgress, decide, loadMeshConfig, parseMeshConfig } from 'sidecarless';
import type { Connection, Decision, MeshConfig } from 'sidecarless';
import { decide as pure } from 'sidecarless/core';
import { connectionTo } from 'sidecarless/testing';
const mesh: MeshConfig = parseMeshConfig('');
const connection: Connection = connectionTo('https://api.example.com/');
const decision: Decision = decide(connection, mesh);
if (decision.action === 'timeout') { const ms: number = decision.timeoutMs; void ms; }
void pure; void loadMeshConfig; void createEgress;
`;
    writeFileSync(join(app, file), source);
    const types = join(root, 'node_modules/@types');
    const flags = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      module,
      '--moduleResolution',
      moduleResolution,
    ];
    run(bin('tsc'), [...flags, '--typeRoots', types, '--types', 'node', file], app);
  });

  it('refuses a wrong type', () => {
    writeFileSync(join(app, 'wrong.mts'), `import { decide } from 'sidecarless';\ndecide({ host: 1 }, 2);\n`);
    const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'node16', '--moduleResolution', 'node16'];
    expect(() =>
      run(
        bin('tsc'),
        [...flags, '--typeRoots', join(root, 'node_modules/@types'), '--types', 'node', 'wrong.mts'],
        app,
      ),
    ).toThrow();
  });

  it('starts its bin', () => {
    expect(run(process.execPath, [join(app, 'node_modules/.bin/sidecarless'), '--help'], app)).toContain(
      'Usage: sidecarless',
    );
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run(process.execPath, [join(app, 'node_modules/.bin/sidecarless'), '--version'], app).trim()).toBe(version);
  });

  it('guards a program through --require sidecarless/register', () => {
    writeFileSync(join(app, 'mesh.yaml'), POLICY);
    writeFileSync(
      join(app, 'call.cjs'),
      `require('http').get('http://evil.example/').on('error', (e) => console.log(e.code));`,
    );
    const env = { SIDECARLESS_CONFIG: 'mesh.yaml' };
    expect(run(process.execPath, ['--require', 'sidecarless/register', 'call.cjs'], app, env)).toContain(
      'ERR_EGRESS_DENIED',
    );
  });

  it('has no runtime dependency beyond the three that docs/architecture.md gives a reason for', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
    expect(Object.keys(dependencies).sort()).toEqual(['re2js', 'tldts', 'tr46']);
  });
});

describe('what the package carries', () => {
  const dist = (): string => join(app, 'node_modules/sidecarless/dist');

  it.each(['yaml', 'zod'])('comes with its licence: %s', (name) => {
    const notice = readFileSync(join(dist(), 'THIRD-PARTY-LICENSES.txt'), 'utf8');
    const ofOne = notice.split('\n---\n\n').find((text) => text.startsWith(`${name} `));
    expect(ofOne).toMatch(/^\w+ \d+\.\d+\.\d+\n[\s\S]*(?:Permission|permission)/);
  });

  it('is all that the preload loads, until more is needed', () => {
    writeFileSync(join(app, 'mesh.yaml'), POLICY);
    writeFileSync(
      join(app, 'loaded.cjs'),
      `const packages = () => [...new Set(Object.keys(require.cache).map((path) => /node_modules\\/([^/]+)/.exec(path)?.[1]))];
       console.log(packages().join());
       require('http').get('http://b\u00fccher.example/').on('error', (e) => console.log(e.code, packages().sort().join()));`,
    );
    const env = { SIDECARLESS_CONFIG: 'mesh.yaml' };
    const [atStart, afterwards] = run(
      process.execPath,
      ['--require', 'sidecarless/register', 'loaded.cjs'],
      app,
      env,
    ).split('\n');
    expect(atStart?.split(',').filter(Boolean)).toEqual(['sidecarless']);
    expect(afterwards).toMatch(/^ERR_EGRESS_DENIED .*tr46/);
  });

  it('keeps what few programs need in files of their own, which a client loads when it is first used', () => {
    writeFileSync(join(app, 'mesh.yaml'), POLICY);
    writeFileSync(
      join(app, 'later.cjs'),
      `const later = () => Object.keys(require.cache).flatMap((path) => /later-[a-z0-9-]+/.exec(path)?.[0] ?? []).sort();
       console.log(later().join());
       require('http2').connect('http://b.example').on('error', ({ code }) => {
         console.log(code, later().join());
         fetch('http://b.example').catch(({ cause }) => console.log(cause.code, later().join()));
       });`,
    );
    const env = { SIDECARLESS_CONFIG: 'mesh.yaml' };
    const [atStart, http2, undici] = run(
      process.execPath,
      ['--require', 'sidecarless/register', 'later.cjs'],
      app,
      env,
    ).split('\n');
    expect(atStart).toBe('');
    expect(http2).toBe('ERR_EGRESS_DENIED later-explain,later-http2');
    expect(undici).toBe('ERR_EGRESS_DENIED later-explain,later-http2,later-undici-dispatch');
  });

  it('finds a copy of undici that a program loads, while files of its own are still to be loaded', () => {
    writeFileSync(join(app, 'mesh.yaml'), POLICY);
    writeFileSync(
      join(app, 'undici-copy.cjs'),
      `class Dispatcher { dispatch() { return true; } close() {} destroy() {} }
       class Agent extends Dispatcher {
         constructor() { super(); this[Symbol('clients')] = new Map(); }
         dispatch(...args) { return super.dispatch(...args); }
       }
       globalThis[Symbol.for('undici.globalDispatcher.1')] = new Agent();
       module.exports = { Agent };`,
    );
    writeFileSync(
      join(app, 'copy.cjs'),
      `const { Agent } = require('./undici-copy.cjs');
       const handler = { onConnect() {}, onError: ({ code }) => console.log(code) };
       new Agent().dispatch({ origin: 'http://b.example', path: '/', method: 'GET' }, handler);`,
    );
    const env = { SIDECARLESS_CONFIG: 'mesh.yaml' };
    expect(run(process.execPath, ['--require', 'sidecarless/register', 'copy.cjs'], app, env)).toBe(
      'ERR_EGRESS_DENIED\n',
    );
  });

  it('has nothing but ASCII in what the preload loads: one other letter makes V8 keep a script at twice the size', () => {
    const dist = join(app, 'node_modules/sidecarless/dist');
    const scripts = readdirSync(dist).filter((name) => name.endsWith('.cjs'));
    // eslint-disable-next-line no-control-regex
    const others = scripts.filter((name) => /[^\x00-\x7f]/.test(readFileSync(join(dist, name), 'utf8')));
    expect(scripts).toContain('register.cjs');
    expect(others).toEqual([]);
  });

  it('can be bundled with a program, with what it loads later', () => {
    writeFileSync(
      join(app, 'bundled.cjs'),
      `const { decide, parseMeshConfig } = require('sidecarless');
      const mesh = parseMeshConfig(${JSON.stringify(POLICY)});
      console.log(decide({ host: 'b\u00fccher.example', port: 80, protocol: 'http1' }, mesh).action);`,
    );
    const flags = ['--bundle', '--platform=node', `--outfile=${join(folder, 'bundled.js')}`, '--external:undici'];
    run(bin('esbuild'), [join(app, 'bundled.cjs'), ...flags], app);
    expect(run(process.execPath, [join(folder, 'bundled.js')], folder)).toBe('deny\n');
  });
});

describe('the entry ./core', () => {
  it('reaches neither zod, yaml nor a node: module', () => {
    const { externals } = bundleCore();
    expect(externals).toEqual([]);
  });

  it('decides in a plain vm context without Node globals', () => {
    const context = vm.createContext({});
    vm.runInContext(bundleCore().code, context);
    const answer: unknown = vm.runInContext(
      `typeof process + ' ' + sidecarless.decide({ host: 'x.example', port: 443, transport: 'tls' }, undefined).action`,
      context,
    );
    expect(answer).toBe('undefined deny');
  });
});

/** The core and what it needs from npm as one script; whatever is not bundled is listed. */
function bundleCore(): { code: string; externals: string[] } {
  const out = join(folder, 'core.js');
  const meta = join(folder, 'core.json');
  const entry = join(app, 'node_modules/sidecarless/dist/core.js');
  const flags = [
    '--bundle',
    '--format=iife',
    '--global-name=sidecarless',
    '--platform=neutral',
    '--main-fields=module,main',
  ];
  run(bin('esbuild'), [entry, ...flags, '--external:node:*', `--outfile=${out}`, `--metafile=${meta}`], root);
  const { inputs } = JSON.parse(readFileSync(meta, 'utf8')) as {
    inputs: Record<string, { imports: { path: string; external?: boolean }[] }>;
  };
  const reached = Object.keys(inputs).filter((path) => /node_modules\/(?:zod|yaml)\//.test(path));
  const externals = Object.values(inputs).flatMap(({ imports }) =>
    imports.filter((i) => i.external === true).map((i) => i.path),
  );
  return { code: readFileSync(out, 'utf8'), externals: [...reached, ...externals] };
}
