import * as form from './form.ts';
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

export const outlierDetection = form.strictObject({
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
export type OutlierDetectionFields = form.Infer<typeof outlierDetection>;

const failover = form.array(form.strictObject({ from: text.optional(), to: text.optional() }));

export const localityLbSetting = form.strictObject({
  distribute: form.array(form.strictObject({ from: text.optional(), to: form.record(uint32).optional() })).optional(),
  failover: failover.optional(),
  failoverPriority: texts.optional(),
  enabled: flagValue.optional(),
});
export type LocalityLbFields = form.Infer<typeof localityLbSetting>;

const zoneAwareLbSetting = form.strictObject({
  failover: failover.optional(),
  failoverPriority: texts.optional(),
  enabled: flagValue.optional(),
  routingEnabled: form.number().optional(),
  minClusterSize: form.int().min(0).optional(),
  failTrafficOnPanic: flag.optional(),
  forceLocalZone: form.strictObject({ minSize: uint32.optional() }).optional(),
});
export type ZoneAwareLbFields = form.Infer<typeof zoneAwareLbSetting>;

const consistentHash = oneOf(
  form.strictObject({
    httpHeaderName: text.optional(),
    httpCookie: form
      .strictObject({
        name: text,
        path: text.optional(),
        ttl: durationText.optional(),
        attributes: form.array(form.strictObject({ name: text, value: text.optional() })).optional(),
      })
      .optional(),
    useSourceIp: flag.optional(),
    httpQueryParameterName: text.optional(),
    ringHash: form.strictObject({ minimumRingSize: uint64.optional() }).optional(),
    maglev: form.strictObject({ tableSize: uint64.optional() }).optional(),
    minimumRingSize: uint64.optional(),
  }),
  ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
  ['ringHash', 'maglev'],
);

const loadBalancerSettings = oneOf(
  form.strictObject({
    simple: form
      .oneWordOf(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'])
      .optional(),
    consistentHash: consistentHash.optional(),
    localityLbSetting: localityLbSetting.optional(),
    zoneAwareLbSetting: zoneAwareLbSetting.optional(),
    warmupDurationSecs: duration.optional(),
    warmup: form
      .strictObject({
        duration,
        minimumPercent: double.min(0).max(100).nullable().optional(),
        aggression: double.min(0).nullable().optional(),
      })
      .optional(),
  }),
  ['simple', 'consistentHash'],
);
export type LoadBalancerFields = form.Infer<typeof loadBalancerSettings>;

const portTrafficPolicy = form.strictObject({
  port: portSelector.optional(),
  loadBalancer: loadBalancerSettings.optional(),
  connectionPool: connectionPoolSettings.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: clientTLSSettings.optional(),
});
export type PortTrafficPolicyFields = form.Infer<typeof portTrafficPolicy>;

const trafficPolicy = form.strictObject({
  loadBalancer: loadBalancerSettings.optional(),
  connectionPool: connectionPoolSettings.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: clientTLSSettings.optional(),
  portLevelSettings: form.array(portTrafficPolicy).max(4096).optional(),
  tunnel: form.strictObject({ protocol: text.optional(), targetHost: text, targetPort: uint32 }).optional(),
  proxyProtocol: form.strictObject({ version: form.oneWordOf(['V1', 'V2']).optional() }).optional(),
  retryBudget: form
    .strictObject({
      percent: double.min(0).max(100).nullable().optional(),
      minRetryConcurrency: uint32.optional(),
      budgetInterval: durationText.optional(),
    })
    .optional(),
});
export type TrafficPolicyFields = form.Infer<typeof trafficPolicy>;

const subset = form.strictObject({ name: text, labels: textMap.optional(), trafficPolicy: trafficPolicy.optional() });
export type SubsetFields = form.Infer<typeof subset>;

/** networking.istio.io DestinationRule. */
export const destinationRuleSpec = form.strictObject({
  host: text,
  trafficPolicy: trafficPolicy.optional(),
  subsets: form.array(subset).optional(),
  exportTo: texts.optional(),
  workloadSelector: matchLabelsSelector.optional(),
});
export type DestinationRuleFields = form.Infer<typeof destinationRuleSpec>;
