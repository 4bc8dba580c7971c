/** `sidecarless check`: Istio's analyzers and our own checks over a set of resources. */
import type { Diagnostic } from '../../core/model/diagnostic.ts';
import type { MeshConfig, MeshResources } from '../../core/model/mesh-config.ts';
import { Analysis, type AnalyzedResource, type MeshSettings } from './analysis.ts';
import type { Check } from './check.ts';
import { checks } from './checks.ts';
import { gatewayCredential } from './gateway-credential.ts';
import { findResourceKind, splitApiVersion } from '../resource-kinds.ts';
import { resourceSchemas } from '../schema/resource.ts';
import { schemaProblems } from '../schema-problems.ts';
import { codeOfRule } from '../validate/rule-codes.ts';
import { schema } from './schema.ts';

const COLLECTIONS = [
  'serviceEntries',
  'virtualServices',
  'destinationRules',
  'gateways',
  'sidecars',
  'workloadEntries',
  'services',
  'pods',
  'namespaces',
] as const satisfies readonly (keyof MeshResources)[];

/** Kinds whose `spec` the checks read. */
const READ_WHOLE: ReadonlySet<string> = new Set([
  'ServiceEntry',
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'Sidecar',
  'Service',
]);

/** What the checks find in a loaded MeshConfig, or in resources as they were written (of any kind, also Secrets and Nodes). */
export function analyzeMeshConfig(input: MeshConfig | readonly AnalyzedResource[], mesh?: MeshSettings): Diagnostic[] {
  const isList = (value: MeshConfig | readonly AnalyzedResource[]): value is readonly AnalyzedResource[] =>
    Array.isArray(value);
  if (isList(input)) {
    const resources = input.flatMap(itemsOf);
    const others = checks.filter((check) => check !== schema);
    return [...runChecks([schema], resources, mesh), ...runChecks(others, resources.filter(isReadable), mesh)];
  }
  // A MeshConfig keeps no Secrets, so nothing is known of them.
  const answerable = checks.filter((check) => check !== gatewayCredential);
  return runChecks(answerable, resourcesOf(input), input);
}

/** Some checks alone. */
export function runChecks(
  selected: readonly Check[],
  resources: readonly AnalyzedResource[],
  mesh?: MeshSettings,
): Diagnostic[] {
  const analysis = new Analysis(resources.flatMap(itemsOf), mesh);
  for (const check of selected) check.run(analysis);
  return analysis.diagnostics;
}

/** Whether every value has the type of its field; of others only `schema` can speak. */
function isReadable(resource: AnalyzedResource): boolean {
  const { kind, apiVersion } = resource;
  const known = READ_WHOLE.has(kind) ? resourceSchemas[kind]?.() : undefined;
  const ofOtherProject =
    apiVersion !== undefined && findResourceKind(kind, splitApiVersion(apiVersion).group) === undefined;
  if (known === undefined || ofOtherProject) return true;
  return !schemaProblems(resource, known).some(({ code }) => code === codeOfRule('wrongType'));
}

function resourcesOf(meshConfig: MeshConfig): AnalyzedResource[] {
  return COLLECTIONS.flatMap((collection) => [...meshConfig[collection]] as AnalyzedResource[]);
}

/** A `List` stands for its items. */
function itemsOf(resource: AnalyzedResource): AnalyzedResource[] {
  const { items } = resource as { readonly items?: readonly AnalyzedResource[] };
  return resource.kind.endsWith('List') && items !== undefined ? items.flatMap(itemsOf) : [resource];
}
