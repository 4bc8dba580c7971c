/**
 * Text -> plain values, with the place of every field. Reads YAML as Kubernetes' reader does: the 1.2 core schema plus the
 * 1.1 booleans and octal numbers that reader still knows. Everything an attacker could put into a policy file to exhaust or
 * confuse the reader has a limit here.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';
import type { SourceLocation } from '../core/model/resource.ts';
import type { DiagnosticCode } from './diagnostics.ts';
import { camelCase } from './camel-case.ts';
import { kubernetesScalarTags } from './yaml-scalars.ts';

/** Characters of one source text. */
export const MAX_SOURCE_LENGTH = 64 * 1024 * 1024;
/** Characters of one document in it: what the API server takes in one request. */
export const MAX_DOCUMENT_LENGTH = 3 * 1024 * 1024;
/** Maps and lists inside one another. */
export const MAX_NESTING = 64;
/** Aliases (`*name`) of one document. */
export const MAX_ALIASES = 256;
/** Values of one document after aliases are expanded. */
export const MAX_VALUES = 1_000_000;

/** Keys that would reach an object's prototype in careless code further down. */
export const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

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
  try {
    const documents = parseAllDocuments(text, {
      version: '1.2',
      schema: 'core',
      customTags: kubernetesScalarTags,
      merge: true,
      uniqueKeys: true,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter,
    });
    return Array.isArray(documents) ? (documents as readonly Document.Parsed[]) : [];
  } catch (error) {
    // The composer recurses: a text of brackets alone overflows the stack before any limit of ours is asked.
    if (!(error instanceof RangeError)) throw error;
    problems.push(tooDeep(at(0)));
    return [];
  }
}

function tooDeep(location: SourceLocation): TextProblem {
  const message = `maps and lists are nested deeper than ${MAX_NESTING} levels`;
  return { code: 'SCL0105', message, location, fix: 'no resource needs this: look for a generator gone wrong' };
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

/** Reads nodes into plain values, within the limits. Stops at the first problem of a document. */
class NodeReader {
  problem: TextProblem | undefined;
  readonly #document: Document.Parsed;
  readonly #at: (offset: number) => SourceLocation;
  readonly #open = new Set<Node>();
  #aliases = 0;
  #values = 0;

  constructor(document: Document.Parsed, at: (offset: number) => SourceLocation) {
    this.#document = document;
    this.#at = at;
  }

  read(node: unknown, depth: number): unknown {
    if (this.problem !== undefined || node === null || node === undefined) return null;
    if (++this.#values > MAX_VALUES) {
      return this.#fail(
        'SCL0106',
        `more than ${MAX_VALUES} values once aliases are expanded`,
        node,
        'write fewer aliases',
      );
    }
    if (isAlias(node)) return this.#readAlias(node.source, node, depth);
    if (isScalar(node)) return this.#readScalar(node.value, node);
    if (!isMap(node) && !isSeq(node)) return null;
    if (depth >= MAX_NESTING) {
      this.problem = tooDeep(this.#at(offsetOf(node)));
      return null;
    }
    this.#open.add(node);
    const value = isMap(node) ? this.#readMap(node, depth) : node.items.map((item) => this.read(item, depth + 1));
    this.#open.delete(node);
    return value;
  }

  #readAlias(name: string, node: Node, depth: number): unknown {
    if (++this.#aliases > MAX_ALIASES) {
      return this.#fail('SCL0106', `more than ${MAX_ALIASES} aliases`, node, 'write the values out');
    }
    const target = isAlias(node) ? node.resolve(this.#document) : undefined;
    if (target === undefined) return this.#fail('SCL0101', `not YAML: no anchor \`&${name}\` before its alias`, node);
    if (this.#open.has(target)) {
      return this.#fail('SCL0103', `the alias \`*${name}\` stands inside its own anchor`, node, 'write the value out');
    }
    return this.read(target, depth);
  }

  #readScalar(value: unknown, node: Node): unknown {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      return this.#fail('SCL0108', 'infinity and not-a-number cannot be part of a resource', node);
    }
    return typeof value === 'bigint' ? Number(value) : value;
  }

  #readMap(node: { items: readonly { key: unknown; value: unknown }[] }, depth: number): unknown {
    const result: Record<string, unknown> = {};
    const merged: Record<string, unknown> = {};
    for (const { key, value } of node.items) {
      if (!isScalar(key)) {
        return this.#fail(
          'SCL0108',
          'a key that is not a plain string',
          isNodeLike(key) ? key : undefined,
          'use a string as the key',
        );
      }
      if (isMergeKey(key)) {
        this.#merge(merged, this.read(value, depth + 1), key);
        continue;
      }
      const name = String(key.value);
      if (FORBIDDEN_KEYS.has(name)) {
        return this.#fail('SCL0107', `the key \`${name}\` is refused`, key, 'rename it');
      }
      result[name] = this.read(value, depth + 1);
    }
    return { ...merged, ...result };
  }

  /** `<<: *base`: keys of the map itself win over the merged ones, earlier merged maps over later ones. */
  #merge(into: Record<string, unknown>, value: unknown, key: Node): void {
    for (const map of Array.isArray(value) ? value : [value]) {
      if (typeof map !== 'object' || map === null || Array.isArray(map)) {
        this.#fail('SCL0108', '`<<` needs a map or a list of maps', key);
        return;
      }
      for (const [name, inner] of Object.entries(map)) if (!Object.hasOwn(into, name)) into[name] = inner;
    }
  }

  #fail(code: DiagnosticCode, message: string, node: unknown, fix?: string): null {
    this.problem ??= { code, message, location: this.#at(offsetOf(node)), ...(fix === undefined ? {} : { fix }) };
    return null;
  }
}

function isNodeLike(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

function isMergeKey(key: Node): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

function offsetOf(node: unknown): number {
  return isNodeLike(node) ? (node.range?.[0] ?? 0) : 0;
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
