import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
let folder: string;

/** The package as it is published, a second time under another version, and programs that use both. */
beforeAll(() => {
  if (!existsSync(join(root, 'dist/index.cjs')))
    execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root, stdio: 'ignore' });
  folder = mkdtempSync(join(root, 'node_modules/.copies-'));
  const other = join(folder, 'node_modules/sidecarless');
  cpSync(join(root, 'dist'), join(other, 'dist'), { recursive: true, filter: (name) => !name.endsWith('.map') });
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(other, 'package.json'), JSON.stringify({ ...manifest, version: '99.0.0' }));
  writeFileSync(join(folder, 'mesh.yaml'), 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(program: string, args: readonly string[] = []): { out: string[]; err: string } {
  const file = join(mkdtempSync(join(tmpdir(), 'sidecarless-copy-')), 'program.mjs');
  const head = `
    import http from 'node:http';
    import { createRequire } from 'node:module';
    const require = createRequire(${JSON.stringify(join(folder, 'x.cjs'))});
    const esm = await import(${JSON.stringify(join(root, 'dist/index.js'))});
    const cjs = require(${JSON.stringify(join(root, 'dist/index.cjs'))});
    const other = require('sidecarless');
    const make = (copy, mode = 'REGISTRY_ONLY') => copy.createEgress({
      meshConfig: copy.parseMeshConfig('outboundTrafficPolicy: {mode: ' + mode + '}'), accessLog: false });
    const get = () => new Promise((resolve) => http.get({ host: '127.0.0.1', port: 9 }).on('error', resolve));
    const attempt = (run) => { try { return run(); } catch (error) { return error; } };
  `;
  writeFileSync(file, head + program);
  const { stdout, stderr } = spawnSync(process.execPath, [...args, file], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', SIDECARLESS_CONFIG: join(folder, 'mesh.yaml') },
  });
  rmSync(join(file, '..'), { recursive: true });
  return { out: stdout.trim().split('\n'), err: stderr };
}

describe('two copies of the package in one process', () => {
  it('refuse clearly to govern it twice, and take turns', () => {
    const { out, err } = run(`
      const uninstall = make(esm).install();
      for (const copy of [esm, cjs, other]) {
        const error = attempt(() => make(copy).install());
        console.log(error.code, error instanceof cjs.EgressError, error.constructor.name, error.message.includes('another egress governs'));
      }
      uninstall();
      const last = make(other);
      console.log(last.install() === last.install());
      const denied = await get();
      console.log(denied.code, denied instanceof esm.EgressDeniedError, esm.findEgressError({ cause: denied }) === denied);
    `);
    expect(err).toBe('');
    expect(out).toEqual([
      ...Array.from({ length: 3 }, () => 'ERR_EGRESS_INSTALL true EgressError true'),
      'true',
      'ERR_EGRESS_DENIED true true',
    ]);
  });

  it('share what the preload governs: a program that installs is told, and may wrap agents', () => {
    const preload = ['--require', join(root, 'dist/register.cjs')];
    const again = ['--require', join(folder, 'node_modules/sidecarless/dist/register.cjs')];
    const { out, err } = run(
      `
      require('sidecarless/register');
      await import(${JSON.stringify(join(root, 'dist/register.js'))});
      console.log(attempt(() => make(cjs, 'ALLOW_ANY').install()).code);
      console.log((await get()).code);
      const agent = make(other).wrapAgent(new http.Agent());
      console.log(await new Promise((resolve) => http.get({ host: '127.0.0.1', port: 9, agent }).on('error', (e) => resolve(e.code))));
    `,
      [...preload, ...again],
    );
    expect(err).toBe('');
    expect(out).toEqual(['ERR_EGRESS_INSTALL', 'ERR_EGRESS_DENIED', 'ERR_EGRESS_DENIED']);
  });
});

describe('what uninstalling leaves', () => {
  it('is every function as it was, by descriptor, after any number of rounds', () => {
    const { out, err } = run(`
      const { patchedSlots } = createRequire(import.meta.url)(${JSON.stringify(join(root, 'test/composition/patched-slots.cjs'))});
      await fetch('http://127.0.0.1:9/').catch(() => undefined);
      const before = patchedSlots();
      for (let round = 0; round < 3; round += 1) {
        const egress = make(round === 1 ? cjs : esm);
        const uninstall = egress.install();
        console.log(Object.entries(patchedSlots()).filter(([slot, value]) => before[slot] !== value).length > 20);
        await get();
        uninstall();
        uninstall();
        await egress.close();
        const after = patchedSlots();
        console.log(JSON.stringify(Object.keys({ ...before, ...after }).filter((slot) => before[slot] !== after[slot])));
      }
      console.log(Object.getOwnPropertySymbols(globalThis).some((symbol) => /sidecarless/.test(symbol.description)));
    `);
    expect(err).toBe('');
    expect(out).toEqual(['true', '[]', 'true', '[]', 'true', '[]', 'false']);
  });

  it('is what others put on top, and what they were put on top of', () => {
    const { out, err } = run(`
      import net from 'node:net';
      const seen = [];
      const wrap = (name) => {
        const original = net.Socket.prototype.connect;
        const wrapped = function (...args) { seen.push(name); return original.apply(this, args); };
        net.Socket.prototype.connect = wrapped;
        return { undo: () => { if (net.Socket.prototype.connect === wrapped) net.Socket.prototype.connect = original; } };
      };
      const node = net.Socket.prototype.connect;
      const below = wrap('below');
      const uninstall = make(esm).install();
      const above = wrap('above');
      seen.length = 0;
      console.log((await get()).code, seen.join());
      uninstall();
      seen.length = 0;
      console.log((await get()).code, seen.join());
      above.undo();
      seen.length = 0;
      console.log((await get()).code, seen.join());
      below.undo();
      const again = make(cjs).install();
      console.log((await get()).code);
      again();
      console.log((await get()).code);
    `);
    expect(err).toBe('');
    expect(out).toEqual([
      'ERR_EGRESS_DENIED above,below',
      'ECONNREFUSED above,below',
      'ECONNREFUSED below',
      'ERR_EGRESS_DENIED',
      'ECONNREFUSED',
    ]);
  });
});
