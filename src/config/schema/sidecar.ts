import * as form from './form.ts';
import { connectionPoolSettings } from './connection-pool.ts';
import { destination, text, uint32, workloadSelector } from './fields.ts';
import { serverTLSSettings } from './tls-settings.ts';

const sidecarPort = form.strictObject({
  number: uint32.optional(),
  protocol: text.optional(),
  name: text.optional(),
  targetPort: uint32.optional(),
});
const captureMode = form.oneWordOf(['DEFAULT', 'IPTABLES', 'NONE']);

const ingressListener = form.strictObject({
  port: sidecarPort,
  bind: text.optional(),
  captureMode: captureMode.optional(),
  defaultEndpoint: text.optional(),
  tls: serverTLSSettings.optional(),
  connectionPool: connectionPoolSettings.optional(),
});

const egressListener = form.strictObject({
  port: sidecarPort.optional(),
  bind: text.optional(),
  captureMode: captureMode.optional(),
  hosts: form.array(text),
});

/** networking.istio.io Sidecar. */
export const sidecarSpec = form.strictObject({
  workloadSelector: workloadSelector.optional(),
  ingress: form.array(ingressListener).optional(),
  egress: form.array(egressListener).optional(),
  inboundConnectionPool: connectionPoolSettings.optional(),
  outboundTrafficPolicy: form
    .strictObject({
      mode: form.oneWordOf(['REGISTRY_ONLY', 'ALLOW_ANY']).optional(),
      egressProxy: destination.optional(),
    })
    .optional(),
});

export type SidecarFields = form.Infer<typeof sidecarSpec>;
export type SidecarPortFields = form.Infer<typeof sidecarPort>;
export type IngressListenerFields = form.Infer<typeof ingressListener>;
export type EgressListenerFields = form.Infer<typeof egressListener>;
