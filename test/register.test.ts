import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const source = new URL('../src/register.ts', import.meta.url).pathname;

/** The preload, as the package has it: one CommonJS file. */
let register: string;
let folder: string;
let server: http.Server;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-register-'));
  await build({
    entry: { register: source },
    config: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    outDir: folder,
    noExternal: [/.*/],
    silent: true,
  });
  register = join(folder, 'register.cjs');
  server = http.createServer((request, response) => void (request.url === '/wait' || response.end('hello')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  write(
    'mesh.yaml',
    `outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: local}
spec:
  hosts: [localhost]
  ports: [{number: ${port}, name: http, protocol: HTTP}]
  resolution: DNS
`,
  );
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(program: string, env: Record<string, string>, args: readonly string[] = []): Promise<Ended> {
  const file = write(`app-${Math.random().toString(36).slice(2)}.cjs`, program);
  const child = spawn(process.execPath, ['--require', register, ...args, file], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', SIDECARLESS_CONFIG: 'mesh.yaml', ...env },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out: out.trim(), err })));
}

const get = (host: string): string => `
  require('node:http').get({ host: '${host}', port: ${port} }, (r) => r.setEncoding('utf8').on('data', (d) => console.log(d)))
    .on('error', (e) => console.log(e.code));`;

describe('a program that is not changed', () => {
  it('is governed, and logged where the environment says', async () => {
    const log = join(folder, 'access.log');
    const { out, code } = await run(get('localhost') + get('127.0.0.1'), { SIDECARLESS_ACCESS_LOG: log });
    expect(out.split('\n').sort()).toEqual(['ERR_EGRESS_DENIED', 'hello']);
    expect(code).toBe(0);
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    expect(lines.map((line) => / (\d{3}) /.exec(line)?.[1]).sort()).toEqual(['200', '502']);
  });

  it('has a line for everything when it ends at once: what was denied, and what was under way', async () => {
    const log = join(folder, 'exit.log');
    const program = `
      const http = require('node:http');
      http.get({ host: 'localhost', port: ${port}, path: '/wait' }).on('finish', () =>
        http.get({ host: '127.0.0.1', port: ${port} }).on('error', () => process.exit(3)));`;
    expect((await run(program, { SIDECARLESS_ACCESS_LOG: log })).code).toBe(3);
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    expect(lines.map((line) => /" (\d+ \S+) /.exec(line)?.[1]).sort()).toEqual(['0 DC', '502 -']);
  });

  it('is let through in report mode', async () => {
    const { out, err } = await run(get('127.0.0.1'), { SIDECARLESS_MODE: 'report' });
    expect(out).toBe('hello');
    expect(err).toContain('report mode: connection to 127.0.0.1');
  });

  it('is governed in its workers and forked children', async () => {
    const program = `
      const { Worker, isMainThread } = require('node:worker_threads');
      const { fork } = require('node:child_process');
      if (process.argv[2] === 'child') { ${get('127.0.0.1')} }
      else {
        new Worker(${JSON.stringify(get('127.0.0.1'))}, { eval: true });
        fork(__filename, ['child']);
      }`;
    const { out } = await run(program, {});
    expect(out.split('\n')).toEqual(['ERR_EGRESS_DENIED', 'ERR_EGRESS_DENIED']);
  });

  it('starts only after verification, when told to verify', async () => {
    const { out, code, err } = await run(get('localhost'), { SIDECARLESS_VERIFY: '1' });
    expect([out, code, err]).toEqual(['hello', 0, '']);
  });

  it('is asked for as the workload that the environment names', async () => {
    const visible = write(
      'private.yaml',
      readFileSync(join(folder, 'mesh.yaml'), 'utf8')
        .replace('spec:', "spec:\n  exportTo: ['.']")
        .replace('{name: local}', '{name: local, namespace: shop}'),
    );
    const env = { SIDECARLESS_CONFIG: visible };
    expect((await run(get('localhost'), env)).out).toBe('ERR_EGRESS_DENIED');
    const shop = { ...env, SIDECARLESS_NAMESPACE: 'shop', SIDECARLESS_LABELS: 'app=cart,tier=web' };
    expect((await run(get('localhost'), shop)).out).toBe('hello');
  });
});

describe('no policy, no start', () => {
  const cases: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['nothing is named', { SIDECARLESS_CONFIG: '' }, /SIDECARLESS_CONFIG is not set/],
    ['a file is missing', { SIDECARLESS_CONFIG: 'nowhere.yaml' }, /nowhere\.yaml/],
    [
      'a word is misspelt',
      { SIDECARLESS_MODE: 'enforced' },
      /SIDECARLESS_MODE is `enforced`: it may be enforce, report/,
    ],
    ['a label is no label', { SIDECARLESS_LABELS: 'app' }, /name=value/],
  ];
  it.each(cases)('says so when %s', async (_case, env, message) => {
    const { code, out, err } = await run("console.log('started')", env);
    expect([code, out]).toEqual([78, '']);
    expect(err).toMatch(message);
    expect(err).toContain('no policy, no start');
  });

  it('names the file and the line', async () => {
    write(
      'bad.yaml',
      'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}\nspec:\n  host: a.example.com\n',
    );
    const { code, err } = await run('', { SIDECARLESS_CONFIG: 'bad.yaml' });
    expect(code).toBe(78);
    expect(err).toMatch(/bad\.yaml:\d+/);
  });

  it('has its very first request led, by whatever it begins with', async () => {
    const routed = write(
      'routed.yaml',
      `${readFileSync(join(folder, 'mesh.yaml'), 'utf8')}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: routed}
spec:
  hosts: [routed.example.test]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${port}}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`,
    );
    const asked = once(server, 'request');
    const slot = "console.log(globalThis[Symbol.for('undici.globalDispatcher.1')]);";
    const byFetch = `${slot} fetch('http://routed.example.test/').then((r) => r.text()).then(console.log)`;
    expect((await run(byFetch, { SIDECARLESS_CONFIG: routed })).out).toBe('undefined\nhello');
    expect(((await asked)[0] as http.IncomingMessage).headers.host).toBe('routed.example.test');
    for (const WebSocket of ['WebSocket', 'http.WebSocket']) {
      const program = `
        const http = require('node:http');
        if (!('WebSocket' in http)) console.log('none');
        else new (${WebSocket})('ws://routed.example.test/').onerror = () => console.log('asked');`;
      const upgraded = once(server, 'request');
      const { out } = await run(program, { SIDECARLESS_CONFIG: routed });
      if (out !== 'none')
        expect(((await upgraded)[0] as http.IncomingMessage).headers).toMatchObject({
          host: 'routed.example.test',
          upgrade: 'websocket',
        });
    }
  });
});
