import { z } from 'zod';
import { int32, matchLabelsSelector, text, textMap } from './fields.ts';

/** networking.istio.io ProxyConfig, the resource (not the field of MeshConfig). */
export const proxyConfigSpec = z.strictObject({
  selector: matchLabelsSelector.optional(),
  concurrency: int32.min(0).nullable().optional(),
  environmentVariables: textMap.optional(),
  image: z.strictObject({ imageType: text.optional() }).optional(),
});
export type ProxyConfigFields = z.infer<typeof proxyConfigSpec>;
