/**
 * Text -> plain values, with the place of every field. Reads YAML as Kubernetes' reader does: the 1.2 core schema plus the
 * 1.1 booleans and octal numbers that reader still knows. Everything an attacker could put into a policy file to exhaust or
 * confuse the reader has a limit here.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
} from 'yaml';
import type { SourceLocation } from '../core/model/resource.ts';
import type { DiagnosticCode } from './diagnostics.ts';
import { camelCase } from './camel-case.ts';
import { MAX_DOCUMENT_LENGTH, MAX_NESTING, MAX_SOURCE_LENGTH } from './yaml-limits.ts';
import { isNodeLike, NodeReader, offsetOf, tooDeep } from './yaml-node-reader.ts';
import { kubernetesScalarTags } from './yaml-scalars.ts';

export type FieldPath = readonly (string | number)[];

/** A problem of the text itself, before anything is known about what it describes. */
export interface TextProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly location: SourceLocation;
  readonly fix?: string;
}

/** One YAML document as plain values. */
export interface ParsedDocument {
  readonly value: unknown;
  /** The place of a field, or of its nearest ancestor that is written down. */
  locate(path: FieldPath): SourceLocation;
  /** The text inside a string field, with places that still count from the file: YAML within YAML. */
  embedded(path: FieldPath): TextOrigin;
}

/** Where a text starts inside a file. `column` is 0 unless each of its lines is indented. */
export interface TextOrigin {
  readonly file?: string;
  /** Lines before it. */
  readonly line: number;
  /** Columns before each of its lines. */
  readonly column: number;
}

export interface ParsedText {
  readonly documents: readonly ParsedDocument[];
  readonly problems: readonly TextProblem[];
}

/** All documents of a text. Never throws: what cannot be read is a problem, and the other documents stay. */
export function parseYamlDocuments(text: string, origin: TextOrigin = { line: 0, column: 0 }): ParsedText {
  const problems: TextProblem[] = [];
  const documents: ParsedDocument[] = [];
  if (text.length > MAX_SOURCE_LENGTH) {
    const message = `the text has ${text.length} characters, more than ${MAX_SOURCE_LENGTH}`;
    problems.push({ code: 'SCL0104', message, location: place(origin, 1, 1), fix: 'split it into several files' });
    return { documents, problems };
  }
  const lines = new LineCounter();
  const at = (offset: number): SourceLocation => {
    const { line, col } = lines.linePos(offset);
    return place(origin, Math.max(line, 1), Math.max(col, 1));
  };
  for (const document of readDocuments(text, lines, at, problems)) {
    const parsed = convert(document, text, at, origin, problems);
    if (parsed !== undefined) documents.push(parsed);
  }
  return { documents, problems };
}

function place(origin: TextOrigin, line: number, column: number): SourceLocation {
  const position = { line: line + origin.line, column: column + origin.column };
  return origin.file === undefined ? position : { file: origin.file, ...position };
}

function readDocuments(
  text: string,
  lineCounter: LineCounter,
  at: (offset: number) => SourceLocation,
  problems: TextProblem[],
): readonly Document.Parsed[] {
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    customTags: kubernetesScalarTags,
    merge: true,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const documents: Document.Parsed[] = [];
  for (const token of new Parser(lineCounter.addNewLine).parse(text)) {
    // The composer recurses, and a stack that overflows inside a regular expression takes the process with it.
    if (token.type === 'document' && isTooDeep(token)) problems.push(tooDeep(at(token.offset)));
    else documents.push(...composer.next(token));
  }
  documents.push(...composer.end());
  return documents;
}

/** Walks the tokens of a document with a list of its own instead of the call stack. */
function isTooDeep(document: CST.Document): boolean {
  const pending: { readonly token: CST.Token | null | undefined; readonly depth: number }[] = [
    { token: document.value, depth: 0 },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (token === null || token === undefined || !('items' in token)) continue;
    if (depth >= MAX_NESTING) return true;
    for (const { key, value } of token.items)
      pending.push({ token: key, depth: depth + 1 }, { token: value, depth: depth + 1 });
  }
  return false;
}

function convert(
  document: Document.Parsed,
  text: string,
  at: (offset: number) => SourceLocation,
  origin: TextOrigin,
  problems: TextProblem[],
): ParsedDocument | undefined {
  const [start, , end] = document.range;
  if (end - start > MAX_DOCUMENT_LENGTH) {
    const message = `the document has ${end - start} characters, more than ${MAX_DOCUMENT_LENGTH}`;
    problems.push({
      code: 'SCL0104',
      message,
      location: at(start),
      fix: 'split it: the API server would refuse it too',
    });
    return undefined;
  }
  for (const error of worthTelling([...document.errors, ...document.warnings])) {
    problems.push(syntaxProblem(error.code, error.message, at(error.pos[0])));
  }
  if (document.errors.length > 0 || document.contents === null) return undefined;
  const reader = new NodeReader(document, at);
  const value = reader.read(document.contents, 0);
  if (reader.problem !== undefined) {
    problems.push(reader.problem);
    return undefined;
  }
  if (value === null || value === undefined) return undefined;
  const nodeAt = (path: FieldPath): FoundNode => findNode(document, path);
  return {
    value,
    locate: (path) => at(nodeAt(path).offset),
    embedded: (path) => embeddedOrigin(nodeAt(path).node, text, at, origin),
  };
}

/** After the first error of syntax the parser guesses, and its further errors mislead. */
function worthTelling<Finding extends { readonly code: string }>(findings: readonly Finding[]): readonly Finding[] {
  const first = findings.find(({ code }) => code !== 'DUPLICATE_KEY');
  return findings.filter((finding) => finding === first || finding.code === 'DUPLICATE_KEY');
}

function syntaxProblem(code: string, message: string, location: SourceLocation): TextProblem {
  if (code === 'DUPLICATE_KEY') {
    return { code: 'SCL0102', message: 'the same key is given twice in one map', location, fix: 'keep one of them' };
  }
  if (code === 'TAG_RESOLVE_FAILED') {
    return { code: 'SCL0108', message: `a tag that is not understood: ${lowerFirst(message)}`, location };
  }
  return { code: 'SCL0101', message: `not YAML: ${lowerFirst(message)}`, location };
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}

interface FoundNode {
  readonly offset: number;
  readonly node: Node | undefined;
}

/** Walks down as far as the path is written. A field of a map is placed at its key, an item of a list at its value. */
function findNode(document: Document.Parsed, path: FieldPath): FoundNode {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = findPair(node.items, String(step));
      if (pair === undefined) return { offset, node: undefined };
      offset = offsetOf(pair.key);
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) {
      node = node.items[step];
      offset = offsetOf(node);
    } else {
      return { offset, node: undefined };
    }
  }
  return { offset, node: isNodeLike(node) ? node : undefined };
}

/** By the name itself, or by the snake_case spelling that was read as it. */
function findPair<Pair extends { readonly key: unknown }>(pairs: readonly Pair[], name: string): Pair | undefined {
  const named = (test: (key: string) => boolean): Pair | undefined =>
    pairs.find(({ key }) => isScalar(key) && typeof key.value !== 'symbol' && test(String(key.value)));
  return named((key) => key === name) ?? named((key) => camelCase(key) === name);
}

function embeddedOrigin(
  node: Node | undefined,
  text: string,
  at: (offset: number) => SourceLocation,
  origin: TextOrigin,
): TextOrigin {
  const file = origin.file === undefined ? {} : { file: origin.file };
  if (node === undefined || !isScalar(node)) return { ...file, line: origin.line, column: origin.column };
  const start = node.range?.[0] ?? 0;
  const { line = 1, column = 1 } = at(start);
  if (node.type !== 'BLOCK_LITERAL')
    return { ...file, line: line - 1, column: node.type === 'PLAIN' ? column - 1 : column };
  const firstLine = text.indexOf('\n', start) + 1;
  const indent = /^(?:[ \t]*\n)*( *)/.exec(text.slice(firstLine, firstLine + 4096))?.[1]?.length ?? 0;
  return { ...file, line, column: indent + origin.column };
}
