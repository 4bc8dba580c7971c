/**
 * istio.mesh.v1alpha1.MeshConfig. Istio reads it without a CRD: field names in both spellings, enum numbers, quoted numbers,
 * and unknown fields are let go. Fields that egress does not depend on are listed, so that they are not taken for mistakes.
 */
import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { connectionPoolSettings, tcpKeepalive } from './connection-pool.ts';
import { localityLbSetting, outlierDetection } from './destination-rule.ts';
import { optional, text } from './fields.ts';
import { clientTLSSettings } from './tls-settings.ts';
import { httpRetry } from './virtual-service.ts';

const anyList = z.array(z.unknown());

/** `mode` of MeshConfig's policy by number; the Sidecar knows the first two. */
export const outboundTrafficPolicyModes = { REGISTRY_ONLY: 0, ALLOW_ANY: 1, ALLOW_ANY_DYNAMIC_DNS: 3 } as const;

const outboundTrafficPolicy = lazily(() =>
  z.strictObject({
    mode: z.optional(z.enum(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'])),
    tls: z.optional(clientTLSSettings()),
  }),
);

const proxyConfig = lazily(() =>
  z.looseObject({
    proxyMetadata: optional.textMap,
    interceptionMode: z.optional(z.enum(['REDIRECT', 'TPROXY', 'NONE'])),
    proxyHeaders: z.optional(anyMap),
  }),
);

const labelSelector = lazily(() =>
  z.strictObject({
    matchLabels: optional.textMap,
    matchExpressions: z.optional(
      z.array(z.strictObject({ key: optional.text, operator: optional.text, values: optional.texts })),
    ),
  }),
);

const visibility = z.enum(['UNSPECIFIED', 'PUBLIC', 'NAMESPACE', 'NONE']);

const serviceEntryVisibility = lazily(() =>
  z.strictObject({
    defaultVisibility: z.optional(visibility),
    policies: z.optional(
      z.array(
        z.strictObject({
          visibility: z.optional(visibility),
          matchingRules: z.optional(z.array(z.strictObject({ namespaceSelector: z.optional(labelSelector()) }))),
        }),
      ),
    ),
    applyToSidecars: optional.flag,
  }),
);

/** An unknown name is let go: Istio reads it as the default. */
const pathNormalization = lazily(() => z.strictObject({ normalization: z.optional(z.union([text, z.int()])) }));

/** The numbers of `pathNormalization.normalization`. */
export const pathNormalizations = ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

const governing = lazily(() => ({
  outboundTrafficPolicy: z.optional(outboundTrafficPolicy()),
  rootNamespace: optional.text,
  accessLogFile: optional.text,
  accessLogFormat: optional.text,
  accessLogEncoding: z.optional(z.enum(['TEXT', 'JSON'])),
  disableEnvoyListenerLog: optional.flag,
  connectTimeout: optional.durationText,
  protocolDetectionTimeout: optional.durationText,
  tcpKeepalive: z.optional(tcpKeepalive()),
  defaultServiceExportTo: optional.texts,
  defaultVirtualServiceExportTo: optional.texts,
  defaultDestinationRuleExportTo: optional.texts,
  defaultHttpRetryPolicy: z.optional(httpRetry()),
  defaultTrafficPolicy: z.optional(
    z.strictObject({
      connectionPool: z.optional(connectionPoolSettings()),
      outlierDetection: z.optional(outlierDetection()),
    }),
  ),
  h2UpgradePolicy: z.optional(z.enum(['DO_NOT_UPGRADE', 'UPGRADE'])),
  pathNormalization: z.optional(pathNormalization()),
  localityLbSetting: z.optional(localityLbSetting()),
  serviceSettings: z.optional(
    z.array(
      z.strictObject({
        settings: z.optional(z.strictObject({ clusterLocal: optional.flag })),
        hosts: optional.texts,
      }),
    ),
  ),
  serviceEntryVisibility: z.optional(serviceEntryVisibility()),
  discoverySelectors: z.optional(z.array(labelSelector())),
  outboundClusterStatName: optional.text,
  trustDomain: optional.text,
  trustDomainAliases: optional.texts,
  enableAutoMtls: optional.flag,
  proxyListenPort: optional.uint32,
  proxyInboundListenPort: optional.uint32,
  proxyHttpPort: optional.uint32,
  dnsRefreshRate: optional.durationText,
  defaultConfig: z.optional(proxyConfig()),
  extensionProviders: z.optional(z.array(anyMap)),
  defaultProviders: z.optional(anyMap),
}));

/** Read, and of no effect on what leaves the workload. */
const irrelevant = lazily(() => ({
  ingressClass: optional.text,
  ingressService: optional.text,
  ingressControllerMode: z.optional(z.union([text, z.int()])),
  ingressSelector: optional.text,
  enableTracing: optional.flag,
  enableEnvoyAccessLogService: optional.flag,
  inboundTrafficPolicy: z.optional(anyMap),
  defaultInboundHttpRetryPolicy: z.optional(anyMap),
  inboundClusterStatName: optional.text,
  configSources: z.optional(anyList),
  caCertificates: z.optional(anyList),
  certificates: z.optional(anyList),
  ca: z.optional(anyMap),
  thriftConfig: z.optional(anyMap),
  enablePrometheusMerge: optional.flag,
  verifyCertificateAtClient: optional.flag,
  meshMTLS: z.optional(anyMap),
  tlsDefaults: z.optional(anyMap),
  serviceScopeConfigs: z.optional(anyList),
  disablePolicyChecks: optional.flag,
  disableMixerHttpReports: optional.flag,
  enableClientSidePolicyCheck: optional.flag,
  policyCheckFailOpen: optional.flag,
  mixerCheckServer: optional.text,
  mixerReportServer: optional.text,
  mixerAddress: optional.text,
  authPolicy: z.optional(z.union([text, z.int()])),
  rdsRefreshDelay: optional.durationText,
  sdsUdsPath: optional.text,
  sdsRefreshDelay: optional.durationText,
  sidecarToTelemetrySessionAffinity: optional.flag,
  reportBatchMaxEntries: optional.uint32,
  reportBatchMaxTime: optional.durationText,
}));

export const meshConfig = lazily(() => z.strictObject({ ...governing(), ...irrelevant() }));

/** Fields that only MeshConfig has: one of them tells a bare MeshConfig from any other document. */
export function isMeshConfigField(name: string): boolean {
  return Object.hasOwn(meshConfig().shape, name);
}
