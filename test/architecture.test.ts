import { readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, violations } from './architecture.ts';

const root = new URL('..', import.meta.url).pathname;
const src = join(root, 'src');

describe('the arrows of the house', () => {
  it('holds: every import of src goes where the plan allows', () => {
    const edges = importsOf(src);
    expect(edges.length).toBeGreaterThan(50);
    expect(violations(edges)).toEqual([]);
  });

  it('is alive: a fixture that breaks two arrows is caught', () => {
    expect(violations(importsOf(join(root, 'test/fixtures/architecture/src')))).toEqual([
      'core/decide/decide.ts imports node:fs: no node: module in the core',
      'core/decide/decide.ts imports config/load.ts: `core/decide` may not know `config`',
    ]);
  });

  it('has no cycle between files', () => {
    expect(cycles(importsOf(src))).toEqual([]);
  });
});

/** Where a stage of a kind goes by another name than the kind's. */
const ELSEWHERE: Readonly<
  Record<string, { readonly index?: string; readonly decision?: string; readonly test?: string }>
> = {
  'virtual-service': { decision: 'http-route' },
  'mesh-config': { decision: 'outbound-traffic-policy' },
  // What a DestinationRule says is settled once per cluster, when it is compiled.
  'destination-rule': { decision: 'cluster-policy' },
  service: { index: 'kubernetes-service', decision: 'service-entry', test: 'service-index' },
};

describe('the grid', () => {
  const kinds = [
    'service-entry',
    'virtual-service',
    'destination-rule',
    'gateway',
    'sidecar',
    'service',
    'mesh-config',
  ];
  it.each(kinds)('has a type, a schema, an index, a decision, a test and a page for %s', (kind) => {
    expect(existsSync(join(src, 'core/model', `${kind}.ts`)), 'type').toBe(true);
    expect(existsSync(join(src, 'config/schema', `${kind}.ts`)), 'schema').toBe(true);
    expect(existsSync(join(root, 'docs', `${kind}.md`)), 'page').toBe(true);
    const stages = {
      compile: filesOf('core/compile'),
      decide: filesOf('core/decide'),
      test: testsOf(join(root, 'test')),
    };
    const { index = kind, decision = kind, test = kind } = ELSEWHERE[kind] ?? {};
    if (kind !== 'mesh-config')
      expect(
        stages.compile.some((f) => f.startsWith(index)),
        'index',
      ).toBe(true);
    expect(
      [...stages.decide, ...stages.compile].some((f) => f.startsWith(decision)),
      'decision',
    ).toBe(true);
    expect(
      stages.test.some((f) => f.includes(test)),
      'test',
    ).toBe(true);
  });
});

function filesOf(folder: string): string[] {
  return readdirSync(join(src, folder));
}

function testsOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'data') return [];
    return entry.isDirectory() ? testsOf(join(dir, entry.name)) : entry.name.endsWith('.test.ts') ? [entry.name] : [];
  });
}

/** File cycles over value imports; type-only imports may be mutual. */
function cycles(edges: ReturnType<typeof importsOf>): string[] {
  const next = new Map<string, string[]>();
  for (const edge of edges)
    if (!edge.typeOnly && edge.to.endsWith('.ts')) next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to]);
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    else if (!done.has(file)) {
      for (const to of next.get(file) ?? []) walk(to, [...path, file]);
      done.add(file);
    }
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}
