/** Istio's rule for laying a MeshConfig over the built-in defaults. */
import type { IstioMeshConfig } from '../core/model/mesh-config.ts';

export const meshConfigDefaults: IstioMeshConfig = {
  outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
  rootNamespace: 'istio-system',
  accessLogFile: '',
  accessLogFormat: '',
  accessLogEncoding: 'TEXT',
  disableEnvoyListenerLog: false,
  connectTimeout: '10s',
  protocolDetectionTimeout: '0s',
  defaultServiceExportTo: ['*'],
  defaultVirtualServiceExportTo: ['*'],
  defaultDestinationRuleExportTo: ['*'],
  h2UpgradePolicy: 'DO_NOT_UPGRADE',
  pathNormalization: { normalization: 'DEFAULT' },
  localityLbSetting: { enabled: true },
  outboundClusterStatName: '',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  enableAutoMtls: true,
  proxyListenPort: 15001,
  proxyInboundListenPort: 15006,
  proxyHttpPort: 0,
  dnsRefreshRate: '60s',
  defaultConfig: { interceptionMode: 'REDIRECT' },
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * Every top-level field that is written down and not null replaces the whole default of that field, so that nested defaults do
 * not survive: `outboundTrafficPolicy: {}` has the enum's zero value, which is REGISTRY_ONLY. Merged field by field are
 * `defaultConfig` (and its `proxyMetadata`) and `defaultProviders`; `extensionProviders` by name; `trustDomainAliases` as a set.
 */
export function mergeMeshConfig(base: IstioMeshConfig, overrides: Fields): IstioMeshConfig {
  const merged: Record<string, unknown> = { ...base };
  for (const [field, value] of Object.entries(overrides)) {
    if (value !== null && value !== undefined) merged[field] = mergeField(field, merged[field], value);
  }
  return withZeroValues(merged) as unknown as IstioMeshConfig;
}

function mergeField(field: string, base: unknown, value: unknown): unknown {
  switch (field) {
    case 'defaultConfig':
      return mergeProxyConfig(asFields(base), asFields(value));
    case 'defaultProviders':
      return { ...asFields(base), ...asFields(value) };
    case 'extensionProviders':
      return mergeByName(asList(base), asList(value));
    case 'trustDomainAliases':
      return [...new Set([...asList(base), ...asList(value)])];
    default:
      return value;
  }
}

function mergeProxyConfig(base: Fields, value: Fields): Fields {
  const given = Object.entries(value).filter(([, inner]) => inner !== null);
  const merged: Record<string, unknown> = { ...base, ...Object.fromEntries(given) };
  const metadata = { ...asFields(base['proxyMetadata']), ...asFields(value['proxyMetadata']) };
  if (Object.keys(metadata).length > 0) merged['proxyMetadata'] = metadata;
  return merged;
}

function mergeByName(base: readonly unknown[], value: readonly unknown[]): readonly unknown[] {
  const names = new Set(value.map((provider) => asFields(provider)['name']));
  return [...base.filter((provider) => !names.has(asFields(provider)['name'])), ...value];
}

/** Enums that a present block leaves out have their zero value, not Istio's default. */
function withZeroValues(merged: Record<string, unknown>): Record<string, unknown> {
  const policy = asFields(merged['outboundTrafficPolicy']);
  const paths = asFields(merged['pathNormalization']);
  return {
    ...merged,
    outboundTrafficPolicy: { ...policy, mode: policy['mode'] ?? 'REGISTRY_ONLY' },
    pathNormalization: { ...paths, normalization: paths['normalization'] ?? 'DEFAULT' },
  };
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
