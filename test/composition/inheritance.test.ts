import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const register = join(root, 'dist/register.cjs');
let folder: string;

beforeAll(() => {
  if (!existsSync(register)) execFileSync('npm', ['run', '--silent', 'build:js'], { cwd: root, stdio: 'ignore' });
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-inheritance-'));
  writeFileSync(join(folder, 'mesh.yaml'), 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n');
  // Prints what a connection that nobody admits comes to.
  const ask = `require('node:net').connect(9, '127.0.0.1').on('error', (error) => console.log(error.code));`;
  writeFileSync(join(folder, 'ask.cjs'), ask);
  writeFileSync(
    join(folder, 'ask.mjs'),
    `import { connect } from 'node:net';\nconnect(9, '127.0.0.1').on('error', (error) => console.log(error.code));`,
  );
  writeFileSync(
    join(folder, 'ask.test.cjs'),
    `require('node:test')('asks', (_, done) => { require('node:net').connect(9, '127.0.0.1').on('error', (error) => { console.log(error.code); done(); }); });`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const DENIED = 'ERR_EGRESS_DENIED';

/** The last line that tells of the connection. */
function run(
  args: readonly string[],
  { options = true, until }: { options?: boolean; until?: RegExp } = {},
): Promise<string[]> {
  const env = {
    PATH: process.env['PATH'],
    NODE_OPTIONS: options ? `--require ${register}` : '',
    SIDECARLESS_CONFIG: join(folder, 'mesh.yaml'),
  };
  const child = spawn(process.execPath, args, { cwd: folder, env });
  let out = '';
  child.stderr.resume();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
    if (until?.test(out)) child.kill();
  });
  return new Promise((resolve) =>
    child.on('close', () => resolve(out.match(/ERR_EGRESS_DENIED|ECONNREFUSED/g) ?? [out])),
  );
}

const ASK = `require('node:net').connect(9, '127.0.0.1').on('error', (error) => console.log(error.code));`;
const worker = (source: string, options: string): string =>
  `new (require('node:worker_threads').Worker)(${source}, ${options})`;
const code = JSON.stringify(ASK);

describe('NODE_OPTIONS reaches', () => {
  it.each<readonly [string, readonly string[]]>([
    ['a program of CommonJS', ['ask.cjs']],
    ['a program of ES modules', ['ask.mjs']],
    ['a program that is given as text', ['--eval', ASK]],
    ['a module that is given as text', ['--input-type=module', '--eval', `import('./ask.mjs')`]],
    ['a worker from a file', ['--eval', worker(`'./ask.mjs'`, '{}')]],
    ['a worker from text', ['--eval', worker(code, '{ eval: true }')]],
    ['a worker without flags', ['--eval', worker(code, '{ eval: true, execArgv: [] }')]],
    [
      'a worker that shares the environment',
      ['--eval', worker(code, `{ eval: true, env: require('node:worker_threads').SHARE_ENV }`)],
    ],
    ['a worker of a worker', ['--eval', worker(JSON.stringify(worker(code, '{ eval: true }')), '{ eval: true }')]],
    ['a forked child', ['--eval', `require('node:child_process').fork('./ask.cjs')`]],
    ['a forked child without flags', ['--eval', `require('node:child_process').fork('./ask.cjs', { execArgv: [] })`]],
    [
      'a child that is Node',
      ['--eval', `require('node:child_process').spawn(process.execPath, ['ask.cjs'], { stdio: 'inherit' })`],
    ],
    [
      'the workers of a cluster',
      [
        '--eval',
        `const c = require('node:cluster'); c.setupPrimary({ exec: './ask.cjs', execArgv: [] }); c.fork().on('error', () => 0)`,
      ],
    ],
    [
      'a context of vm that is given sockets',
      ['--eval', `require('node:vm').runInNewContext(${code}, { require, console })`],
    ],
    ['node --test', ['--test', 'ask.test.cjs']],
  ])('%s', async (_name, args) => {
    expect(new Set(await run(args, { until: /ERR_EGRESS_DENIED|ECONNREFUSED/ }))).toEqual(new Set([DENIED]));
  });

  it('node --watch', async () => {
    expect(await run(['--watch', 'ask.cjs'], { until: /ERR_EGRESS_DENIED|ECONNREFUSED/ })).toEqual([DENIED]);
  });
});

describe('flags on the command line', () => {
  const required = ['--require', register];
  const imported = ['--import', join(root, 'dist/register.js')];

  it('reach workers, also those from text when they are --require', async () => {
    const text = ['--eval', worker(code, '{ eval: true }')];
    expect(await run([...required, ...text], { options: false })).toEqual([DENIED]);
    expect(await run([...imported, 'ask.mjs'], { options: false })).toEqual([DENIED]);
    expect(await run([...imported, '--eval', worker(`'./ask.mjs'`, '{}')], { options: false })).toEqual([DENIED]);
  });

  it('do not reach a worker whose execArgv leaves them out, as the documentation says', async () => {
    const bare = ['--eval', worker(code, '{ eval: true, execArgv: [] }')];
    expect(await run([...required, ...bare], { options: false })).toEqual(['ECONNREFUSED']);
    const cleared = worker(code, '{ eval: true, execArgv: [], env: {} }');
    expect(await run(['--eval', cleared])).toEqual(['ECONNREFUSED']);
  });
});

describe('SIDECARLESS_VERIFY', () => {
  it('keeps a program from starting whose clients do not obey', async () => {
    // Another preload that takes ours away.
    writeFileSync(
      join(folder, 'breaker.cjs'),
      `require('node:net').Socket.prototype.connect = globalThis.nodeConnect;`,
    );
    writeFileSync(join(folder, 'keep.cjs'), `globalThis.nodeConnect = require('node:net').Socket.prototype.connect;`);
    writeFileSync(join(folder, 'started.cjs'), `console.log('started');`);
    const program = (extra: readonly string[]): Promise<{ code: number | null; out: string; err: string }> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [...extra, 'started.cjs'], {
          cwd: folder,
          env: { PATH: process.env['PATH'], SIDECARLESS_CONFIG: join(folder, 'mesh.yaml'), SIDECARLESS_VERIFY: '1' },
        });
        let out = '';
        let err = '';
        child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
        child.on('close', (exit) => resolve({ code: exit, out: out.trim(), err }));
      });
    expect(await program(['--require', register])).toEqual({ code: 0, out: 'started', err: '' });
    const broken = await program(['--require', './keep.cjs', '--require', register, '--require', './breaker.cjs']);
    expect(broken).toMatchObject({ code: 78, out: '' });
    expect(broken.err).toContain('these clients do not obey the policy: net.connect, net.Socket, tls.connect');
  });
});
