/** Programs that carry their own copy of undici, where nothing can be wrapped. */
import { join } from 'node:path';

const here = new URL('.', import.meta.url).pathname;

export async function bundleUndici(folder) {
  const { build } = await import('esbuild');
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  for (const name of ['undici6', 'undici7', 'undici8'])
    await build({
      stdin: { contents: `export { request } from '${name}';`, resolveDir: here },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: join(folder, `${name}.mjs`),
      banner,
      minify: true,
      logLevel: 'error',
    });
}
