import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { optional } from './fields.ts';
import { whenGiven } from './when-given.ts';

export const tcpKeepalive = lazily(() =>
  z.strictObject({
    probes: optional.uint32,
    time: optional.duration,
    interval: optional.duration,
  }),
);

/** ConnectionPoolSettings: of DestinationRule, Sidecar and MeshConfig. */
export const connectionPoolSettings = lazily(() =>
  z.strictObject({
    tcp: whenGiven(() =>
      z.strictObject({
        maxConnections: optional.int32,
        connectTimeout: optional.duration,
        tcpKeepalive: whenGiven(tcpKeepalive),
        maxConnectionDuration: optional.duration,
        // 0 disables it: the CRD leaves this one to the proxy.
        idleTimeout: optional.durationText,
      }),
    ),
    http: whenGiven(() =>
      z.strictObject({
        http1MaxPendingRequests: optional.int32,
        http2MaxRequests: optional.int32,
        maxRequestsPerConnection: optional.int32,
        maxRetries: optional.int32,
        idleTimeout: optional.duration,
        h2UpgradePolicy: whenGiven(() => z.enum(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'])),
        useClientProtocol: optional.flag,
        maxConcurrentStreams: optional.int32,
        http2KeepAlive: whenGiven(() => z.strictObject({ interval: optional.duration, timeout: optional.duration })),
      }),
    ),
  }),
);
export type ConnectionPoolFields = z.infer<ReturnType<typeof connectionPoolSettings>>;
