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
import { whenGiven } from './when-given.ts';

const anyList = z.array(z.unknown());

/** `mode` of MeshConfig's policy by number; the Sidecar knows the first two. */
export const outboundTrafficPolicyModes = { REGISTRY_ONLY: 0, ALLOW_ANY: 1, ALLOW_ANY_DYNAMIC_DNS: 3 } as const;

const outboundTrafficPolicy = lazily(() =>
  z.strictObject({
    mode: whenGiven(() => z.enum(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'])),
    tls: whenGiven(clientTLSSettings),
  }),
);

const proxyConfig = lazily(() =>
  z.looseObject({
    proxyMetadata: optional.textMap,
    interceptionMode: whenGiven(() => z.enum(['REDIRECT', 'TPROXY', 'NONE'])),
    proxyHeaders: whenGiven(() => anyMap),
  }),
);

const labelSelector = lazily(() =>
  z.strictObject({
    matchLabels: optional.textMap,
    matchExpressions: whenGiven(() =>
      z.array(z.strictObject({ key: optional.text, operator: optional.text, values: optional.texts })),
    ),
  }),
);

const visibility = z.enum(['UNSPECIFIED', 'PUBLIC', 'NAMESPACE', 'NONE']);

const serviceEntryVisibility = lazily(() =>
  z.strictObject({
    defaultVisibility: whenGiven(() => visibility),
    policies: whenGiven(() =>
      z.array(
        z.strictObject({
          visibility: whenGiven(() => visibility),
          matchingRules: whenGiven(() => z.array(z.strictObject({ namespaceSelector: whenGiven(labelSelector) }))),
        }),
      ),
    ),
    applyToSidecars: optional.flag,
  }),
);

/** An unknown name is let go: Istio reads it as the default. */
const pathNormalization = lazily(() => z.strictObject({ normalization: whenGiven(() => z.union([text, z.int()])) }));

/** The numbers of `pathNormalization.normalization`. */
export const pathNormalizations = ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

const governing = lazily(() => ({
  outboundTrafficPolicy: whenGiven(outboundTrafficPolicy),
  rootNamespace: optional.text,
  accessLogFile: optional.text,
  accessLogFormat: optional.text,
  accessLogEncoding: whenGiven(() => z.enum(['TEXT', 'JSON'])),
  disableEnvoyListenerLog: optional.flag,
  connectTimeout: optional.durationText,
  protocolDetectionTimeout: optional.durationText,
  tcpKeepalive: whenGiven(tcpKeepalive),
  defaultServiceExportTo: optional.texts,
  defaultVirtualServiceExportTo: optional.texts,
  defaultDestinationRuleExportTo: optional.texts,
  defaultHttpRetryPolicy: whenGiven(httpRetry),
  defaultTrafficPolicy: whenGiven(() =>
    z.strictObject({
      connectionPool: whenGiven(connectionPoolSettings),
      outlierDetection: whenGiven(outlierDetection),
    }),
  ),
  h2UpgradePolicy: whenGiven(() => z.enum(['DO_NOT_UPGRADE', 'UPGRADE'])),
  pathNormalization: whenGiven(pathNormalization),
  localityLbSetting: whenGiven(localityLbSetting),
  serviceSettings: whenGiven(() =>
    z.array(
      z.strictObject({
        settings: whenGiven(() => z.strictObject({ clusterLocal: optional.flag })),
        hosts: optional.texts,
      }),
    ),
  ),
  serviceEntryVisibility: whenGiven(serviceEntryVisibility),
  discoverySelectors: whenGiven(() => z.array(labelSelector())),
  outboundClusterStatName: optional.text,
  trustDomain: optional.text,
  trustDomainAliases: optional.texts,
  enableAutoMtls: optional.flag,
  proxyListenPort: optional.uint32,
  proxyInboundListenPort: optional.uint32,
  proxyHttpPort: optional.uint32,
  dnsRefreshRate: optional.durationText,
  defaultConfig: whenGiven(proxyConfig),
  extensionProviders: whenGiven(() => z.array(anyMap)),
  defaultProviders: whenGiven(() => anyMap),
}));

/** Read, and of no effect on what leaves the workload. */
const irrelevant = lazily(() => ({
  ingressClass: optional.text,
  ingressService: optional.text,
  ingressControllerMode: whenGiven(() => z.union([text, z.int()])),
  ingressSelector: optional.text,
  enableTracing: optional.flag,
  enableEnvoyAccessLogService: optional.flag,
  inboundTrafficPolicy: whenGiven(() => anyMap),
  defaultInboundHttpRetryPolicy: whenGiven(() => anyMap),
  inboundClusterStatName: optional.text,
  configSources: whenGiven(() => anyList),
  caCertificates: whenGiven(() => anyList),
  certificates: whenGiven(() => anyList),
  ca: whenGiven(() => anyMap),
  thriftConfig: whenGiven(() => anyMap),
  enablePrometheusMerge: optional.flag,
  verifyCertificateAtClient: optional.flag,
  meshMTLS: whenGiven(() => anyMap),
  tlsDefaults: whenGiven(() => anyMap),
  serviceScopeConfigs: whenGiven(() => anyList),
  disablePolicyChecks: optional.flag,
  disableMixerHttpReports: optional.flag,
  enableClientSidePolicyCheck: optional.flag,
  policyCheckFailOpen: optional.flag,
  mixerCheckServer: optional.text,
  mixerReportServer: optional.text,
  mixerAddress: optional.text,
  authPolicy: whenGiven(() => z.union([text, z.int()])),
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
