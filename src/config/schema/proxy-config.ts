import * as form from './form.ts';
import { int32, matchLabelsSelector, text, textMap } from './fields.ts';

/** networking.istio.io ProxyConfig, the resource (not the field of MeshConfig). */
export const proxyConfigSpec = form.strictObject({
  selector: matchLabelsSelector.optional(),
  concurrency: int32.min(0).nullable().optional(),
  environmentVariables: textMap.optional(),
  image: form.strictObject({ imageType: text.optional() }).optional(),
});
export type ProxyConfigFields = form.Infer<typeof proxyConfigSpec>;
