import { defineConfig } from 'tsup';

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
  dts: true,
  clean: true,
  sourcemap: true,
  external: ['vitest', 'expect', 'undici'],
});
