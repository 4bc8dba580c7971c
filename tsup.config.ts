import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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

const loadAtFirstCall: EsbuildPlugin = {
  name: 'load-at-first-call',
  setup(build) {
    const filter = new RegExp(`^(?:${Object.keys(AT_FIRST_CALL).join('|')})$`);
    const isCommonJs = build.initialOptions.outExtension?.['.js'] === '.cjs';
    build.onResolve({ filter }, ({ path }) =>
      isCommonJs ? { path, namespace: 'at-first-call', sideEffects: false } : { path, external: true },
    );
    build.onLoad({ filter: /.*/, namespace: 'at-first-call' }, ({ path }) => ({ contents: forwarders(path) }));
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

/** zod keeps its settings on `globalThis`, where an application's own zod would change them: what is carried has its own. */
const zodApart: EsbuildPlugin = {
  name: 'zod-apart',
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]core[\\/]core\.js$/ }, ({ path }) => ({
      contents: `const apart = {}; ${readFileSync(path, 'utf8').replaceAll('globalThis', 'apart')}`,
    }));
  },
};

const plainRequire: BuildPlugin = {
  name: 'plain-require',
  renderChunk: (code, { map = null }) => ({ code: code.replaceAll(`${PLAIN_REQUIRE}(`, 'require('), map }),
};

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    core: 'src/core/index.ts',
    register: 'src/register.ts',
    testing: 'src/testing/index.ts',
    vitest: 'src/testing/vitest.ts',
    jest: 'src/testing/jest.ts',
    cli: 'src/cli/main.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  splitting: true,
  // Its own way to CommonJS writes a call with a closure for each `?.` and `??`; the one by way of rollup leaves them.
  treeshake: true,
  dts: true,
  clean: true,
  sourcemap: true,
  external: ['vitest', 'expect', 'undici'],
  noExternal: [...CARRIED, ...Object.keys(AT_FIRST_CALL)],
  esbuildPlugins: [loadAtFirstCall, zodApart],
  // The build of yaml for browsers is the one in ES modules, of which only the parts that are used are carried.
  esbuildOptions: (options) => void (options.alias = { yaml: join(folderOf('yaml'), 'browser/index.js') }),
  plugins: [plainRequire],
  onSuccess: async () => writeFileSync('dist/THIRD-PARTY-LICENSES.txt', licences()),
});
