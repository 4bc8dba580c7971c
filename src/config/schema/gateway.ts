import { z } from 'zod';
import { text, textMap, uint32 } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';

const server = z.strictObject({
  port: z.strictObject({
    number: uint32,
    protocol: text,
    name: text,
    targetPort: uint32.optional(),
  }),
  bind: text.optional(),
  hosts: z.array(text),
  tls: serverTLSSettings.optional(),
  defaultEndpoint: text.optional(),
  name: text.optional(),
});

/** networking.istio.io Gateway. */
export const gatewaySpec = z.strictObject({
  servers: z.array(server).optional(),
  selector: textMap.optional(),
});

export type GatewayFields = z.infer<typeof gatewaySpec>;
export type ServerFields = z.infer<typeof server>;
