import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { connectionPoolSettings } from './connection-pool.ts';
import { destination, optional, text, workloadSelector } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';
import { whenGiven } from './when-given.ts';

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
    captureMode: whenGiven(() => captureMode),
    defaultEndpoint: optional.text,
    tls: whenGiven(serverTLSSettings),
    connectionPool: whenGiven(connectionPoolSettings),
  }),
);

const egressListener = lazily(() =>
  z.strictObject({
    port: whenGiven(sidecarPort),
    bind: optional.text,
    captureMode: whenGiven(() => captureMode),
    hosts: z.array(text),
  }),
);

/** networking.istio.io Sidecar. */
export const sidecarSpec = lazily(() =>
  z.strictObject({
    workloadSelector: whenGiven(workloadSelector),
    ingress: whenGiven(() => z.array(ingressListener())),
    egress: whenGiven(() => z.array(egressListener())),
    inboundConnectionPool: whenGiven(connectionPoolSettings),
    outboundTrafficPolicy: whenGiven(() =>
      z.strictObject({
        mode: whenGiven(() => z.enum(['REGISTRY_ONLY', 'ALLOW_ANY'])),
        egressProxy: whenGiven(destination),
      }),
    ),
  }),
);

export type SidecarFields = z.infer<ReturnType<typeof sidecarSpec>>;
export type SidecarPortFields = z.infer<ReturnType<typeof sidecarPort>>;
export type IngressListenerFields = z.infer<ReturnType<typeof ingressListener>>;
export type EgressListenerFields = z.infer<ReturnType<typeof egressListener>>;
