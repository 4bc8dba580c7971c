import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { matchLabelsSelector, optional } from './fields.ts';
import { whenGiven } from './when-given.ts';

/** networking.istio.io ProxyConfig, the resource (not the field of MeshConfig). */
export const proxyConfigSpec = lazily(() =>
  z.strictObject({
    selector: whenGiven(matchLabelsSelector),
    concurrency: whenGiven(() => z.nullable(z.int32().check(z.gte(0)))),
    environmentVariables: optional.textMap,
    image: whenGiven(() => z.strictObject({ imageType: optional.text })),
  }),
);
export type ProxyConfigFields = z.infer<ReturnType<typeof proxyConfigSpec>>;
