/** MeshConfig documents -> the MeshConfig that Istio would run with. */
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { IstioMeshConfig } from '../core/model/mesh-config.ts';
import type { SourceLocation } from '../core/model/resource.ts';
import { type DiagnosticCode, levelOf } from './diagnostics.ts';
import { formatFieldPath, resolveFieldPath } from './field-path.ts';
import { respell } from './field-spelling.ts';
import { mergeMeshConfig, meshConfigDefaults } from './mesh-config-merge.ts';
import { inside, isFields, type MeshConfigDocument, type PlacedFields } from './mesh-config-shapes.ts';
import type { FieldPath } from './parse-yaml.ts';
import { meshConfig as meshConfigSchema, pathNormalizations } from './schema/mesh-config.ts';
import { schemaProblems } from './schema-problems.ts';
import { findUnsupportedFields } from './unsupported-fields.ts';
import { validateMeshConfig } from './validate/mesh-config.ts';
import { proxyConfigDefaults } from './validate/mesh-config-message.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface ReadMeshConfig {
  readonly meshConfig: IstioMeshConfig;
  /** Where the outbound traffic policy is written, or else the MeshConfig. */
  readonly source?: SourceLocation;
  /** Errors of form refuse the MeshConfig whatever the options say: its default would allow everything. */
  readonly usable: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

export function readMeshConfig(document: MeshConfigDocument | undefined): ReadMeshConfig {
  const findings = new MeshConfigFindings();
  const legacy = (document?.values ?? []).map((values) => legacyHelmFields(values, findings));
  const parts = [...legacy, ...(document?.mesh ?? [])].map((part) => ({ part, value: readPart(part, findings) }));
  const usable = !findings.list.some(({ code, level }) => level === 'error' && code !== 'SCL0324');
  let merged = meshConfigDefaults;
  if (usable) {
    const overrides = parts.reduce<Fields>((all, { value }) => deepMerge(all, value), {});
    merged = mergeMeshConfig(meshConfigDefaults, overrides);
    findings.addRules(merged, document?.mesh.at(-1));
  }
  const source = policyPlace(document?.mesh ?? []);
  return {
    meshConfig: merged,
    usable,
    diagnostics: findings.list,
    ...(source === undefined ? {} : { source }),
  };
}

/** Findings about one or more parts, each with its place. */
class MeshConfigFindings {
  readonly list: Diagnostic[] = [];

  add(code: DiagnosticCode, part: PlacedFields, path: FieldPath, message: string, fix?: string): void {
    const location = part.locate(path);
    this.list.push({
      code,
      level: levelOf(code),
      message,
      field: `MeshConfig ${formatFieldPath(path)}`.trimEnd(),
      ...(location === undefined ? {} : { location }),
      ...(fix === undefined ? {} : { fix }),
    });
  }

  /** What Istio asks of the merged MeshConfig, its own defaults for the proxy included. */
  addRules(merged: IstioMeshConfig, part: PlacedFields | undefined): void {
    const message = { ...merged, defaultConfig: { ...proxyConfigDefaults, ...merged.defaultConfig } };
    for (const { field, level, code, message: text, fix } of validateMeshConfig(message)) {
      const path = resolveFieldPath(field, merged);
      const location = part?.locate(path);
      this.list.push({
        code,
        level,
        message: text,
        field: `MeshConfig ${formatFieldPath(path)}`,
        ...(location === undefined ? {} : { location }),
        ...(fix === undefined ? {} : { fix }),
      });
    }
  }
}

function readPart(part: PlacedFields, findings: MeshConfigFindings): Fields {
  const schema = meshConfigSchema();
  const value = respell(part.fields, schema, { protoJson: true }) as Record<string, unknown>;
  for (const { code, path, message, fix } of schemaProblems(value, schema, 'MeshConfig')) {
    const misspelt = fix?.startsWith('did you mean') === true;
    if (code === 'SCL0401')
      findings.add(misspelt ? 'SCL0324' : 'SCL0321', part, path, `${message}, Istio lets it go`, fix);
    else findings.add(code, part, path, message, fix);
  }
  for (const { path, effect } of findUnsupportedFields('MeshConfig', value)) {
    findings.add('SCL0331', part, path, `a sidecar decides by this field ${effect}; here it has no effect`);
  }
  const known = Object.entries(value).filter(([name]) => Object.hasOwn(schema.shape, name));
  return { ...Object.fromEntries(known), ...normalization(value, part, findings) };
}

/** The one enum whose unknown names Istio lets go. */
function normalization(value: Fields, part: PlacedFields, findings: MeshConfigFindings): Fields {
  const block = value['pathNormalization'];
  if (!isFields(block) || block['normalization'] === undefined) return {};
  const given = block['normalization'];
  const name =
    typeof given === 'number' ? pathNormalizations[given] : pathNormalizations.find((known) => known === given);
  if (name !== undefined) return { pathNormalization: { normalization: name } };
  const message = `\`${JSON.stringify(given)}\` is no way of normalising paths that Istio knows, it takes the default`;
  findings.add(
    'SCL0322',
    part,
    ['pathNormalization', 'normalization'],
    message,
    `write one of ${pathNormalizations.join(', ')}`,
  );
  return { pathNormalization: { normalization: 'DEFAULT' } };
}

/** Values of charts up to 1.5, which said under `global` what belongs into MeshConfig, and the root namespace of today's. */
function legacyHelmFields(values: PlacedFields, findings: MeshConfigFindings): PlacedFields {
  const global = inside(values, 'global');
  const proxy = global === undefined ? undefined : inside(global, 'proxy');
  const fields: Record<string, unknown> = {};
  const deprecated = (from: PlacedFields | undefined, names: readonly string[], path: string): void => {
    for (const name of names) {
      const given = from?.fields[name];
      if (from === undefined || given === undefined || given === null || given === '') continue;
      fields[name] = given;
      findings.add(
        'SCL0323',
        from,
        [name],
        `\`${path}.${name}\` is a Helm value that Istio no longer reads`,
        `move it to \`meshConfig.${name}\``,
      );
    }
  };
  deprecated(global, ['outboundTrafficPolicy'], 'global');
  deprecated(proxy, ['accessLogFile', 'accessLogFormat', 'accessLogEncoding'], 'global.proxy');
  const root = global?.fields['istioNamespace'];
  if (typeof root === 'string' && root !== '') fields['rootNamespace'] = root;
  return { fields, locate: (path) => (path[0] === 'outboundTrafficPolicy' ? global : proxy)?.locate(path) };
}

/** As Helm lays values over values, before Istio's own rule applies. */
function deepMerge(base: Fields, over: Fields): Fields {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    merged[name] = isFields(below) && isFields(value) ? deepMerge(below, value) : value;
  }
  return merged;
}

function policyPlace(parts: readonly PlacedFields[]): SourceLocation | undefined {
  const names = ['outboundTrafficPolicy', 'outbound_traffic_policy'];
  const written = parts.findLast((part) => names.some((name) => part.fields[name] !== undefined));
  return (written ?? parts.at(-1))?.locate(written === undefined ? [] : ['outboundTrafficPolicy']);
}
