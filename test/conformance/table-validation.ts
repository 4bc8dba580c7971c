/** Whole objects: what the API server and the admission webhook say of them. */
import { type MeshConfigMessage } from '../../src/config/validate/mesh-config-message.ts';
import { validateMeshConfig } from '../../src/config/validate/mesh-config.ts';
import { type NetworkFields, validateMeshNetworks } from '../../src/config/validate/mesh-networks.ts';
import type { Problem } from '../../src/config/validate/problem.ts';
import { type UncheckedResource, validateResource } from '../../src/config/validate/validate-resource.ts';
import { compare, type TableCase, type Verdict } from './table.ts';

type Word = 'accepted' | 'accepted with a warning' | 'rejected';

/** `validation` and `validation-derived`. */
export function validationTable(tableCase: TableCase): Verdict[] {
  const { error, warning, parseError, crd } = tableCase as TableCase & {
    readonly error?: string | null;
    readonly warning?: string | null;
    readonly parseError?: string | null;
    readonly crd?: { readonly error?: string | null };
  };
  const rejected = isText(error) || isText(parseError) || isText(crd?.error);
  const problems = problemsOf(tableCase['input'] as UncheckedResource);
  return [compare(word(rejected, isText(warning)), word(has(problems, 'error'), has(problems, 'warning')))];
}

/** `crd-fixtures`: the schema, and the webhook after it. */
export function crdFixturesTable(tableCase: TableCase): Verdict[] {
  const { crd, webhook } = tableCase as TableCase & {
    readonly crd: { readonly error?: string | null };
    readonly webhook?: { readonly error?: string | null };
  };
  const problems = problemsOf(tableCase['input'] as UncheckedResource);
  return [compare(isText(crd.error) || isText(webhook?.error), has(problems, 'error'))];
}

function problemsOf(input: UncheckedResource): Problem[] {
  if (input.kind === 'MeshConfig') return validateMeshConfig(input.spec as MeshConfigMessage);
  if (input.kind === 'MeshNetworks') {
    return validateMeshNetworks(input.spec as { readonly networks?: Readonly<Record<string, NetworkFields>> });
  }
  return validateResource(input);
}

function word(rejected: boolean, warned: boolean): Word {
  if (rejected) return 'rejected';
  return warned ? 'accepted with a warning' : 'accepted';
}

function has(problems: readonly Problem[], level: Problem['level']): boolean {
  return problems.some((problem) => problem.level === level);
}

function isText(value: string | null | undefined): boolean {
  return value !== null && value !== undefined && value !== '';
}
