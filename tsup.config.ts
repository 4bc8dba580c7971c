import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { defineConfig, type Options } from 'tsup';

type BuildPlugin = NonNullable<Options['plugins']>[number];
type EsbuildPlugin = NonNullable<Options['esbuildPlugins']>[number];

/** Used at every start: the package carries the parts of these that it uses, in one file instead of a hundred. */
const CARRIED = ['yaml', 'zod'];

/**
 * Slow to load, and needed by few policies and few requests: the CommonJS build, which is the one that is preloaded,
 * loads each when it is first called. By package, the functions that the sources call.
 */
const AT_FIRST_CALL: Readonly<Record<string, readonly string[]>> = {
  re2js: ['RE2JS.compile'],
  tldts: ['getDomain', 'parse'],
  tr46: ['toASCII'],
};

/**
 * Parts of the package itself that a start, and most programs, do without: the CommonJS build keeps each in a file of its
 * own and loads it at the first call. V8 reads every function of a script before it runs any. By path below src, the
 * functions that other files call, and how many arguments they take.
 */
const LATER: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'adapters/http2': { governStreams: 2 },
  'adapters/loopback-verify': { verifySeams: 2 },
  'adapters/socket-below': { openBelow: 2 },
  'adapters/undici-dispatch': { undiciDispatches: 2 },
  'adapters/undici-unseen': { observeUnseen: 2 },
  'config/schema-issues': { problemsOfIssues: 4 },
  'config/validate/rule-codes': { codeOfRule: 1 },
  'config/validate/sidecar': { validateSidecar: 3 },
  'config/watch': { watchMeshConfig: 2 },
  'core/compile/gateway-listener': { buildGatewayListeners: 1 },
  'core/decide/explain': { explain: 2 },
};

const folderOf = (name: string): string => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

const licences = (): string =>
  CARRIED.map((name) => {
    const { version } = JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8')) as { version: string };
    return `${name} ${version}\n\n${readFileSync(join(folderOf(name), 'LICENSE'), 'utf8').trim()}\n`;
  }).join('\n---\n\n');

/**
 * esbuild would write a function of its own for `require`, which programs that bundle the package could not follow. A
 * word of the same length stands in for it until esbuild is done, so that source maps stay right.
 */
const PLAIN_REQUIRE = 'REQUIRE';

const source = (path: string): string => join(import.meta.dirname, 'src', `${path}.ts`);
const laterEntry = (path: string): string => `later-${basename(path)}`;

const loadAtFirstCall: EsbuildPlugin = {
  name: 'load-at-first-call',
  setup(build) {
    const isCommonJs = build.initialOptions.outExtension?.['.js'] === '.cjs';
    const packages = new RegExp(`^(?:${Object.keys(AT_FIRST_CALL).join('|')})$`);
    build.onResolve({ filter: packages }, ({ path }) =>
      isCommonJs ? { path, namespace: 'at-first-call', sideEffects: false } : { path, external: true },
    );
    build.onLoad({ filter: /.*/, namespace: 'at-first-call' }, ({ path }) => ({ contents: forwarders(path) }));
    if (!isCommonJs) return;
    const parts = new Map(Object.keys(LATER).map((path) => [source(path), path]));
    build.onResolve({ filter: /\.ts$/ }, ({ path, resolveDir, kind, namespace }) => {
      const part = namespace === 'later-entry' ? undefined : parts.get(resolve(resolveDir, path));
      if (part === undefined) return undefined;
      return kind === 'entry-point'
        ? { path: part, namespace: 'later-entry' }
        : { path: part, namespace: 'later', sideEffects: false };
    });
    build.onLoad({ filter: /.*/, namespace: 'later' }, ({ path }) => ({ contents: laterForwarders(path) }));
    build.onLoad({ filter: /.*/, namespace: 'later-entry' }, ({ path }) => ({
      contents: laterExports(path),
      resolveDir: join(import.meta.dirname, 'src'),
    }));
  },
};

/** `toASCII` -> a function of that name; `RE2JS.compile` -> an object with it. */
function forwarders(name: string): string {
  const load = `${PLAIN_REQUIRE}("${name}")`;
  return (AT_FIRST_CALL[name] ?? [])
    .map((called) => {
      const [exported = called, method] = called.split('.');
      const forward = `(...args) => ${load}.${called}(...args)`;
      return `export const ${exported} = ${method === undefined ? forward : `{ ${method}: ${forward} }`};`;
    })
    .join('\n');
}

/** Each exported function, loaded with its file when it is first called. */
function laterForwarders(path: string): string {
  const load = `let part;\nconst load = () => (part ??= ${PLAIN_REQUIRE}("./${laterEntry(path)}.cjs"));`;
  const functions = Object.entries(LATER[path] ?? {}).map(([name, count]) => {
    const names = Array.from({ length: count }, (_unused, index) => `argument${index}`).join(', ');
    return `export const ${name} = (${names}) => load().${name}(${names});`;
  });
  return [load, ...functions].join('\n');
}

/** zod keeps its settings on `globalThis`, where an application's own zod would change them: what is carried has its own. */
const zodApart: EsbuildPlugin = {
  name: 'zod-apart',
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]core[\\/]core\.js$/ }, ({ path }) => ({
      contents: `const apart = {}; ${readFileSync(path, 'utf8').replaceAll('globalThis', 'apart')}`,
    }));
  },
};

/** Documents are read and never written: what writes them is not carried. */
const yamlReadOnly: EsbuildPlugin = {
  name: 'yaml-read-only',
  setup(build) {
    build.onLoad({ filter: /[\\/]yaml[\\/]browser[\\/]dist[\\/]stringify[\\/].*\.js$/ }, ({ path }) => {
      const names = /^export \{ (.*) \};$/m.exec(readFileSync(path, 'utf8'))?.[1]?.split(', ') ?? [];
      const never = `() => { throw new Error('documents are only read'); }`;
      return { contents: names.map((name) => `export const ${name} = ${never};`).join('\n') };
    });
  },
};

const plainRequire: BuildPlugin = {
  name: 'plain-require',
  renderChunk: (code, { map = null }) => ({ code: code.replaceAll(`${PLAIN_REQUIRE}(`, 'require('), map }),
};

/**
 * What is loaded later exports the package beside its own: what it shares with the rest is then in the same few files as
 * without it, and not in one for each set of parts that share something.
 */
function laterExports(path: string): string {
  const names = Object.keys(LATER[path] ?? {}).join(', ');
  return `export { ${names} } from ${JSON.stringify(source(path))};\nexport * from './index.ts';`;
}

const ENTRIES = {
  index: 'src/index.ts',
  core: 'src/core/index.ts',
  testing: 'src/testing/index.ts',
  vitest: 'src/testing/vitest.ts',
  jest: 'src/testing/jest.ts',
  cli: 'src/cli/main.ts',
};

/** `import`, too, gets the one in CommonJS, which loads less at a start. */
const PRELOAD = { register: 'src/register.ts' };

const LATER_ENTRIES = Object.fromEntries(Object.keys(LATER).map((path) => [laterEntry(path), source(path)]));

const shared: Options = {
  target: 'node20',
  platform: 'node',
  splitting: true,
  // Its own way to CommonJS writes a call with a closure for each `?.` and `??`; the one by way of rollup leaves them.
  treeshake: true,
  dts: { entry: { ...ENTRIES, ...PRELOAD } },
  sourcemap: true,
  external: ['vitest', 'expect', 'undici'],
  noExternal: [...CARRIED, ...Object.keys(AT_FIRST_CALL)],
  esbuildPlugins: [loadAtFirstCall, zodApart, yamlReadOnly],
  // The build of yaml for browsers is the one in ES modules, of which only the parts that are used are carried.
  esbuildOptions: (options) => void (options.alias = { yaml: join(folderOf('yaml'), 'browser/index.js') }),
  plugins: [plainRequire],
};

rmSync('dist', { recursive: true, force: true });

export default defineConfig([
  { ...shared, format: 'esm', entry: ENTRIES },
  {
    ...shared,
    format: 'cjs',
    entry: { ...ENTRIES, ...PRELOAD, ...LATER_ENTRIES },
    onSuccess: async () => {
      writeFileSync('dist/register.js', "import './register.cjs';\n");
      writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licences());
    },
  },
]);
