/**
 * Istio YAML -> MeshConfig.
 *
 * For test runners that have MeshConfig and resources as two texts:
 *
 *     parseMeshConfig(
 *       [{ text: scenario.meshConfig, as: 'MeshConfig' }, scenario.resources, scenario.kubernetes ?? ''],
 *       { workload, invalid: 'skip', tlsRequests: 'opaque', loopback: 'bypass' },
 *     )
 */
import { readFileSync } from 'node:fs';
import type { Workload } from '../core/model/connection.ts';
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { CaptureSettings, MeshConfig } from '../core/model/mesh-config.ts';
import { findConfigFiles } from './config-files.ts';
import { levelOf } from './diagnostics.ts';
import { deepFreeze } from './freeze.ts';
import type { TextProblem } from './parse-yaml.ts';
import { readMeshConfig } from './read-mesh-config.ts';
import { readResources } from './read-resources.ts';
import { inOrderOfPlace, toConfigError } from './report.ts';
import { type ConfigInput, readSources } from './sources.ts';

export interface LoadOptions extends Partial<CaptureSettings> {
  /**
   * `throw` (the default): a rejected resource rejects the whole. `skip`: it is left out, as a cluster would go on without
   * it, and `diagnostics` of the result lists it with level `error`. A MeshConfig that cannot be read is refused either way.
   */
  readonly invalid?: 'throw' | 'skip';
  /** Who asks when a Connection names no workload. Absent: namespace `default`, no labels. */
  readonly workload?: Workload;
  /** Suffix of Kubernetes host names. Absent: `cluster.local`. */
  readonly clusterDomain?: string;
  /** Whether HTTP routes also hold for requests inside TLS. Absent: `govern`. */
  readonly tlsRequests?: 'govern' | 'opaque';
}

/**
 * One MeshConfig from YAML or JSON text, from sources with names, or from plain objects, alone or in a list.
 * Throws EgressConfigError (`ERR_EGRESS_CONFIG`) with every error there is.
 */
export function parseMeshConfig(input: ConfigInput, options: LoadOptions = {}): MeshConfig {
  const { documents, problems } = readSources(input);
  const read = readResources(documents);
  const mesh = readMeshConfig(read.meshConfig);
  const diagnostics = inOrderOfPlace([...problems.map(toDiagnostic), ...read.diagnostics, ...mesh.diagnostics]);
  const { invalid, ...settings } = options;
  if (!mesh.usable || (invalid !== 'skip' && diagnostics.some(({ level }) => level === 'error'))) {
    throw toConfigError(diagnostics);
  }
  return deepFreeze({
    ...mesh.meshConfig,
    ...read.resources,
    ...captureDefaults,
    ...settingsDefaults,
    ...withoutUndefined(settings),
    ...(mesh.source === undefined ? {} : { source: mesh.source }),
    diagnostics,
  });
}

export function defineMeshConfig(objects: ConfigInput, options: LoadOptions = {}): MeshConfig {
  return parseMeshConfig(objects, options);
}

/** Files, directories (all `.yaml`, `.yml`, `.json` below) or glob patterns. */
export function loadMeshConfig(paths: string | readonly string[], options: LoadOptions = {}): MeshConfig {
  const files = findConfigFiles(typeof paths === 'string' ? [paths] : paths);
  return parseMeshConfig(
    files.map((file) => ({ file, text: readFileSync(file, 'utf8') })),
    options,
  );
}

const captureDefaults: CaptureSettings = {
  includeIPRanges: '*',
  excludeIPRanges: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  loopback: 'govern',
};

const settingsDefaults = {
  workload: { namespace: 'default' },
  clusterDomain: 'cluster.local',
  tlsRequests: 'govern',
} as const;

function toDiagnostic({ code, message, location, fix }: TextProblem): Diagnostic {
  const level = levelOf(code);
  return { code, level, message, location, ...(fix === undefined ? {} : { fix }) };
}

/** Options passed on as `undefined` are not given. */
function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
