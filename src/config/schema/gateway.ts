import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { optional, text, uint32 } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';
import { whenGiven } from './when-given.ts';

const server = lazily(() =>
  z.strictObject({
    port: z.strictObject({
      number: uint32,
      protocol: text,
      name: text,
      targetPort: optional.uint32,
    }),
    bind: optional.text,
    hosts: z.array(text),
    tls: whenGiven(serverTLSSettings),
    defaultEndpoint: optional.text,
    name: optional.text,
  }),
);

/** networking.istio.io Gateway. */
export const gatewaySpec = lazily(() =>
  z.strictObject({
    servers: whenGiven(() => z.array(server())),
    selector: optional.textMap,
  }),
);

export type GatewayFields = z.infer<ReturnType<typeof gatewaySpec>>;
export type ServerFields = z.infer<ReturnType<typeof server>>;
