import type { ObjectMeta, ResourceRef, SourceLocation } from '../model/resource.ts';

interface Dated {
  readonly metadata: ObjectMeta;
}

/** Kubernetes' default for objects that name no namespace. */
export function namespaceOf(resource: Dated): string {
  return resource.metadata.namespace ?? 'default';
}

/** Milliseconds since 1970; 0, older than everything, when no time is known: Istio's zero time. */
export function createdAt(resource: Dated): number {
  const text = resource.metadata.creationTimestamp;
  if (text === undefined) return 0;
  const time = Date.parse(text);
  return Number.isNaN(time) ? 0 : time;
}

/** Code unit order, which is Go's byte order for the ASCII names Kubernetes allows. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Oldest first; of the same age by name, then by namespace. What Istio prefers stands first. */
export function compareAge(a: Dated, b: Dated): number {
  return (
    createdAt(a) - createdAt(b) ||
    compareText(a.metadata.name, b.metadata.name) ||
    compareText(namespaceOf(a), namespaceOf(b))
  );
}

/** A sorted copy, oldest first. */
export function oldestFirst<T extends Dated>(resources: readonly T[]): T[] {
  return [...resources].sort(compareAge);
}

/** Names a resource in a decision. */
export function refOf(resource: Dated & { readonly kind: string; readonly source?: SourceLocation }): ResourceRef {
  const { kind, metadata, source } = resource;
  return Object.freeze({
    kind,
    namespace: namespaceOf(resource),
    name: metadata.name,
    ...(source !== undefined && { source }),
  });
}

/** Whether every label of `selector` is among `labels`; an empty selector selects all. */
export function labelsMatch(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector === undefined) return true;
  for (const key of Object.keys(selector)) {
    if (labels?.[key] !== selector[key]) return false;
  }
  return true;
}
