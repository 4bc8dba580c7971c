import { exportedTo } from '../match/visibility.ts';
import type { MeshConfig, MeshResources } from '../model/mesh-config.ts';
import { labelsMatch, namespaceOf } from './age.ts';

type Labels = Readonly<Record<string, string>>;
type Namespaced = { readonly metadata: { readonly name: string; readonly namespace?: string } };

/** What MeshConfig's `serviceEntryVisibility` leaves of the exports of a namespace's ServiceEntries. */
export type EntryVisibility = 'PUBLIC' | 'NAMESPACE' | 'NONE';

const OWN_NAMESPACE: ReadonlySet<string> = new Set(['.']);
const NO_ONE: ReadonlySet<string> = new Set(['~']);

/** Kubernetes' LabelSelector: `matchLabels` and `matchExpressions`, all of which must hold. */
export function matchesLabelSelector(selector: unknown, labels: Labels): boolean {
  if (!isRecord(selector)) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (!isRecord(matchLabels) || !Array.isArray(matchExpressions)) return false;
  return labelsMatch(matchLabels as Labels, labels) && matchExpressions.every((one) => expressionHolds(one, labels));
}

function expressionHolds(expression: unknown, labels: Labels): boolean {
  if (!isRecord(expression) || typeof expression['key'] !== 'string') return false;
  const value = labels[expression['key']];
  const values: unknown = expression['values'];
  const listed = value !== undefined && Array.isArray(values) && values.includes(value);
  switch (expression['operator']) {
    case 'In':
      return listed;
    case 'NotIn':
      return !listed;
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Labels of a namespace; every namespace is labelled with its own name. */
function namespaceLabels(mesh: MeshConfig): (namespace: string) => Labels {
  const labels = new Map(mesh.namespaces.map(({ metadata }) => [metadata.name, metadata.labels]));
  return (namespace) => ({ ...labels.get(namespace), 'kubernetes.io/metadata.name': namespace });
}

/**
 * How far ServiceEntries of a namespace may be seen. The first policy all of whose rules match decides, else the
 * default; only where `applyToSidecars` is set, since everything here is a sidecar or a gateway.
 */
export function serviceEntryVisibility(mesh: MeshConfig): (namespace: string) => EntryVisibility {
  const settings = mesh.serviceEntryVisibility;
  if (settings?.['applyToSidecars'] !== true) return () => 'PUBLIC';
  const policies: readonly unknown[] = Array.isArray(settings['policies']) ? settings['policies'] : [];
  const labelsOf = namespaceLabels(mesh);
  const known = new Map<string, EntryVisibility>();
  return (namespace) => {
    const held = known.get(namespace);
    if (held !== undefined) return held;
    const policy = policies.find((candidate) => policyMatches(candidate, labelsOf(namespace)));
    const found = asVisibility(isRecord(policy) ? policy['visibility'] : settings['defaultVisibility']);
    known.set(namespace, found);
    return found;
  };
}

/** A rule without a matcher that is known here never matches; a policy without rules always does. */
function policyMatches(policy: unknown, labels: Labels): boolean {
  if (!isRecord(policy)) return false;
  const rules: readonly unknown[] = Array.isArray(policy['matchingRules']) ? policy['matchingRules'] : [];
  return rules.every((rule) => isRecord(rule) && matchesLabelSelector(rule['namespaceSelector'], labels));
}

function asVisibility(value: unknown): EntryVisibility {
  return value === 'NAMESPACE' || value === 'NONE' ? value : 'PUBLIC';
}

/** `exportTo`, no wider than `visibility`. */
export function narrowExport(
  exportTo: ReadonlySet<string>,
  visibility: EntryVisibility,
  ownNamespace: string,
): ReadonlySet<string> {
  if (visibility === 'PUBLIC') return exportTo;
  return visibility === 'NAMESPACE' && exportedTo(exportTo, ownNamespace, ownNamespace) ? OWN_NAMESPACE : NO_ONE;
}

/**
 * The resources in namespaces that `discoverySelectors` choose; one selector suffices. Without selectors, and where no
 * Namespace was loaded so that no label is known: all of them.
 */
export function discoveredResources(mesh: MeshConfig): MeshResources {
  const selectors = mesh.discoverySelectors ?? [];
  if (selectors.length === 0 || mesh.namespaces.length === 0) return mesh;
  const labelsOf = namespaceLabels(mesh);
  const known = new Map<string, boolean>();
  const isDiscovered = (resource: Namespaced): boolean => {
    const namespace = namespaceOf(resource);
    const held = known.get(namespace);
    if (held !== undefined) return held;
    const found = selectors.some((selector) => matchesLabelSelector(selector, labelsOf(namespace)));
    known.set(namespace, found);
    return found;
  };
  return {
    serviceEntries: mesh.serviceEntries.filter(isDiscovered),
    virtualServices: mesh.virtualServices.filter(isDiscovered),
    destinationRules: mesh.destinationRules.filter(isDiscovered),
    gateways: mesh.gateways.filter(isDiscovered),
    sidecars: mesh.sidecars.filter(isDiscovered),
    workloadEntries: mesh.workloadEntries.filter(isDiscovered),
    services: mesh.services.filter(isDiscovered),
    endpointSlices: mesh.endpointSlices.filter(isDiscovered),
    endpoints: mesh.endpoints.filter(isDiscovered),
    pods: mesh.pods.filter(isDiscovered),
    namespaces: mesh.namespaces,
  };
}
