/** Records families in processes of their own, plain and governed, and tells where the records differ. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { createAuthority, issueCertificate } from '../tls/certificates.ts';
import type { Behaviour, Record } from './behaviour.ts';
import { FAMILIES } from './families.ts';
import type { Equipment } from './lab.ts';
import { openPolicy, registryPolicy } from './policy.ts';

const root = new URL('../..', import.meta.url).pathname;

/** How a process is started: without this package, or under a policy that admits everything that the behaviours do. */
export type Circumstance = 'plain' | 'registry' | 'open';

export interface Workplace {
  readonly folder: string;
  readonly bundle: string;
  readonly equipment: string;
  close(): void;
}

const PORTS_OF_A_KIND = 24;

/** Certificates, ports, policies, and the behaviours in one file that every Node can run as it is. */
export async function openWorkplace(): Promise<Workplace> {
  const folder = mkdtempSync(join(tmpdir(), 'sidecarless-behaviour-'));
  const bundle = join(folder, 'program.mjs');
  await build({
    entryPoints: [join(root, 'test/behaviour/program.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  const free = await freePorts(3 * PORTS_OF_A_KIND);
  const take = (): number[] => free.splice(0, PORTS_OF_A_KIND);
  const equipment: Equipment = {
    folder,
    ports: { http: take(), tls: take(), tcp: take() },
    certificates: await certificates(),
  };
  writeFileSync(join(folder, 'equipment.json'), JSON.stringify(equipment));
  writeFileSync(join(folder, 'registry.yaml'), registryPolicy(equipment));
  writeFileSync(join(folder, 'open.yaml'), openPolicy());
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  return { folder, bundle, equipment: join(folder, 'equipment.json'), close };
}

async function certificates(): Promise<Equipment['certificates']> {
  const authority = await createAuthority();
  return {
    authority: authority.cert,
    server: await issueCertificate(authority, ['*.behaviour.test', 'localhost', '127.0.0.1', '::1']),
    other: await issueCertificate(authority, ['other.behaviour.test']),
    client: await issueCertificate(authority, ['client.behaviour.test']),
    stranger: await issueCertificate(await createAuthority('stranger'), ['*.behaviour.test', 'localhost']),
  };
}

/** Below the range from which the system takes ports for clients: nobody gets one of these by chance. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let port = 10_000 + Math.floor(Math.random() * 18_000); ports.length < count; port++)
    if (await isFree(port)) ports.push(port);
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The binary of a version of Node. */
export function nodeBinary(version: string): string {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

let recordings = 0;

/** A family takes seconds. */
const HANGING_MS = 120_000;

/** One family in a process of its own. */
export async function recordFamily(
  workplace: Workplace,
  node: string,
  circumstance: Circumstance,
  family: string,
  names: readonly string[] = [],
): Promise<ReadonlyMap<string, Record>> {
  const output = join(workplace.folder, `record-${recordings++}.json`);
  const preload = circumstance === 'plain' ? [] : ['--require', join(root, 'dist/register.cjs')];
  const flags = [...preload, '--expose-gc'];
  const child = spawn(node, [...flags, workplace.bundle, workplace.equipment, output, family, ...names], {
    env: { PATH: process.env['PATH'], ...environment(workplace, circumstance) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints += String(chunk)));
  const clock = setTimeout(() => child.kill('SIGKILL'), HANGING_MS);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...end) => resolve(end)),
  );
  clearTimeout(clock);
  if (code !== 0) throw new Error(`${family}, ${circumstance}: ended with ${code ?? signal}: ${complaints}`);
  return new Map(Object.entries(JSON.parse(readFileSync(output, 'utf8')) as { [name: string]: Record }));
}

function environment({ folder }: Workplace, circumstance: Circumstance): { [name: string]: string } {
  if (circumstance === 'plain') return {};
  return {
    SIDECARLESS_CONFIG: join(folder, `${circumstance}.yaml`),
    SIDECARLESS_UNIX_SOCKETS: `${folder}/*`,
    // With the log there are observers, without it there are none.
    SIDECARLESS_ACCESS_LOG: circumstance === 'registry' ? join(folder, 'access.log') : 'off',
  };
}

export interface Difference {
  readonly behaviour: Behaviour;
  readonly circumstance: Circumstance;
  readonly plain: Record;
  readonly other: Record;
  /** Every line that differs is one that docs/node.md tells of. */
  readonly documented: boolean;
}

/** Compares two recordings of a family. */
export function differences(
  family: string,
  circumstance: Circumstance,
  plain: ReadonlyMap<string, Record>,
  other: ReadonlyMap<string, Record>,
): Difference[] {
  const behaviours = FAMILIES.find(({ name }) => name === family)?.behaviours ?? [];
  return behaviours.flatMap((behaviour) => {
    const [a, b] = [plain.get(behaviour.name) ?? [], other.get(behaviour.name) ?? []];
    if (same(a, b)) return [];
    const { lines: told, logged } = behaviour.documented ?? {};
    const rest = (record: Record): Record => record.filter((line) => !told?.test(line));
    const documented =
      told !== undefined && circumstance !== 'plain' && !(logged && circumstance === 'open') && same(rest(a), rest(b));
    return [{ behaviour, circumstance, plain: a, other: b, documented }];
  });
}

function same(a: Record, b: Record): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

/** The two records beside each other, from where they part. */
export function showDifference({ plain, other }: Difference, context = 3, most = 24): string {
  let start = 0;
  while (start < plain.length && plain[start] === other[start]) start++;
  let end = 0;
  while (end < Math.min(plain.length, other.length) - start && plain.at(-1 - end) === other.at(-1 - end)) end++;
  const lines = [
    ...plain.slice(Math.max(0, start - context), start).map((line) => `  ${line}`),
    ...plain.slice(start, plain.length - end).map((line) => `- ${line}`),
    ...other.slice(start, other.length - end).map((line) => `+ ${line}`),
    ...plain.slice(plain.length - end, plain.length - end + context).map((line) => `  ${line}`),
  ];
  return lines
    .slice(0, most)
    .map((line) => line.slice(0, 400))
    .join('\n');
}
