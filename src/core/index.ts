export type * from './model/connection.ts';
export type * from './model/decision.ts';
export type * from './model/destination-rule.ts';
export type * from './model/diagnostic.ts';
export type * from './model/gateway.ts';
export type * from './model/mesh-config.ts';
export type * from './model/resource.ts';
export type * from './model/service.ts';
export type * from './model/service-entry.ts';
export type * from './model/sidecar.ts';
export type * from './model/virtual-service.ts';
export type * from './model/workload-entry.ts';
export { canonicalHost, type CanonicalHost } from './match/canonical-host.ts';
export { parseIp, toDialledIp, type Ip } from './match/ip-address.ts';
export { CidrIndex, parseCidr } from './match/cidr-index.ts';

export { compileMeshConfig, type CompiledMesh } from './compile/compile-mesh.ts';
export { decide } from './decide/decide.ts';
export { explain } from './decide/explain.ts';
