/**
 * istio.mesh.v1alpha1.MeshConfig. Istio reads it without a CRD: field names in both spellings, enum numbers, quoted numbers,
 * and unknown fields are let go. Fields that egress does not depend on are listed, so that they are not taken for mistakes.
 */
import * as form from './form.ts';
import { anyMap } from './any-map.ts';
import { connectionPoolSettings, tcpKeepalive } from './connection-pool.ts';
import { localityLbSetting, outlierDetection } from './destination-rule.ts';
import { durationText, flag, text, textMap, texts, uint32 } from './fields.ts';
import { clientTLSSettings } from './tls-settings.ts';
import { httpRetry } from './virtual-service.ts';

const anyList = form.array(form.unknown());

/** `mode` of MeshConfig's policy by number; the Sidecar knows the first two. */
export const outboundTrafficPolicyModes = { REGISTRY_ONLY: 0, ALLOW_ANY: 1, ALLOW_ANY_DYNAMIC_DNS: 3 } as const;

const outboundTrafficPolicy = form.strictObject({
  mode: form.oneWordOf(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS']).optional(),
  tls: clientTLSSettings.optional(),
});

const proxyConfig = form.looseObject({
  proxyMetadata: textMap.optional(),
  interceptionMode: form.oneWordOf(['REDIRECT', 'TPROXY', 'NONE']).optional(),
  proxyHeaders: anyMap.optional(),
});

const labelSelector = form.strictObject({
  matchLabels: textMap.optional(),
  matchExpressions: form
    .array(form.strictObject({ key: text.optional(), operator: text.optional(), values: texts.optional() }))
    .optional(),
});

const visibility = form.oneWordOf(['UNSPECIFIED', 'PUBLIC', 'NAMESPACE', 'NONE']);

const serviceEntryVisibility = form.strictObject({
  defaultVisibility: visibility.optional(),
  policies: form
    .array(
      form.strictObject({
        visibility: visibility.optional(),
        matchingRules: form.array(form.strictObject({ namespaceSelector: labelSelector.optional() })).optional(),
      }),
    )
    .optional(),
  applyToSidecars: flag.optional(),
});

/** An unknown name is let go: Istio reads it as the default. */
const pathNormalization = form.strictObject({ normalization: form.either(text, form.int()).optional() });

/** The numbers of `pathNormalization.normalization`. */
export const pathNormalizations = ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

const governing = {
  outboundTrafficPolicy,
  rootNamespace: text,
  accessLogFile: text,
  accessLogFormat: text,
  accessLogEncoding: form.oneWordOf(['TEXT', 'JSON']),
  disableEnvoyListenerLog: flag,
  connectTimeout: durationText,
  protocolDetectionTimeout: durationText,
  tcpKeepalive,
  defaultServiceExportTo: texts,
  defaultVirtualServiceExportTo: texts,
  defaultDestinationRuleExportTo: texts,
  defaultHttpRetryPolicy: httpRetry,
  defaultTrafficPolicy: form.strictObject({
    connectionPool: connectionPoolSettings.optional(),
    outlierDetection: outlierDetection.optional(),
  }),
  h2UpgradePolicy: form.oneWordOf(['DO_NOT_UPGRADE', 'UPGRADE']),
  pathNormalization,
  localityLbSetting,
  serviceSettings: form.array(
    form.strictObject({
      settings: form.strictObject({ clusterLocal: flag.optional() }).optional(),
      hosts: texts.optional(),
    }),
  ),
  serviceEntryVisibility,
  discoverySelectors: form.array(labelSelector),
  outboundClusterStatName: text,
  trustDomain: text,
  trustDomainAliases: texts,
  enableAutoMtls: flag,
  proxyListenPort: uint32,
  proxyInboundListenPort: uint32,
  proxyHttpPort: uint32,
  dnsRefreshRate: durationText,
  defaultConfig: proxyConfig,
  extensionProviders: form.array(anyMap),
  defaultProviders: anyMap,
};

/** Read, and of no effect on what leaves the workload. */
const irrelevant = {
  ingressClass: text,
  ingressService: text,
  ingressControllerMode: form.either(text, form.int()),
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
  authPolicy: form.either(text, form.int()),
  rdsRefreshDelay: durationText,
  sdsUdsPath: text,
  sdsRefreshDelay: durationText,
  sidecarToTelemetrySessionAffinity: flag,
  reportBatchMaxEntries: uint32,
  reportBatchMaxTime: durationText,
};

export const meshConfig = form.strictObject(allOptional({ ...governing, ...irrelevant }));

function allOptional<S extends form.Shape>(fields: S): { [K in keyof S]: form.OptionalForm<form.Infer<S[K]>> } {
  const optional = Object.entries(fields).map(([name, each]) => [name, each.optional()] as const);
  return Object.fromEntries(optional) as { [K in keyof S]: form.OptionalForm<form.Infer<S[K]>> };
}

/** Fields that only MeshConfig has: one of them tells a bare MeshConfig from any other document. */
export const meshConfigFields: readonly string[] = Object.keys(meshConfig.shape);
