import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { connectionPoolSettings } from './connection-pool.ts';
import { destination, optional, text, workloadSelector } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';

const sidecarPort = lazily(() =>
  z.strictObject({
    number: optional.uint32,
    protocol: optional.text,
    name: optional.text,
    targetPort: optional.uint32,
  }),
);
const captureMode = z.enum(['DEFAULT', 'IPTABLES', 'NONE']);

const ingressListener = lazily(() =>
  z.strictObject({
    port: sidecarPort(),
    bind: optional.text,
    captureMode: z.optional(captureMode),
    defaultEndpoint: optional.text,
    tls: z.optional(serverTLSSettings()),
    connectionPool: z.optional(connectionPoolSettings()),
  }),
);

const egressListener = lazily(() =>
  z.strictObject({
    port: z.optional(sidecarPort()),
    bind: optional.text,
    captureMode: z.optional(captureMode),
    hosts: z.array(text),
  }),
);

/** networking.istio.io Sidecar. */
export const sidecarSpec = lazily(() =>
  z.strictObject({
    workloadSelector: z.optional(workloadSelector()),
    ingress: z.optional(z.array(ingressListener())),
    egress: z.optional(z.array(egressListener())),
    inboundConnectionPool: z.optional(connectionPoolSettings()),
    outboundTrafficPolicy: z.optional(
      z.strictObject({
        mode: z.optional(z.enum(['REGISTRY_ONLY', 'ALLOW_ANY'])),
        egressProxy: z.optional(destination()),
      }),
    ),
  }),
);

export type SidecarFields = z.infer<ReturnType<typeof sidecarSpec>>;
export type SidecarPortFields = z.infer<ReturnType<typeof sidecarPort>>;
export type IngressListenerFields = z.infer<ReturnType<typeof ingressListener>>;
export type EgressListenerFields = z.infer<ReturnType<typeof egressListener>>;
