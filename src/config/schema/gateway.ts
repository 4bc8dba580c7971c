import * as form from './form.ts';
import { text, textMap, uint32 } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';

const server = form.strictObject({
  port: form.strictObject({
    number: uint32,
    protocol: text,
    name: text,
    targetPort: uint32.optional(),
  }),
  bind: text.optional(),
  hosts: form.array(text),
  tls: serverTLSSettings.optional(),
  defaultEndpoint: text.optional(),
  name: text.optional(),
});

/** networking.istio.io Gateway. */
export const gatewaySpec = form.strictObject({
  servers: form.array(server).optional(),
  selector: textMap.optional(),
});

export type GatewayFields = form.Infer<typeof gatewaySpec>;
export type ServerFields = form.Infer<typeof server>;
