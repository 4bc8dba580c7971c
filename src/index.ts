export type * from './core/index.ts';
export { compileMeshConfig, decide, explain } from './core/index.ts';
export {
  createEgress,
  type AccessLogSetting,
  type AddressGuardMode,
  type DenyAs,
  type DnsQueries,
  type Egress,
  type EgressOptions,
  type TimeoutAs,
  type Verification,
} from './egress.ts';
export { analyzeMeshConfig } from './config/analyze/analyze.ts';
export {
  defineMeshConfig,
  loadMeshConfig,
  parseMeshConfig,
  type LoadOptions,
  type MeshConfigLiteral,
  type ResourceLiteral,
} from './config/load.ts';
export type { ConfigInput, ConfigSource } from './config/sources.ts';
export { watchMeshConfig, type MeshConfigWatch, type WatchOptions } from './config/watch.ts';
export {
  EgressConfigError,
  EgressDeniedError,
  EgressError,
  EgressOverflowError,
  EgressTimeoutError,
  findEgressError,
  type EgressErrorCode,
} from './errors.ts';
export { compileAccessLogFormat, type AccessLogFormatter, type JsonFormat } from './telemetry/access-log-format.ts';
export type { AccessLogEntry } from './telemetry/access-log-entry.ts';
export type { AccessLogFunction, AccessLogOptions } from './telemetry/access-log.ts';
export type { Exchange, ExchangeObserver } from './telemetry/exchange.ts';
export { EgressMetrics, type MetricsOptions } from './telemetry/metrics.ts';
