export type * from './core/index.ts';
export { compileMeshConfig, decide, explain } from './core/index.ts';
export {
  defineMeshConfig,
  loadMeshConfig,
  parseMeshConfig,
  type LoadOptions,
  type MeshConfigLiteral,
  type ResourceLiteral,
} from './config/load.ts';
export type { ConfigInput, ConfigSource } from './config/sources.ts';
export {
  EgressConfigError,
  EgressDeniedError,
  EgressError,
  EgressTimeoutError,
  type EgressErrorCode,
} from './errors.ts';
