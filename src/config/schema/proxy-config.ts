import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { int32, matchLabelsSelector, optional } from './fields.ts';

/** networking.istio.io ProxyConfig, the resource (not the field of MeshConfig). */
export const proxyConfigSpec = lazily(() =>
  z.strictObject({
    selector: z.optional(matchLabelsSelector()),
    concurrency: z.optional(z.nullable(int32.check(z.gte(0)))),
    environmentVariables: optional.textMap,
    image: z.optional(z.strictObject({ imageType: optional.text })),
  }),
);
export type ProxyConfigFields = z.infer<ReturnType<typeof proxyConfigSpec>>;
