import type { Scope } from './compiled.ts';

const NONE: readonly string[] = Object.freeze([]);

/**
 * The short forms by which the asker may name a host of its own cluster: `name.namespace` and `name.namespace.svc`,
 * and in its own namespace `name` too. None for other hosts.
 */
export function alternativeHosts(scope: Scope, hostname: string): readonly string[] {
  const { clusterDomain } = scope.mesh;
  if (!hostname.endsWith(clusterDomain)) return NONE;
  const domain = `.svc.${clusterDomain}`;
  if (!hostname.endsWith(domain)) return NONE;
  const inNamespace = hostname.slice(0, -domain.length);
  const dot = inNamespace.indexOf('.');
  if (dot <= 0) return NONE;
  const forms = [inNamespace, `${inNamespace}.svc`];
  return inNamespace.slice(dot + 1) === scope.workload.namespace ? [inNamespace.slice(0, dot), ...forms] : forms;
}
