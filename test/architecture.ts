/** Reads the imports of a source tree and says which of them break the arrows of the house (docs/architecture.md). */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';

export interface ImportEdge {
  /** Path relative to src, forward slashes. */
  readonly from: string;
  /** Path relative to src, or the bare specifier of a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const CORE = ['core', 'core/model', 'core/match', 'core/compile', 'core/decide'];

/** Layer -> layers it may import. A layer may always import itself, except adapters, whose seams know only the shared files. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  errors: ['core', 'core/model'],
  'core/model': [],
  'core/match': ['core/model'],
  'core/compile': ['core/model', 'core/match'],
  'core/decide': ['core/model', 'core/match', 'core/compile'],
  core: CORE,
  'policy-loader': ['core/model'],
  config: ['errors', 'core', 'core/model', 'core/match', 'policy-loader'],
  telemetry: ['errors', 'core', 'core/model'],
  upstream: ['errors', 'core', 'core/model'],
  adapters: ['errors', 'core', 'core/model', 'upstream'],
  'egress-policy': ['core', 'core/model', 'adapters', 'upstream'],
  'egress-journal': ['core/model', 'adapters', 'upstream', 'telemetry'],
  'egress-options': ['core/model', 'adapters', 'upstream'],
  'egress-connections': [
    'core/model',
    'adapters',
    'upstream',
    'telemetry',
    'egress-options',
    'egress-policy',
    'egress-journal',
  ],
  'egress-queries': [
    'errors',
    'core/model',
    'adapters',
    'upstream',
    'egress-policy',
    'egress-journal',
    'egress-options',
    'egress-connections',
  ],
  'egress-requests': ['core', 'core/model', 'adapters', 'upstream', 'telemetry', 'egress-policy', 'egress-connections'],
  'egress-guard': [
    'errors',
    'core',
    'core/model',
    'adapters',
    'upstream',
    'telemetry',
    'egress-options',
    'egress-policy',
    'egress-journal',
    'egress-connections',
    'egress-queries',
    'egress-requests',
  ],
  egress: [
    'errors',
    'core',
    'core/model',
    'adapters',
    'upstream',
    'telemetry',
    'egress-guard',
    'egress-options',
    'policy-loader',
  ],
  testing: ['errors', 'core', 'core/model', 'config'],
  cli: ['errors', 'core', 'core/model', 'config', 'testing'],
  register: ['errors', 'core', 'core/model', 'config', 'egress', 'adapters', 'telemetry'],
  index: ['errors', 'core', 'core/model', 'config', 'egress', 'adapters', 'telemetry'],
};

/** Files of `adapters` that belong to no seam: every seam may use them. */
const SHARED_ADAPTER_FILES = [
  'patch-registry',
  'seam',
  'decided-socket',
  'local-reply',
  'tls-questions',
  'connection-snapshot',
  'connect-tries',
  'learned-names',
  'mirror-connection',
  'hidden-field',
  'http2-caller',
  'socket-failure',
  'socket-handle',
  'socket-lookup',
  'socket-records',
  'socket-below',
  'socket-exchange',
  'tcp-alone',
  'upstream-failure',
];

/** Layer -> npm packages it may import. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'core/match': ['tldts', 're2js', 'tr46'],
  'core/compile': ['tldts', 're2js'],
  'core/decide': ['tldts', 're2js'],
  config: ['zod', 'yaml', 'tldts', 're2js'],
  testing: ['vitest', '@jest/globals'],
};

export function layerOf(file: string): string {
  const parts = file.split('/');
  if (parts.length === 1) return parts[0]!.replace(/\.ts$/, '');
  if (parts[0] === 'core') return parts.length === 2 ? 'core' : `core/${parts[1]}`;
  return parts[0]!;
}

/** All imports and re-exports of the .ts files below `src`. */
export function importsOf(src: string): ImportEdge[] {
  const edges: ImportEdge[] = [];
  for (const file of sourceFiles(src)) {
    const from = relative(src, file).split(sep).join('/');
    const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const add = (specifier: string, typeOnly: boolean): void => {
      const to = specifier.startsWith('.')
        ? relative(src, resolve(dirname(file), specifier))
            .split(sep)
            .join('/')
        : specifier;
      edges.push({ from, to, typeOnly });
    };
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier))
        add(node.moduleSpecifier.text, node.importClause?.isTypeOnly === true);
      else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
        add(node.moduleSpecifier.text, node.isTypeOnly);
      else if (
        ts.isImportTypeNode(node) &&
        ts.isLiteralTypeNode(node.argument) &&
        ts.isStringLiteral(node.argument.literal)
      )
        add(node.argument.literal.text, true);
      else if (ts.isCallExpression(node) && isDynamicImport(node))
        add((node.arguments[0] as ts.StringLiteral).text, false);
      ts.forEachChild(node, visit);
    };
    visit(tree);
  }
  return edges;
}

/** One sentence for each import that breaks an arrow; empty when the house stands. */
export function violations(edges: readonly ImportEdge[]): string[] {
  return edges.flatMap((edge) => {
    const from = layerOf(edge.from);
    const why = edge.to.includes('/') || edge.to.endsWith('.ts') ? localViolation(edge, from) : undefined;
    const outside = edge.to.endsWith('.ts') ? undefined : packageViolation(edge, from);
    const problem = edge.to.endsWith('.ts') ? why : outside;
    return problem ? [`${edge.from} imports ${edge.to}: ${problem}`] : [];
  });
}

function localViolation(edge: ImportEdge, from: string): string | undefined {
  if (edge.to.startsWith('..')) return 'leaves src';
  const to = layerOf(edge.to);
  if (from === 'adapters' && to === 'adapters')
    return seamsMayMeet(edge) ? undefined : 'seams do not import each other';
  if (from === to) return undefined;
  const allowed = ARROWS[from];
  if (!allowed) return `the layer \`${from}\` is not in the plan`;
  if (allowed.includes(to)) return undefined;
  if (edge.typeOnly && from === 'adapters' && to === 'telemetry') return undefined;
  if (edge.typeOnly && (from === 'config' || from === 'testing') && to === 'egress') return undefined;
  return `\`${from}\` may not know \`${to}\``;
}

/** Files of one seam share the word before the first hyphen; `install.ts` alone knows all of them. */
function seamsMayMeet({ from, to }: ImportEdge): boolean {
  const [, importer = ''] = /^adapters\/(.*)\.ts$/.exec(from) ?? [];
  const [, imported = ''] = /^adapters\/(.*)\.ts$/.exec(to) ?? [];
  return (
    importer === 'install' ||
    SHARED_ADAPTER_FILES.includes(imported) ||
    importer.split('-')[0] === imported.split('-')[0]
  );
}

function packageViolation(edge: ImportEdge, from: string): string | undefined {
  const isNode = edge.to.startsWith('node:');
  if (from.startsWith('core') || from === 'errors') {
    if (isNode) return 'no node: module in the core';
  } else if (isNode) return undefined;
  const name = edge.to.startsWith('@') ? edge.to.split('/').slice(0, 2).join('/') : edge.to.split('/')[0]!;
  return (PACKAGES[from] ?? []).includes(name) || edge.typeOnly
    ? undefined
    : `\`${from}\` may not use the package \`${name}\``;
}

function isDynamicImport(node: ts.CallExpression): boolean {
  const [specifier] = node.arguments;
  if (!specifier || !ts.isStringLiteral(specifier)) return false;
  return (
    node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(node.expression) && node.expression.text === 'require')
  );
}

function sourceFiles(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return sourceFiles(path);
    return name.endsWith('.ts') ? [path] : [];
  });
}
