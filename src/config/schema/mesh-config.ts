/**
 * istio.mesh.v1alpha1.MeshConfig. Istio reads it without a CRD: field names in both spellings, enum numbers, quoted numbers,
 * and unknown fields are let go. Fields that egress does not depend on are listed, so that they are not taken for mistakes.
 */
import { z } from 'zod';
import { anyMap } from './any-map.ts';
import { connectionPoolSettings, tcpKeepalive } from './connection-pool.ts';
import { localityLbSetting, outlierDetection } from './destination-rule.ts';
import { durationText, flag, text, textMap, texts, uint32 } from './fields.ts';
import { clientTLSSettings } from './tls-settings.ts';
import { httpRetry } from './virtual-service.ts';

const anyList = z.array(z.unknown());

/** `mode` of MeshConfig's policy by number; the Sidecar knows the first two. */
export const outboundTrafficPolicyModes = { REGISTRY_ONLY: 0, ALLOW_ANY: 1, ALLOW_ANY_DYNAMIC_DNS: 3 } as const;

const outboundTrafficPolicy = z.strictObject({
  mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS']).optional(),
  tls: clientTLSSettings.optional(),
});

const proxyConfig = z.looseObject({
  proxyMetadata: textMap.optional(),
  interceptionMode: z.enum(['REDIRECT', 'TPROXY', 'NONE']).optional(),
  proxyHeaders: anyMap.optional(),
});

const labelSelector = z.strictObject({
  matchLabels: textMap.optional(),
  matchExpressions: z
    .array(z.strictObject({ key: text.optional(), operator: text.optional(), values: texts.optional() }))
    .optional(),
});

const visibility = z.enum(['UNSPECIFIED', 'PUBLIC', 'NAMESPACE', 'NONE']);

const serviceEntryVisibility = z.strictObject({
  defaultVisibility: visibility.optional(),
  policies: z
    .array(
      z.strictObject({
        visibility: visibility.optional(),
        matchingRules: z.array(z.strictObject({ namespaceSelector: labelSelector.optional() })).optional(),
      }),
    )
    .optional(),
  applyToSidecars: flag.optional(),
});

/** An unknown name is let go: Istio reads it as the default. */
const pathNormalization = z.strictObject({ normalization: z.union([text, z.int()]).optional() });

/** The numbers of `pathNormalization.normalization`. */
export const pathNormalizations = ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

const governing = {
  outboundTrafficPolicy,
  rootNamespace: text,
  accessLogFile: text,
  accessLogFormat: text,
  accessLogEncoding: z.enum(['TEXT', 'JSON']),
  disableEnvoyListenerLog: flag,
  connectTimeout: durationText,
  protocolDetectionTimeout: durationText,
  tcpKeepalive,
  defaultServiceExportTo: texts,
  defaultVirtualServiceExportTo: texts,
  defaultDestinationRuleExportTo: texts,
  defaultHttpRetryPolicy: httpRetry,
  defaultTrafficPolicy: z.strictObject({
    connectionPool: connectionPoolSettings.optional(),
    outlierDetection: outlierDetection.optional(),
  }),
  h2UpgradePolicy: z.enum(['DO_NOT_UPGRADE', 'UPGRADE']),
  pathNormalization,
  localityLbSetting,
  serviceSettings: z.array(
    z.strictObject({ settings: z.strictObject({ clusterLocal: flag.optional() }).optional(), hosts: texts.optional() }),
  ),
  serviceEntryVisibility,
  discoverySelectors: z.array(labelSelector),
  outboundClusterStatName: text,
  trustDomain: text,
  trustDomainAliases: texts,
  enableAutoMtls: flag,
  proxyListenPort: uint32,
  proxyInboundListenPort: uint32,
  proxyHttpPort: uint32,
  dnsRefreshRate: durationText,
  defaultConfig: proxyConfig,
  extensionProviders: z.array(anyMap),
  defaultProviders: anyMap,
};

/** Read, and of no effect on what leaves the workload. */
const irrelevant = {
  ingressClass: text,
  ingressService: text,
  ingressControllerMode: z.union([text, z.int()]),
  ingressSelector: text,
  enableTracing: flag,
  enableEnvoyAccessLogService: flag,
  inboundTrafficPolicy: anyMap,
  defaultInboundHttpRetryPolicy: anyMap,
  inboundClusterStatName: text,
  configSources: anyList,
  caCertificates: anyList,
  certificates: anyList,
  ca: anyMap,
  thriftConfig: anyMap,
  enablePrometheusMerge: flag,
  verifyCertificateAtClient: flag,
  meshMTLS: anyMap,
  tlsDefaults: anyMap,
  serviceScopeConfigs: anyList,
  disablePolicyChecks: flag,
  disableMixerHttpReports: flag,
  enableClientSidePolicyCheck: flag,
  policyCheckFailOpen: flag,
  mixerCheckServer: text,
  mixerReportServer: text,
  mixerAddress: text,
  authPolicy: z.union([text, z.int()]),
  rdsRefreshDelay: durationText,
  sdsUdsPath: text,
  sdsRefreshDelay: durationText,
  sidecarToTelemetrySessionAffinity: flag,
  reportBatchMaxEntries: uint32,
  reportBatchMaxTime: durationText,
};

export const meshConfig = z.strictObject({ ...governing, ...irrelevant }).partial();

/** Fields that only MeshConfig has: one of them tells a bare MeshConfig from any other document. */
export const meshConfigFields: readonly string[] = Object.keys(meshConfig.shape);
