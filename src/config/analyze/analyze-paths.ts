import type { Diagnostic } from '../../core/model/diagnostic.ts';
import type { SourceLocation } from '../../core/model/resource.ts';
import { readConfigFiles } from '../config-files.ts';
import { resolveFieldPath } from '../field-path.ts';
import type { FieldPath } from '../parse-yaml.ts';
import { readSources, type SourceDocument } from '../sources.ts';
import type { AnalyzedResource, MeshSettings } from './analysis.ts';
import { analyzeMeshConfig } from './analyze.ts';

/**
 * What the checks find in files, directories and globs: also in resources that a MeshConfig does not keep (Secrets, Nodes),
 * and with the place of each field. What cannot be read is passed over: loading says so.
 */
export function analyzePaths(paths: readonly string[], mesh?: MeshSettings): Diagnostic[] {
  const { documents } = readSources([...readConfigFiles(paths).sources]);
  return analyzeMeshConfig(documents.flatMap(resourceOf), mesh);
}

function resourceOf(document: SourceDocument): AnalyzedResource[] {
  const { value } = document;
  if (typeof value !== 'object' || value === null || typeof (value as { kind?: unknown }).kind !== 'string') return [];
  const at = (path: FieldPath): SourceLocation | undefined => document.locate?.(path);
  const locate = (field: string): SourceLocation | undefined =>
    at(field === '' ? ['kind'] : resolveFieldPath(field, value));
  return [{ ...(value as AnalyzedResource), locate }];
}
