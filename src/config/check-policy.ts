/** What `sidecarless check` says: the findings of loading and those of the checks, each at its place and each once. */
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { MeshConfig } from '../core/model/mesh-config.ts';
import type { ResourceRef } from '../core/model/resource.ts';
import { EgressConfigError } from '../errors.ts';
import type { AnalyzedResource } from './analyze/analysis.ts';
import { analyzeMeshConfig, runChecks } from './analyze/analyze.ts';
import { schema } from './analyze/schema.ts';
import { buildMeshConfig, type LoadOptions } from './build-mesh-config.ts';
import { readConfigFiles } from './config-files.ts';
import { resolveFieldPath } from './field-path.ts';
import { readResources, type WrittenResource } from './read-resources.ts';
import { inOrderOfPlace } from './report.ts';
import { readSources } from './sources.ts';

export interface PolicyCheck {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent: it was refused. */
  readonly meshConfig?: MeshConfig;
}

/** Loads files as `loadMeshConfig` does, and puts the checks to all that they hold, Secrets and Nodes too. Never throws EgressConfigError. */
export function checkPolicy(paths: readonly string[], options: LoadOptions = {}): PolicyCheck {
  const files = readConfigFiles(paths);
  const sources = readSources(files.sources);
  const { diagnostics: loading, meshConfig } = attempt(() =>
    buildMeshConfig(sources, { ...options, before: files.diagnostics, expectPolicyIn: paths.join(', ') }),
  );
  const { written } = readResources(sources.documents);
  const checked = eachOnce([
    ...analyzeMeshConfig(written.filter(({ wellFormed }) => wellFormed).map(toAnalyzed), meshConfig),
    ...runChecks([schema], written.filter(({ wellFormed }) => !wellFormed).map(toAnalyzed)),
  ]);
  const diagnostics = inOrderOfPlace([...loading.filter((finding) => !isSaidBy(checked, finding)), ...checked]);
  return meshConfig === undefined ? { diagnostics } : { diagnostics, meshConfig };
}

function attempt(load: () => MeshConfig): PolicyCheck {
  try {
    const meshConfig = load();
    return { meshConfig, diagnostics: meshConfig.diagnostics };
  } catch (error) {
    if (error instanceof EgressConfigError) return { diagnostics: error.diagnostics };
    throw error;
  }
}

function toAnalyzed({ value, document }: WrittenResource): AnalyzedResource {
  const source = document.locate?.(['kind']);
  return {
    ...(value as unknown as AnalyzedResource),
    ...(source === undefined ? {} : { source }),
    locate: (field) => document.locate?.(field === '' ? ['kind'] : resolveFieldPath(field, value)),
  };
}

/** Several checks may find the same: it is said once. */
function eachOnce(findings: readonly Diagnostic[]): readonly Diagnostic[] {
  const said = new Map<string, Diagnostic>();
  for (const finding of findings) {
    const { code, message, field, resource } = finding;
    const key = JSON.stringify([code, message, field, resource]);
    if (!said.has(key)) said.set(key, finding);
  }
  return [...said.values()];
}

/** Findings of loading that a check repeats under a code of its own. */
const SAID_BY_CHECKS: Readonly<Record<string, readonly string[]>> = {
  SCL0311: ['SCL2006'],
  SCL0312: ['IST0101'],
  SCL0313: ['IST0101', 'IST0165'],
};

function isSaidBy(checks: readonly Diagnostic[], { code, message, field, resource }: Diagnostic): boolean {
  return checks.some(
    (check) =>
      isSame(check.resource, resource) &&
      check.field === field &&
      (check.message === message || SAID_BY_CHECKS[code]?.includes(check.code) === true),
  );
}

function isSame(a: ResourceRef | undefined, b: ResourceRef | undefined): boolean {
  return a?.kind === b?.kind && a?.name === b?.name && a?.source?.line === b?.source?.line;
}
