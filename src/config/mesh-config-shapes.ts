/**
 * The shapes in which MeshConfig arrives: bare, under `data.mesh` of the ConfigMap `istio`, in an IstioOperator, in Helm values
 * (alone, in an IstioOperator or Istio resource, or in the ConfigMap of the sidecar injector).
 */
import type { SourceLocation } from '../core/model/resource.ts';
import { camelCase } from './camel-case.ts';
import { type FieldPath, parseYamlDocuments, type TextProblem } from './parse-yaml.ts';
import { isMeshConfigField } from './schema/mesh-config.ts';
import type { SourceDocument } from './sources.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A map somewhere in a document, and the way from its fields to their places. */
export interface PlacedFields {
  readonly fields: Fields;
  locate(path: FieldPath): SourceLocation | undefined;
}

export interface MeshConfigDocument {
  /** The MeshConfig itself; of several, the later wins field by field. */
  readonly mesh: readonly PlacedFields[];
  /** Helm values around it. */
  readonly values: readonly PlacedFields[];
  /** Of YAML inside a string. */
  readonly problems: readonly TextProblem[];
}

/** Undefined: the document is something else. */
export function readMeshConfigDocument(document: SourceDocument): MeshConfigDocument | undefined {
  const { value } = document;
  if (!isFields(value)) return undefined;
  if (document.as === 'MeshConfig') return { mesh: [placed(document, value, [])], values: [], problems: [] };
  switch (value['kind']) {
    case undefined:
      return readWithoutKind(document, value);
    case 'ConfigMap':
      return readConfigMap(document, value);
    case 'IstioOperator':
    case 'Istio':
      return readOperator(document, value);
    default:
      return undefined;
  }
}

function readWithoutKind(document: SourceDocument, value: Fields): MeshConfigDocument | undefined {
  if (value['apiVersion'] !== undefined) return undefined;
  if (isFields(value['meshConfig']) || isFields(value['global'])) return readHelmValues(placed(document, value, []));
  const bare = Object.keys(value).some((name) => isMeshConfigField(camelCase(name)));
  return bare ? { mesh: [placed(document, value, [])], values: [], problems: [] } : undefined;
}

function readHelmValues(values: PlacedFields): MeshConfigDocument {
  const mesh = inside(values, 'meshConfig');
  return { mesh: mesh === undefined ? [] : [mesh], values: [values], problems: [] };
}

function readOperator(document: SourceDocument, value: Fields): MeshConfigDocument {
  const spec = placed(document, isFields(value['spec']) ? value['spec'] : {}, ['spec']);
  const values = inside(spec, 'values');
  const fromValues = values === undefined ? undefined : readHelmValues(values);
  const own = inside(spec, 'meshConfig');
  return {
    mesh: [...(fromValues?.mesh ?? []), ...(own === undefined ? [] : [own])],
    values: fromValues?.values ?? [],
    problems: [],
  };
}

const MESH_CONFIG_MAP = /^istio(?:-|$)/;
const INJECTOR_CONFIG_MAP = /^istio-sidecar-injector(?:-|$)/;

function readConfigMap(document: SourceDocument, value: Fields): MeshConfigDocument | undefined {
  const name = isFields(value['metadata']) ? String(value['metadata']['name']) : '';
  const data = isFields(value['data']) ? value['data'] : {};
  if (INJECTOR_CONFIG_MAP.test(name) && typeof data['values'] === 'string') {
    const { parts, problems } = readEmbedded(document, 'values', data['values']);
    return { mesh: [], values: parts, problems };
  }
  if (!MESH_CONFIG_MAP.test(name) || typeof data['mesh'] !== 'string') return undefined;
  const { parts, problems } = readEmbedded(document, 'mesh', data['mesh']);
  return { mesh: parts, values: [], problems };
}

function readEmbedded(
  document: SourceDocument,
  key: string,
  text: string,
): { parts: readonly PlacedFields[]; problems: readonly TextProblem[] } {
  const origin = document.embedded?.(['data', key]) ?? { line: 0, column: 0 };
  const { documents, problems } = parseYamlDocuments(text, origin);
  const parts = documents.flatMap((parsed) =>
    isFields(parsed.value) ? [{ fields: parsed.value, locate: (path: FieldPath) => parsed.locate(path) }] : [],
  );
  return { parts, problems };
}

function placed(document: SourceDocument, fields: Fields, prefix: FieldPath): PlacedFields {
  return { fields, locate: (path) => document.locate?.([...prefix, ...path]) };
}

/** The map in a field of a map, if there is one. */
export function inside(outer: PlacedFields, name: string): PlacedFields | undefined {
  const fields = outer.fields[name];
  return isFields(fields) ? { fields, locate: (path) => outer.locate([name, ...path]) } : undefined;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
