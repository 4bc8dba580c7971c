import * as form from './form.ts';
import { duration, durationText, flag, int32, uint32 } from './fields.ts';

export const tcpKeepalive = form.strictObject({
  probes: uint32.optional(),
  time: duration.optional(),
  interval: duration.optional(),
});

/** ConnectionPoolSettings: of DestinationRule, Sidecar and MeshConfig. */
export const connectionPoolSettings = form.strictObject({
  tcp: form
    .strictObject({
      maxConnections: int32.optional(),
      connectTimeout: duration.optional(),
      tcpKeepalive: tcpKeepalive.optional(),
      maxConnectionDuration: duration.optional(),
      // 0 disables it: the CRD leaves this one to the proxy.
      idleTimeout: durationText.optional(),
    })
    .optional(),
  http: form
    .strictObject({
      http1MaxPendingRequests: int32.optional(),
      http2MaxRequests: int32.optional(),
      maxRequestsPerConnection: int32.optional(),
      maxRetries: int32.optional(),
      idleTimeout: duration.optional(),
      h2UpgradePolicy: form.oneWordOf(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']).optional(),
      useClientProtocol: flag.optional(),
      maxConcurrentStreams: int32.optional(),
      http2KeepAlive: form.strictObject({ interval: duration.optional(), timeout: duration.optional() }).optional(),
    })
    .optional(),
});
export type ConnectionPoolFields = form.Infer<typeof connectionPoolSettings>;
