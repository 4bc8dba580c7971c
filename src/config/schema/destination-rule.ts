import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { connectionPoolSettings } from './connection-pool.ts';
import { double, duration, matchLabelsSelector, oneOf, optional, portSelector, text, uint32 } from './fields.ts';
import { clientTLSSettings } from './tls-settings.ts';

export const outlierDetection = lazily(() =>
  z.strictObject({
    consecutiveErrors: optional.int32,
    splitExternalLocalOriginErrors: optional.flag,
    consecutiveLocalOriginFailures: optional.uint32Value,
    consecutiveGatewayErrors: optional.uint32Value,
    consecutive5xxErrors: optional.uint32Value,
    interval: optional.duration,
    baseEjectionTime: optional.duration,
    maxEjectionPercent: optional.int32,
    minHealthPercent: optional.int32,
  }),
);
export type OutlierDetectionFields = z.infer<ReturnType<typeof outlierDetection>>;

const failover = lazily(() => z.array(z.strictObject({ from: optional.text, to: optional.text })));

export const localityLbSetting = lazily(() =>
  z.strictObject({
    distribute: z.optional(
      z.array(z.strictObject({ from: optional.text, to: z.optional(z.record(z.string(), uint32)) })),
    ),
    failover: z.optional(failover()),
    failoverPriority: optional.texts,
    enabled: optional.flagValue,
  }),
);
export type LocalityLbFields = z.infer<ReturnType<typeof localityLbSetting>>;

const zoneAwareLbSetting = lazily(() =>
  z.strictObject({
    failover: z.optional(failover()),
    failoverPriority: optional.texts,
    enabled: optional.flagValue,
    routingEnabled: z.optional(z.number()),
    minClusterSize: z.optional(z.int().check(z.gte(0))),
    failTrafficOnPanic: optional.flag,
    forceLocalZone: z.optional(z.strictObject({ minSize: optional.uint32 })),
  }),
);
export type ZoneAwareLbFields = z.infer<ReturnType<typeof zoneAwareLbSetting>>;

const consistentHash = lazily(() =>
  oneOf(
    z.strictObject({
      httpHeaderName: optional.text,
      httpCookie: z.optional(
        z.strictObject({
          name: text,
          path: optional.text,
          ttl: optional.durationText,
          attributes: z.optional(z.array(z.strictObject({ name: text, value: optional.text }))),
        }),
      ),
      useSourceIp: optional.flag,
      httpQueryParameterName: optional.text,
      ringHash: z.optional(z.strictObject({ minimumRingSize: optional.uint64 })),
      maglev: z.optional(z.strictObject({ tableSize: optional.uint64 })),
      minimumRingSize: optional.uint64,
    }),
    ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
    ['ringHash', 'maglev'],
  ),
);

const loadBalancerSettings = lazily(() =>
  oneOf(
    z.strictObject({
      simple: z.optional(
        z.enum(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']),
      ),
      consistentHash: z.optional(consistentHash()),
      localityLbSetting: z.optional(localityLbSetting()),
      zoneAwareLbSetting: z.optional(zoneAwareLbSetting()),
      warmupDurationSecs: optional.duration,
      warmup: z.optional(
        z.strictObject({
          duration,
          minimumPercent: z.optional(z.nullable(double.check(z.gte(0), z.lte(100)))),
          aggression: z.optional(z.nullable(double.check(z.gte(0)))),
        }),
      ),
    }),
    ['simple', 'consistentHash'],
  ),
);
export type LoadBalancerFields = z.infer<ReturnType<typeof loadBalancerSettings>>;

const portTrafficPolicy = lazily(() =>
  z.strictObject({
    port: z.optional(portSelector()),
    loadBalancer: z.optional(loadBalancerSettings()),
    connectionPool: z.optional(connectionPoolSettings()),
    outlierDetection: z.optional(outlierDetection()),
    tls: z.optional(clientTLSSettings()),
  }),
);
export type PortTrafficPolicyFields = z.infer<ReturnType<typeof portTrafficPolicy>>;

const trafficPolicy = lazily(() =>
  z.strictObject({
    loadBalancer: z.optional(loadBalancerSettings()),
    connectionPool: z.optional(connectionPoolSettings()),
    outlierDetection: z.optional(outlierDetection()),
    tls: z.optional(clientTLSSettings()),
    portLevelSettings: z.optional(z.array(portTrafficPolicy()).check(z.maxLength(4096))),
    tunnel: z.optional(z.strictObject({ protocol: optional.text, targetHost: text, targetPort: uint32 })),
    proxyProtocol: z.optional(z.strictObject({ version: z.optional(z.enum(['V1', 'V2'])) })),
    retryBudget: z.optional(
      z.strictObject({
        percent: z.optional(z.nullable(double.check(z.gte(0), z.lte(100)))),
        minRetryConcurrency: optional.uint32,
        budgetInterval: optional.durationText,
      }),
    ),
  }),
);
export type TrafficPolicyFields = z.infer<ReturnType<typeof trafficPolicy>>;

const subset = lazily(() =>
  z.strictObject({ name: text, labels: optional.textMap, trafficPolicy: z.optional(trafficPolicy()) }),
);
export type SubsetFields = z.infer<ReturnType<typeof subset>>;

/** networking.istio.io DestinationRule. */
export const destinationRuleSpec = lazily(() =>
  z.strictObject({
    host: text,
    trafficPolicy: z.optional(trafficPolicy()),
    subsets: z.optional(z.array(subset())),
    exportTo: optional.texts,
    workloadSelector: z.optional(matchLabelsSelector()),
  }),
);
export type DestinationRuleFields = z.infer<ReturnType<typeof destinationRuleSpec>>;
