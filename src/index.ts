export * from './core/index.ts';
export { defineMeshConfig, loadMeshConfig, parseMeshConfig, type LoadOptions } from './config/load.ts';
export type { ConfigInput, ConfigSource } from './config/sources.ts';
