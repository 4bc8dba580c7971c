import { z } from 'zod';
import { connectionPoolSettings } from './connection-pool.ts';
import { destination, text, uint32, workloadSelector } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';

const sidecarPort = z.strictObject({
  number: uint32.optional(),
  protocol: text.optional(),
  name: text.optional(),
  targetPort: uint32.optional(),
});
const captureMode = z.enum(['DEFAULT', 'IPTABLES', 'NONE']);

const ingressListener = z.strictObject({
  port: sidecarPort,
  bind: text.optional(),
  captureMode: captureMode.optional(),
  defaultEndpoint: text.optional(),
  tls: serverTLSSettings.optional(),
  connectionPool: connectionPoolSettings.optional(),
});

const egressListener = z.strictObject({
  port: sidecarPort.optional(),
  bind: text.optional(),
  captureMode: captureMode.optional(),
  hosts: z.array(text),
});

/** networking.istio.io Sidecar. */
export const sidecarSpec = z.strictObject({
  workloadSelector: workloadSelector.optional(),
  ingress: z.array(ingressListener).optional(),
  egress: z.array(egressListener).optional(),
  inboundConnectionPool: connectionPoolSettings.optional(),
  outboundTrafficPolicy: z
    .strictObject({
      mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY']).optional(),
      egressProxy: destination.optional(),
    })
    .optional(),
});

export type SidecarFields = z.infer<typeof sidecarSpec>;
export type SidecarPortFields = z.infer<typeof sidecarPort>;
export type IngressListenerFields = z.infer<typeof ingressListener>;
export type EgressListenerFields = z.infer<typeof egressListener>;
