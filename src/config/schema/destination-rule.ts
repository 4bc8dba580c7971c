import { z } from 'zod';
import { connectionPoolSettings } from './connection-pool.ts';
import {
  double,
  duration,
  durationText,
  flag,
  flagValue,
  int32,
  matchLabelsSelector,
  oneOf,
  portSelector,
  text,
  textMap,
  texts,
  uint32,
  uint32Value,
  uint64,
} from './fields.ts';
import { clientTLSSettings } from './tls-settings.ts';

export const outlierDetection = z.strictObject({
  consecutiveErrors: int32.optional(),
  splitExternalLocalOriginErrors: flag.optional(),
  consecutiveLocalOriginFailures: uint32Value.optional(),
  consecutiveGatewayErrors: uint32Value.optional(),
  consecutive5xxErrors: uint32Value.optional(),
  interval: duration.optional(),
  baseEjectionTime: duration.optional(),
  maxEjectionPercent: int32.optional(),
  minHealthPercent: int32.optional(),
});
export type OutlierDetectionFields = z.infer<typeof outlierDetection>;

const failover = z.array(z.strictObject({ from: text.optional(), to: text.optional() }));

export const localityLbSetting = z.strictObject({
  distribute: z
    .array(z.strictObject({ from: text.optional(), to: z.record(z.string(), uint32).optional() }))
    .optional(),
  failover: failover.optional(),
  failoverPriority: texts.optional(),
  enabled: flagValue.optional(),
});
export type LocalityLbFields = z.infer<typeof localityLbSetting>;

const zoneAwareLbSetting = z.strictObject({
  failover: failover.optional(),
  failoverPriority: texts.optional(),
  enabled: flagValue.optional(),
  routingEnabled: z.number().optional(),
  minClusterSize: z.int().nonnegative().optional(),
  failTrafficOnPanic: flag.optional(),
  forceLocalZone: z.strictObject({ minSize: uint32.optional() }).optional(),
});
export type ZoneAwareLbFields = z.infer<typeof zoneAwareLbSetting>;

const consistentHash = oneOf(
  z.strictObject({
    httpHeaderName: text.optional(),
    httpCookie: z
      .strictObject({
        name: text,
        path: text.optional(),
        ttl: durationText.optional(),
        attributes: z.array(z.strictObject({ name: text, value: text.optional() })).optional(),
      })
      .optional(),
    useSourceIp: flag.optional(),
    httpQueryParameterName: text.optional(),
    ringHash: z.strictObject({ minimumRingSize: uint64.optional() }).optional(),
    maglev: z.strictObject({ tableSize: uint64.optional() }).optional(),
    minimumRingSize: uint64.optional(),
  }),
  ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
  ['ringHash', 'maglev'],
);

const loadBalancerSettings = oneOf(
  z.strictObject({
    simple: z.enum(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']).optional(),
    consistentHash: consistentHash.optional(),
    localityLbSetting: localityLbSetting.optional(),
    zoneAwareLbSetting: zoneAwareLbSetting.optional(),
    warmupDurationSecs: duration.optional(),
    warmup: z
      .strictObject({
        duration,
        minimumPercent: double.min(0).max(100).nullable().optional(),
        aggression: double.min(0).nullable().optional(),
      })
      .optional(),
  }),
  ['simple', 'consistentHash'],
);
export type LoadBalancerFields = z.infer<typeof loadBalancerSettings>;

const portTrafficPolicy = z.strictObject({
  port: portSelector.optional(),
  loadBalancer: loadBalancerSettings.optional(),
  connectionPool: connectionPoolSettings.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: clientTLSSettings.optional(),
});
export type PortTrafficPolicyFields = z.infer<typeof portTrafficPolicy>;

const trafficPolicy = z.strictObject({
  loadBalancer: loadBalancerSettings.optional(),
  connectionPool: connectionPoolSettings.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: clientTLSSettings.optional(),
  portLevelSettings: z.array(portTrafficPolicy).max(4096).optional(),
  tunnel: z.strictObject({ protocol: text.optional(), targetHost: text, targetPort: uint32 }).optional(),
  proxyProtocol: z.strictObject({ version: z.enum(['V1', 'V2']).optional() }).optional(),
  retryBudget: z
    .strictObject({
      percent: double.min(0).max(100).nullable().optional(),
      minRetryConcurrency: uint32.optional(),
      budgetInterval: durationText.optional(),
    })
    .optional(),
});
export type TrafficPolicyFields = z.infer<typeof trafficPolicy>;

const subset = z.strictObject({ name: text, labels: textMap.optional(), trafficPolicy: trafficPolicy.optional() });
export type SubsetFields = z.infer<typeof subset>;

/** networking.istio.io DestinationRule. */
export const destinationRuleSpec = z.strictObject({
  host: text,
  trafficPolicy: trafficPolicy.optional(),
  subsets: z.array(subset).optional(),
  exportTo: texts.optional(),
  workloadSelector: matchLabelsSelector.optional(),
});
export type DestinationRuleFields = z.infer<typeof destinationRuleSpec>;
