/**
 * Istio YAML -> MeshConfig: from text, from files, from literals.
 *
 * MeshConfig may come as a text of its own, even an empty one:
 *
 *     parseMeshConfig([{ text: meshConfig, as: 'MeshConfig' }, resources, kubernetes], { workload, invalid: 'skip' });
 */
import type { MeshConfig } from '../core/model/mesh-config.ts';
import { buildMeshConfig, type LoadOptions } from './build-mesh-config.ts';
import { readWith } from '../policy-loader.ts';
import { readConfigFiles } from './config-files.ts';
import { readLiteral, type MeshConfigLiteral } from './mesh-config-literal.ts';
import { type ConfigInput, readSources } from './sources.ts';

export type { LoadOptions } from './build-mesh-config.ts';
export type { MeshConfigLiteral, ResourceLiteral } from './mesh-config-literal.ts';

/**
 * One MeshConfig from YAML or JSON text, from sources with names, or from plain objects, alone or in a list.
 * Throws EgressConfigError (`ERR_EGRESS_CONFIG`) that lists every error, each with its place.
 *
 *     const meshConfig = parseMeshConfig(`
 *     outboundTrafficPolicy: { mode: REGISTRY_ONLY }
 *     ---
 *     apiVersion: networking.istio.io/v1
 *     kind: ServiceEntry
 *     metadata: { name: api }
 *     spec:
 *       hosts: [api.example.com]
 *       ports: [{ number: 443, name: https, protocol: HTTPS }]
 *       resolution: DNS
 *     `);
 */
export function parseMeshConfig(input: ConfigInput, options: LoadOptions = {}): MeshConfig {
  return asLoaded(buildMeshConfig(readSources(input), options), options);
}

/**
 * One MeshConfig from typed literals: fields of MeshConfig, resources by kind, capture settings and the default workload in one
 * object. A MeshConfig is such a literal too, so that one can be made from another: `{ ...meshConfig, serviceEntries: [] }`.
 * Throws EgressConfigError as `parseMeshConfig` does.
 */
export function defineMeshConfig(literal: MeshConfigLiteral, options: LoadOptions = {}): MeshConfig {
  const { sources, settings } = readLiteral(literal);
  const all = { ...settings, ...options };
  return asLoaded(buildMeshConfig(sources, all), all);
}

/**
 * One MeshConfig from files, directories (every `.yaml`, `.yml` and `.json` below) and glob patterns. Reads synchronously.
 * Throws EgressConfigError as `parseMeshConfig` does, also for a path that does not exist, an empty directory, and files that
 * hold no policy.
 */
export function loadMeshConfig(paths: string | readonly string[], options: LoadOptions = {}): MeshConfig {
  const list = typeof paths === 'string' ? [paths] : paths;
  const { sources, diagnostics } = readConfigFiles(list);
  const found = { ...options, before: diagnostics, expectPolicyIn: list.join(', ') };
  return asLoaded(buildMeshConfig(readSources(sources), found), options);
}

/** `egress.update(paths)` reads as the policy in force was read. */
function asLoaded(meshConfig: MeshConfig, options: LoadOptions): MeshConfig {
  return readWith(meshConfig, (paths) => loadMeshConfig(paths, options));
}
