/** Nodes of a YAML document -> plain values, within the limits. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import type { SourceLocation } from '../core/model/resource.ts';
import type { DiagnosticCode } from './diagnostics.ts';
import type { TextProblem } from './parse-yaml.ts';
import { FORBIDDEN_KEYS, MAX_ALIASES, MAX_NESTING, MAX_VALUES } from './yaml-limits.ts';

/** Reads nodes into plain values, within the limits. Stops at the first problem of a document. */
export class NodeReader {
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
    // What tags make of a text: a date, a set.
    if ((typeof value === 'object' && value !== null) || typeof value === 'symbol') {
      return this.#fail('SCL0108', 'a tag whose value cannot be part of a resource', node, 'write plain text');
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
      for (const [name, inner] of Object.entries(map as Readonly<Record<string, unknown>>))
        if (!Object.hasOwn(into, name)) into[name] = inner;
    }
  }

  #fail(code: DiagnosticCode, message: string, node: unknown, fix?: string): null {
    this.problem ??= { code, message, location: this.#at(offsetOf(node)), ...(fix === undefined ? {} : { fix }) };
    return null;
  }
}

export function isNodeLike(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

function isMergeKey(key: Node): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

export function offsetOf(node: unknown): number {
  return isNodeLike(node) ? (node.range?.[0] ?? 0) : 0;
}

export function tooDeep(location: SourceLocation): TextProblem {
  const message = `maps and lists are nested deeper than ${MAX_NESTING} levels`;
  return { code: 'SCL0105', message, location, fix: 'no resource needs this: look for a generator gone wrong' };
}
