/**
 * Runs what README.md and docs/ show. Each page has a folder of its own, in which its blocks act in order:
 *
 *   yaml             must load as a policy               yaml file=mesh/a.yaml   is written there as well
 *   js, ts           runs as an ES module                js file=app.cjs         is written, not run
 *   ts test          runs under Vitest                   sh                      runs line by line
 *   text, json       is output or a picture
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../src/index.ts';

interface Block {
  readonly language: string;
  readonly flag: string;
  readonly file: string | undefined;
  readonly line: number;
  readonly text: string;
}

const root = new URL('..', import.meta.url).pathname;
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((page) =>
  page.endsWith('.md'),
);
const sandbox = mkdtempSync(join(tmpdir(), 'sidecarless-docs-'));

afterAll(() => rmSync(sandbox, { recursive: true, force: true }));

describe.each(pages)('%s', (page) => {
  const markdown = readFileSync(join(root, page), 'utf8');
  const folder = join(sandbox, page.replace(/\W/g, '-'));
  prepare(folder);

  const blocks = blocksOf(markdown);
  if (blocks.length > 0)
    it('shows only what runs', { timeout: 120_000 }, () => {
      for (const block of blocks) act(block, folder);
    });

  it('links only to what exists', () => {
    const links = [...markdown.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, target]) => target!);
    expect(links.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });
});

function act({ language, flag, file, line, text }: Block, folder: string): void {
  const where = `the block at line ${line}`;
  if (file !== undefined) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  switch (language) {
    case 'yaml':
      expect(() => parseMeshConfig(text, flag === 'fragment' ? { invalid: 'skip' } : {}), where).not.toThrow();
      return;
    case 'js':
    case 'ts':
      if (flag === 'test') runTest(text, folder);
      else if (file === undefined) runModule(text, language, folder);
      return;
    case 'sh':
      for (const command of text.trim().split('\n')) runCommand(command, folder, where);
      return;
    case 'text':
    case 'json':
      return;
    default:
      throw new Error(`${where} has the language \`${language}\`, which nothing runs`);
  }
}

function runModule(text: string, language: string, folder: string): void {
  const file = join(folder, `block.${language === 'ts' ? 'mts' : 'mjs'}`);
  writeFileSync(file, text);
  const tsx = join(root, 'node_modules/.bin/tsx');
  run(language === 'ts' ? tsx : process.execPath, [file], folder);
}

function runTest(text: string, folder: string): void {
  writeFileSync(join(folder, 'block.test.ts'), text);
  run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder], folder);
}

/** The commands that install from a registry or start this very run are looked up, not run. */
function runCommand(command: string, folder: string, where: string): void {
  const scripts = [...command.matchAll(/npm (?:run )?([\w:]+)/g)]
    .map(([, name]) => name!)
    .filter((name) => !['ci', 'install', 'run'].includes(name));
  if (scripts.length > 0 || command.startsWith('npm ')) {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const name of scripts) expect(manifest.scripts, where).toHaveProperty([name]);
    return;
  }
  run('sh', ['-c', command], folder);
}

function run(file: string, args: readonly string[], cwd: string): string {
  const path = `${join(cwd, 'node_modules/.bin')}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH: path, NODE_OPTIONS: '', NO_COLOR: '1' };
  return execFileSync(file, args, { cwd, env, encoding: 'utf8', stdio: 'pipe' });
}

/** An empty folder with the package and its peers installed by link. */
function prepare(folder: string): void {
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(root, join(folder, 'node_modules/sidecarless'));
  for (const name of ['vitest', 'undici']) {
    const target = join(root, 'node_modules', name);
    if (existsSync(target)) symlinkSync(target, join(folder, 'node_modules', name));
  }
  symlinkSync(join(root, 'dist/cli.js'), join(folder, 'node_modules/.bin/sidecarless'));
}

function blocksOf(markdown: string): Block[] {
  const found: Block[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, language, info] = /^```(\w+)(.*)$/.exec(lines[i]!) ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', i + 1);
    const file = /file=(\S+)/.exec(info ?? '')?.[1];
    const flag = (info ?? '').replace(/file=\S+/, '').trim();
    found.push({ language, flag, file, line: i + 1, text: `${lines.slice(i + 1, end).join('\n')}\n` });
    i = end;
  }
  return found;
}
