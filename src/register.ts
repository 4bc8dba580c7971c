/**
 * Preload: `node --require sidecarless/register app.js`, or in NODE_OPTIONS. Reads the environment, loads the policy and
 * governs the process, before a line of the program runs. Without a policy the program does not start.
 */
import { writeSync } from 'node:fs';
import Module from 'node:module';
import { delimiter } from 'node:path';
import { isInstalled } from './adapters/install.ts';
import { loadMeshConfig, type LoadOptions } from './config/load.ts';
import { watchMeshConfig } from './config/watch.ts';
import type { Workload } from './core/model/connection.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import { createEgress, type Egress, type EgressOptions } from './egress.ts';
import { EgressConfigError } from './errors.ts';

/** sysexits' EX_CONFIG: something is wrong with the configuration. */
const EX_CONFIG = 78;

type Environment = Readonly<Record<string, string | undefined>>;

/** Two copies of this file may be preloaded (`--require` and NODE_OPTIONS), and a program may require it again. */
if (!isInstalled()) start(process.env);

function start(env: Environment): void {
  try {
    const paths = pathsOf(env);
    const options = loadOptions(env);
    const load = (): MeshConfig => loadMeshConfig(paths, options);
    const egress = createEgress({ ...egressOptions(env), meshConfig: load() });
    egress.install();
    process.once('exit', () => void egress.close());
    if (isOn(env, 'WATCH')) watchMeshConfig(paths, { ...options, onChange: (next) => egress.update(next) });
    if (isOn(env, 'VERIFY')) startOnceProven(verify(egress));
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
  }
}

function setting(env: Environment, name: string): string | undefined {
  const value = env[`SIDECARLESS_${name}`];
  return value === undefined || value === '' ? undefined : value;
}

/** One of a closed list of words. A misspelt word must not weaken the guard: it is an error. */
function choice<T extends string>(env: Environment, name: string, choices: readonly T[]): T | undefined {
  const value = setting(env, name);
  if (value === undefined) return undefined;
  const found = choices.find((word) => word === value);
  if (found === undefined)
    throw new EgressConfigError(`SIDECARLESS_${name} is \`${value}\`: it may be ${choices.join(', ')}`);
  return found;
}

function isOn(env: Environment, name: string): boolean {
  return ['1', 'true'].includes(choice(env, name, ['1', 'true', '0', 'false']) ?? '0');
}

function list(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** Files, directories and globs, separated by commas or as in PATH. */
function pathsOf(env: Environment): string[] {
  const paths = list(setting(env, 'CONFIG') ?? '').flatMap((entry) => entry.split(delimiter).filter(Boolean));
  if (paths.length > 0) return paths;
  throw new EgressConfigError('SIDECARLESS_CONFIG is not set: it names the files or the directory of the mesh config');
}

function loadOptions(env: Environment): LoadOptions {
  const workload = workloadOf(env);
  const invalid = choice(env, 'INVALID', ['throw', 'skip']);
  const loopback = choice(env, 'LOOPBACK', ['govern', 'bypass']);
  const tlsRequests = choice(env, 'TLS_REQUESTS', ['govern', 'opaque']);
  return {
    ...(workload && { workload }),
    ...(invalid && { invalid }),
    ...(loopback && { loopback }),
    ...(tlsRequests && { tlsRequests }),
  };
}

/** Who asks: what the pod would have told its sidecar. */
function workloadOf(env: Environment): Workload | undefined {
  const namespace = setting(env, 'NAMESPACE');
  const name = setting(env, 'WORKLOAD');
  const labels = setting(env, 'LABELS');
  const addresses = setting(env, 'ADDRESSES');
  if ([namespace, name, labels, addresses].every((value) => value === undefined)) return undefined;
  return {
    namespace: namespace ?? 'default',
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels: Object.fromEntries(list(labels).map(labelOf)) }),
    ...(addresses !== undefined && { addresses: list(addresses) }),
  };
}

function labelOf(entry: string): [string, string] {
  const equals = entry.indexOf('=');
  if (equals > 0) return [entry.slice(0, equals), entry.slice(equals + 1)];
  throw new EgressConfigError(`SIDECARLESS_LABELS holds \`${entry}\`: write name=value, separated by commas`);
}

function egressOptions(env: Environment): Omit<EgressOptions, 'meshConfig'> {
  const mode = choice(env, 'MODE', ['enforce', 'report']);
  const denyAs = choice(env, 'DENY_AS', ['error', 'response', 'reset']);
  const timeoutAs = choice(env, 'TIMEOUT_AS', ['response', 'error']);
  const addressGuard = choice(env, 'ADDRESS_GUARD', ['rebinding', 'strict', 'off']);
  const dnsQueries = choice(env, 'DNS_QUERIES', ['any', 'admitted']);
  const unixSockets = setting(env, 'UNIX_SOCKETS');
  const meshCertificates = setting(env, 'MESH_CERTIFICATES');
  return {
    accessLog: accessLogOf(env),
    ...(mode && { mode }),
    ...(denyAs && { denyAs }),
    ...(timeoutAs && { timeoutAs }),
    ...(addressGuard && { addressGuard }),
    ...(dnsQueries && { dnsQueries }),
    ...(unixSockets !== undefined && { unixSockets: list(unixSockets) }),
    ...(meshCertificates !== undefined && { meshCertificates }),
  };
}

/** What is not said here is as the mesh config says. */
function accessLogOf(env: Environment): NonNullable<EgressOptions['accessLog']> {
  const to = setting(env, 'ACCESS_LOG');
  if (to === 'off' || to === 'false') return false;
  const encoding = choice(env, 'ACCESS_LOG_ENCODING', ['TEXT', 'JSON']);
  const format = setting(env, 'ACCESS_LOG_FORMAT');
  return { ...(to !== undefined && { to }), ...(encoding && { encoding }), ...(format !== undefined && { format }) };
}

async function verify(egress: Egress): Promise<void> {
  try {
    const { ok, layers } = await egress.verify();
    if (ok) return;
    const open = layers.filter(({ denied }) => !denied).map(({ layer }) => layer);
    refuse(`these clients do not obey the policy: ${open.join(', ')}`);
  } catch (error) {
    refuse(`it could not be proven that clients obey the policy: ${String(error)}`);
  }
}

/**
 * Keeps the program from starting until it is proven that every client obeys. Node leaves `runMain` to be replaced by
 * preloads; in workers, and with `--eval` and `--test`, it is not called: there the proof runs beside the program.
 */
function startOnceProven(proof: Promise<void>): void {
  const loader = Module as unknown as { runMain: (...args: unknown[]) => unknown };
  const { runMain } = loader;
  loader.runMain = (...args) => {
    loader.runMain = runMain;
    void proof.then(() => Reflect.apply(runMain, loader, args));
  };
}

/** Nothing of the program has run, or may run on: at once, and with the reason where an operator looks first. */
function refuse(message: string): void {
  try {
    writeSync(2, `sidecarless: ${message}\nsidecarless: no policy, no start\n`);
  } finally {
    process.exit(EX_CONFIG);
  }
}
