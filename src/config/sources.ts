/** What may be handed to the loader, and its way to one list of documents. */
import type { SourceLocation } from '../core/model/resource.ts';
import { copyPlain } from './plain-value.ts';
import { type FieldPath, parseYamlDocuments, type TextOrigin, type TextProblem } from './parse-yaml.ts';

/** A text with a name, or with a meaning that the text alone does not show. */
export interface ConfigSource {
  /** YAML or JSON, any number of documents. */
  readonly text: string;
  /** For diagnostics and `determinedBy`. Nothing is read from it. */
  readonly file?: string;
  /**
   * `MeshConfig`: the whole text is one MeshConfig, as under `data.mesh` of the ConfigMap `istio`. An empty text is a
   * MeshConfig of defaults. Absent: every document says itself what it is.
   */
  readonly as?: 'MeshConfig';
}

/** Text, sources or plain objects (a resource, a `List`, any shape of MeshConfig), alone or in a list. */
export type ConfigInput = string | ConfigSource | object | readonly (string | ConfigSource | object)[];

/** One document, wherever it came from. */
export interface SourceDocument {
  readonly value: unknown;
  readonly file?: string;
  readonly as?: 'MeshConfig';
  /** Where an object says that it came from; texts are asked through `locate`. */
  readonly source?: SourceLocation;
  /** Absent for objects made in code. */
  locate?(path: FieldPath): SourceLocation;
  embedded?(path: FieldPath): TextOrigin;
}

export interface ReadSources {
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly TextProblem[];
}

/** Flattens the input; texts are parsed, objects are taken as they are. */
export function readSources(input: ConfigInput): ReadSources {
  const documents: SourceDocument[] = [];
  const problems: TextProblem[] = [];
  for (const item of Array.isArray(input) ? (input as readonly unknown[]) : [input]) {
    if (typeof item === 'string') readText({ text: item }, documents, problems);
    else if (isConfigSource(item)) readText(item, documents, problems);
    else readObject(item, documents, problems);
  }
  return { documents, problems };
}

function readObject(item: unknown, documents: SourceDocument[], problems: TextProblem[]): void {
  const copy = copyPlain(item);
  if ('problem' in copy) {
    problems.push(copy.problem);
    return;
  }
  const { value } = copy;
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('source' in value)) {
    documents.push({ value });
    return;
  }
  // A resource out of another MeshConfig: it knows its place already.
  const { source, ...resource } = value;
  documents.push({ value: resource, source: source as SourceLocation });
}

function readText(source: ConfigSource, documents: SourceDocument[], problems: TextProblem[]): void {
  const { file, as } = source;
  const parsed = parseYamlDocuments(source.text, { ...(file === undefined ? {} : { file }), line: 0, column: 0 });
  problems.push(...parsed.problems);
  const origin = { ...(file === undefined ? {} : { file }), ...(as === undefined ? {} : { as }) };
  for (const document of parsed.documents) {
    documents.push({
      ...origin,
      value: document.value,
      locate: (path) => document.locate(path),
      embedded: (path) => document.embedded(path),
    });
  }
}

function isConfigSource(value: unknown): value is ConfigSource {
  return (
    typeof value === 'object' &&
    value !== null &&
    'text' in value &&
    typeof value.text === 'string' &&
    !('kind' in value)
  );
}
