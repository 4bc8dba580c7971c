import type { MeshConfig } from './core/model/mesh-config.ts';

/** Reads files as a MeshConfig was read: with the same options. May throw EgressConfigError. */
export type PolicyLoader = (paths: string | readonly string[]) => MeshConfig;

const loaders = new WeakMap<MeshConfig, PolicyLoader>();

/**
 * Notes how a MeshConfig was read. Whoever takes another in its place later need not know how files are read, so that a
 * program which never reads any does not carry the code for it.
 */
export function readWith(meshConfig: MeshConfig, loader: PolicyLoader): MeshConfig {
  loaders.set(meshConfig, loader);
  return meshConfig;
}

/** Undefined: it was not made by this package's `loadMeshConfig`, `parseMeshConfig` or `defineMeshConfig`. */
export function loaderOf(meshConfig: MeshConfig): PolicyLoader | undefined {
  return loaders.get(meshConfig);
}
