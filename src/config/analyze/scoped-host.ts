/** Who sees a host: `*` for every namespace, or one namespace. */
export interface ScopedHost {
  readonly scope: string;
  readonly host: string;
}

const EVERYWHERE = '*';
const KUBERNETES_NAME = /^(.+)\.(.+)\.svc\.cluster\.local$/;

/** A short name completed in the namespace of its resource; wildcards and names with a dot stay. */
export function completeHost(host: string, namespace: string, clusterDomain = 'cluster.local'): string {
  return host.startsWith('*') || host.includes('.') ? host : `${host}.${namespace}.svc.${clusterDomain}`;
}

export function scopedHost(scope: string, host: string, namespace: string, clusterDomain?: string): ScopedHost {
  return { scope, host: completeHost(host, namespace, clusterDomain) };
}

/** `scope/host`. */
export function scopedHostText({ scope, host }: ScopedHost): string {
  return `${scope}/${host}`;
}

export function parseScopedHost(text: string): ScopedHost {
  const slash = text.indexOf('/');
  return { scope: text.slice(0, slash), host: text.slice(slash + 1) };
}

/** `.` is the namespace that the host itself names. */
export function isInScope({ scope, host }: ScopedHost, namespace: string): boolean {
  return (
    scope === EVERYWHERE || scope === namespace || (scope === '.' && splitKubernetesName(host).namespace === namespace)
  );
}

/** Name and namespace of `reviews.default.svc.cluster.local`; empty for other hosts. */
export function splitKubernetesName(host: string): { readonly name: string; readonly namespace: string } {
  const [, name = '', namespace = ''] = KUBERNETES_NAME.exec(host) ?? [];
  return { name, namespace };
}

/** What a host means in a namespace: a Kubernetes name says it itself, any other is a name of that namespace. */
export function resourceOfHost(host: string, namespace: string): { readonly name: string; readonly namespace: string } {
  const split = splitKubernetesName(host);
  return split.namespace === '' ? { name: host, namespace } : split;
}

/** No entry means every namespace. */
export function isExportedEverywhere(exportTo: readonly string[] = []): boolean {
  return exportTo.length === 0 || exportTo.includes(EVERYWHERE);
}

/** The namespaces that see a resource; `*` for all. */
export function exportScopes(exportTo: readonly string[] | undefined, namespace: string): readonly string[] {
  if (isExportedEverywhere(exportTo)) return [EVERYWHERE];
  return [...new Set((exportTo ?? []).map((entry) => (entry === '.' ? namespace : entry)))];
}

/** The same from the annotation of a Kubernetes Service: comma-separated. */
export function annotationScopes(annotation: string, namespace: string): readonly string[] {
  if (annotation === '') return [EVERYWHERE];
  return annotation.split(',').map((entry) => (entry.trim() === '.' ? namespace : entry.trim()));
}
