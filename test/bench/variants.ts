/** What is compared: Node as it is, twice, and an installed egress of the built package. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Sidecarless from '../../src/index.ts';
import { policyFor } from './policies.ts';
import type { ServerReady } from './server-process.ts';

/** `plain again` is plain Node too, and shows the noise. */
export const VARIANTS = ['plain', 'plain again', 'log off', 'text log'] as const;

export type Variant = (typeof VARIANTS)[number];

export interface Variants {
  /** Puts one of them in place, and gives what takes it out again. */
  install(variant: Variant): () => void;
  close(): void;
}

export async function openVariants(server: ServerReady): Promise<Variants> {
  const { createEgress, parseMeshConfig } = (await import(
    new URL('../../dist/index.js', import.meta.url).href
  )) as typeof Sidecarless;
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const meshConfig = parseMeshConfig(policyFor(server));
  const quiet = createEgress({ meshConfig, accessLog: false });
  const logging = createEgress({ meshConfig, accessLog: { to: join(folder, 'access.log'), encoding: 'TEXT' } });
  return {
    install(variant) {
      if (variant === 'log off') return quiet.install();
      if (variant === 'text log') return logging.install();
      return () => undefined;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
