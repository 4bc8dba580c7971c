/** One resource against the API server (its schema) and against Istio's own rules, with the place of every finding. */
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { ObjectMeta, ResourceRef } from '../core/model/resource.ts';
import { levelOf } from './diagnostics.ts';
import { formatFieldPath, resolveFieldPath } from './field-path.ts';
import { respell } from './field-spelling.ts';
import { checkNames, checkService, type KubernetesFinding } from './kubernetes-rules.ts';
import type { FieldPath } from './parse-yaml.ts';
import type { ServiceFields } from './schema/service.ts';
import { resourceSchemas } from './schema/resource.ts';
import { schemaProblems } from './schema-problems.ts';
import type { SourceDocument } from './sources.ts';
import { findUnsupportedFields } from './unsupported-fields.ts';
import { type UncheckedResource, validateWellFormed } from './validate/validate-resource.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface CheckedResource {
  /** The resource in the spelling of the schemas; of use only when `accepted`. */
  readonly value: Fields;
  readonly accepted: boolean;
  /** The form of its kind, whatever the rules say: others may look at its fields. */
  readonly wellFormed: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Rules are asked only about what has the form of its kind: as in a cluster, where the schema refuses first. */
export function checkResource(kind: string, document: SourceDocument, resource: ResourceRef): CheckedResource {
  const schema = resourceSchemas[kind]?.();
  if (schema === undefined) throw new TypeError(`no schema for ${kind}`);
  const diagnostics: Diagnostic[] = [];
  const report = (finding: Omit<Diagnostic, 'resource' | 'location' | 'field'>, path: FieldPath): void => {
    const location = document.locate?.(path);
    const field = formatFieldPath(path);
    diagnostics.push({
      ...finding,
      resource,
      ...(field === '' ? {} : { field }),
      ...(location === undefined ? {} : { location }),
    });
  };
  const value = respell(document.value, schema, {
    onSnakeCase: (path, camelCase) => {
      const level = levelOf('SCL0407');
      const message = `\`${String(path.at(-1))}\` is Istio's other spelling of \`${camelCase}\`, which the API server does not know`;
      report({ code: 'SCL0407', level, message, fix: `write \`${camelCase}\`` }, path);
    },
  }) as Fields;
  for (const { code, path, message, fix } of schemaProblems(value, schema)) {
    report({ code, level: levelOf(code), message, ...(fix === undefined ? {} : { fix }) }, path);
  }
  const wellFormed = !hasError(diagnostics);
  if (wellFormed) {
    for (const { field, code, level, message, fix } of validateWellFormed(value as unknown as UncheckedResource)) {
      report({ code, level, message, ...(fix === undefined ? {} : { fix }) }, resolveFieldPath(field, value));
    }
  }
  if (!hasError(diagnostics)) {
    for (const { code, path, message } of kubernetesFindings(kind, value)) {
      report({ code, level: levelOf(code), message }, path);
    }
  }
  for (const { path, effect } of findUnsupportedFields(kind, value)) {
    report(
      {
        code: 'SCL0331',
        level: levelOf('SCL0331'),
        message: `a sidecar decides by this field ${effect}; here it has no effect`,
      },
      path,
    );
  }
  return { value, accepted: !hasError(diagnostics), wellFormed, diagnostics };
}

function kubernetesFindings(kind: string, { metadata, spec = {} }: Fields): readonly KubernetesFinding[] {
  const names = checkNames(metadata as ObjectMeta);
  return kind === 'Service' ? [...names, ...checkService(spec as ServiceFields)] : names;
}

function hasError(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.level === 'error');
}
