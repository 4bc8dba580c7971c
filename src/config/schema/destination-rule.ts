import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { connectionPoolSettings } from './connection-pool.ts';
import { double, duration, matchLabelsSelector, oneOf, optional, portSelector, text, uint32 } from './fields.ts';
import { clientTLSSettings } from './tls-settings.ts';
import { whenGiven } from './when-given.ts';

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
    distribute: whenGiven(() =>
      z.array(z.strictObject({ from: optional.text, to: whenGiven(() => z.record(z.string(), uint32)) })),
    ),
    failover: whenGiven(failover),
    failoverPriority: optional.texts,
    enabled: optional.flagValue,
  }),
);
export type LocalityLbFields = z.infer<ReturnType<typeof localityLbSetting>>;

const zoneAwareLbSetting = lazily(() =>
  z.strictObject({
    failover: whenGiven(failover),
    failoverPriority: optional.texts,
    enabled: optional.flagValue,
    routingEnabled: whenGiven(() => z.number()),
    minClusterSize: whenGiven(() => z.int().check(z.gte(0))),
    failTrafficOnPanic: optional.flag,
    forceLocalZone: whenGiven(() => z.strictObject({ minSize: optional.uint32 })),
  }),
);
export type ZoneAwareLbFields = z.infer<ReturnType<typeof zoneAwareLbSetting>>;

const consistentHash = lazily(() =>
  oneOf(
    z.strictObject({
      httpHeaderName: optional.text,
      httpCookie: whenGiven(() =>
        z.strictObject({
          name: text,
          path: optional.text,
          ttl: optional.durationText,
          attributes: whenGiven(() => z.array(z.strictObject({ name: text, value: optional.text }))),
        }),
      ),
      useSourceIp: optional.flag,
      httpQueryParameterName: optional.text,
      ringHash: whenGiven(() => z.strictObject({ minimumRingSize: optional.uint64 })),
      maglev: whenGiven(() => z.strictObject({ tableSize: optional.uint64 })),
      minimumRingSize: optional.uint64,
    }),
    ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
    ['ringHash', 'maglev'],
  ),
);

const loadBalancerSettings = lazily(() =>
  oneOf(
    z.strictObject({
      simple: whenGiven(() =>
        z.enum(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']),
      ),
      consistentHash: whenGiven(consistentHash),
      localityLbSetting: whenGiven(localityLbSetting),
      zoneAwareLbSetting: whenGiven(zoneAwareLbSetting),
      warmupDurationSecs: optional.duration,
      warmup: whenGiven(() =>
        z.strictObject({
          duration: duration(),
          minimumPercent: whenGiven(() => z.nullable(double().check(z.gte(0), z.lte(100)))),
          aggression: whenGiven(() => z.nullable(double().check(z.gte(0)))),
        }),
      ),
    }),
    ['simple', 'consistentHash'],
  ),
);
export type LoadBalancerFields = z.infer<ReturnType<typeof loadBalancerSettings>>;

const portTrafficPolicy = lazily(() =>
  z.strictObject({
    port: whenGiven(portSelector),
    loadBalancer: whenGiven(loadBalancerSettings),
    connectionPool: whenGiven(connectionPoolSettings),
    outlierDetection: whenGiven(outlierDetection),
    tls: whenGiven(clientTLSSettings),
  }),
);
export type PortTrafficPolicyFields = z.infer<ReturnType<typeof portTrafficPolicy>>;

const trafficPolicy = lazily(() =>
  z.strictObject({
    loadBalancer: whenGiven(loadBalancerSettings),
    connectionPool: whenGiven(connectionPoolSettings),
    outlierDetection: whenGiven(outlierDetection),
    tls: whenGiven(clientTLSSettings),
    portLevelSettings: whenGiven(() => z.array(portTrafficPolicy()).check(z.maxLength(4096))),
    tunnel: whenGiven(() => z.strictObject({ protocol: optional.text, targetHost: text, targetPort: uint32 })),
    proxyProtocol: whenGiven(() => z.strictObject({ version: whenGiven(() => z.enum(['V1', 'V2'])) })),
    retryBudget: whenGiven(() =>
      z.strictObject({
        percent: whenGiven(() => z.nullable(double().check(z.gte(0), z.lte(100)))),
        minRetryConcurrency: optional.uint32,
        budgetInterval: optional.durationText,
      }),
    ),
  }),
);
export type TrafficPolicyFields = z.infer<ReturnType<typeof trafficPolicy>>;

const subset = lazily(() =>
  z.strictObject({ name: text, labels: optional.textMap, trafficPolicy: whenGiven(trafficPolicy) }),
);
export type SubsetFields = z.infer<ReturnType<typeof subset>>;

/** networking.istio.io DestinationRule. */
export const destinationRuleSpec = lazily(() =>
  z.strictObject({
    host: text,
    trafficPolicy: whenGiven(trafficPolicy),
    subsets: whenGiven(() => z.array(subset())),
    exportTo: optional.texts,
    workloadSelector: whenGiven(matchLabelsSelector),
  }),
);
export type DestinationRuleFields = z.infer<ReturnType<typeof destinationRuleSpec>>;
