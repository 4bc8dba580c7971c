/**
 * Istio YAML -> MeshConfig.
 *
 * For test runners that have MeshConfig and resources as two texts:
 *
 *     parseMeshConfig(
 *       [{ text: scenario.meshConfig, as: 'MeshConfig' }, scenario.resources, scenario.kubernetes ?? ''],
 *       { workload, invalid: 'skip', tlsRequests: 'opaque', loopback: 'bypass' },
 *     )
 *
 * With `invalid: 'skip'` rejected resources are left out and listed in `meshConfig.diagnostics`.
 */
import { readFileSync } from 'node:fs';
import type { Workload } from '../core/model/connection.ts';
import type { CaptureSettings, MeshConfig, MeshResources } from '../core/model/mesh-config.ts';
import { findConfigFiles } from './config-files.ts';
import { deepFreeze } from './freeze.ts';
import { meshConfigDefaults, mergeMeshConfig } from './mesh-config-merge.ts';
import { findResourceKind, type ResourceKind, resourceKinds, splitApiVersion } from './resource-kinds.ts';
import { type ConfigInput, readSources, type SourceDocument } from './sources.ts';

export interface LoadOptions extends Partial<CaptureSettings> {
  /** `throw` (the default): any rejected resource rejects the whole. `skip`: it is left out and reported. */
  readonly invalid?: 'throw' | 'skip';
  /** Who asks when a Connection names no workload. Absent: namespace `default`, no labels. */
  readonly workload?: Workload;
  /** Absent: `cluster.local`. */
  readonly clusterDomain?: string;
  readonly tlsRequests?: 'govern' | 'opaque';
}

type Fields = Record<string, unknown>;

export function parseMeshConfig(input: ConfigInput, options: LoadOptions = {}): MeshConfig {
  const { documents, problems } = readSources(input);
  if (problems.length > 0) throw new Error(problems.map((problem) => problem.message).join('\n'));
  const collections: Record<string, unknown[]> = {};
  for (const { collection } of resourceKinds) collections[collection] = [];
  let overrides: Fields = {};
  const queue = [...documents];
  for (let document = queue.shift(); document !== undefined; document = queue.shift()) {
    const value = document.value as Fields;
    if (document.as === 'MeshConfig' || value['kind'] === undefined) {
      overrides = camelCased(value) as Fields;
      continue;
    }
    if (String(value['kind']).endsWith('List') && Array.isArray(value['items'])) {
      queue.unshift(...value['items'].map((item: unknown): SourceDocument => ({ value: item })));
      continue;
    }
    const kind = findResourceKind(String(value['kind']), splitApiVersion(String(value['apiVersion'])).group);
    if (kind !== undefined) collections[kind.collection]?.push(toResource(kind, value, document));
  }
  const captured = {
    includeIPRanges: options.includeIPRanges ?? '*',
    excludeIPRanges: options.excludeIPRanges ?? '',
    includeOutboundPorts: options.includeOutboundPorts ?? '',
    excludeOutboundPorts: options.excludeOutboundPorts ?? '',
    loopback: options.loopback ?? 'govern',
  } satisfies CaptureSettings;
  const { invalid: _invalid, ...settings } = options;
  return deepFreeze({
    ...mergeMeshConfig(meshConfigDefaults, overrides),
    ...(collections as unknown as MeshResources),
    workload: { namespace: 'default' },
    clusterDomain: 'cluster.local',
    tlsRequests: 'govern' as const,
    ...settings,
    ...captured,
    diagnostics: [],
  });
}

function toResource(kind: ResourceKind, value: Fields, document: SourceDocument): Fields {
  const metadata = value['metadata'] as Fields;
  const beside = Object.fromEntries(
    (kind.besideMetadata ?? []).flatMap((field) => (value[field] === undefined ? [] : [[field, value[field]]])),
  );
  return {
    ...(kind.collection === 'serviceEntries' && value['status'] ? { status: value['status'] } : {}),
    kind: kind.kind,
    apiVersion: value['apiVersion'],
    metadata: kind.clusterScoped === true ? metadata : { namespace: 'default', ...metadata },
    spec: { ...((value['spec'] as Fields | undefined) ?? {}), ...beside },
    ...(document.locate === undefined ? {} : { source: document.locate(['kind']) }),
  };
}

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== 'object' || value === null) return value;
  const renamed = Object.entries(value).map(([name, inner]) => [
    /^[a-z0-9_]+$/.test(name) ? name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase()) : name,
    camelCased(inner),
  ]);
  return Object.fromEntries(renamed);
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
