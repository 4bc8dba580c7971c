import { HOUR, MILLISECOND, parseDurationNanoseconds, SECOND } from '../schema/duration.ts';
import { validateConnectionPool } from './connection-pool.ts';
import { isDnsLabel } from './dns-label.ts';
import { fqdnProblem, wildcardDomainProblem } from './hostname.ts';
import { validateRetryOn } from './http-retry.ts';
import { hostPortOf, isIpAddress } from './ip-address.ts';
import { validateLocalityLb } from './locality-lb.ts';
import type { MeshConfigMessage, MeshProxyConfig } from './mesh-config-message.ts';
import { validateOutlierDetection } from './outlier-detection.ts';
import { isValidPort, portProblem } from './port.ts';
import { type Problem, Report } from './problem.ts';
import { durationProblem, validateDuration } from './time.ts';

const ECDH_CURVES: ReadonlySet<string> = new Set([
  'X25519',
  'P-256',
  'P-384',
  'P-521',
  'X25519Kyber768Draft00',
  'X25519MLKEM768',
]);

/**
 * What Istio asks of a MeshConfig. The message must be complete: lay it over Istio's defaults first
 * (`proxyConfigDefaults` for `defaultConfig`), or every default that is missing counts as an error.
 */
export function validateMeshConfig(mesh: MeshConfigMessage): Problem[] {
  const report = new Report();
  report.check('port', 'proxyListenPort', portProblem(mesh.proxyListenPort ?? 0));
  report.check('meshConnectTimeout', 'connectTimeout', connectTimeoutProblem(mesh.connectTimeout));
  report.check('duration', 'protocolDetectionTimeout', detectionTimeoutProblem(mesh.protocolDetectionTimeout));
  if (mesh.defaultConfig === undefined) report.error('meshDefaultConfig', 'defaultConfig', 'defaultConfig is missing');
  else validateProxyDefaults(report, 'defaultConfig', mesh.defaultConfig);
  validateLocalityLb(report, 'localityLbSetting', mesh.localityLbSetting, true);
  validateServiceSettings(report, mesh);
  validateTrustDomains(report, mesh);
  validateCurves(report, mesh);
  validateInboundRetry(report, 'defaultInboundHttpRetryPolicy', mesh.defaultInboundHttpRetryPolicy);
  validateDefaultTrafficPolicy(report, 'defaultTrafficPolicy', mesh.defaultTrafficPolicy);
  return report.problems;
}

export function connectTimeoutProblem(timeout: string | undefined): string | undefined {
  const problem = durationProblem(timeout ?? '0s');
  if (problem !== undefined) return problem;
  return (parseDurationNanoseconds(timeout ?? '0s') ?? 0n) > HOUR ? `${timeout} is longer than 1h` : undefined;
}

/** 0 waits for ever. */
export function detectionTimeoutProblem(timeout: string | undefined): string | undefined {
  const nanoseconds = parseDurationNanoseconds(timeout ?? '0s');
  if (nanoseconds === undefined) return `${JSON.stringify(timeout)} is not a duration`;
  return nanoseconds % MILLISECOND === 0n ? undefined : `${timeout} is not a whole number of milliseconds`;
}

export function drainDurationProblem(duration: string | undefined): string | undefined {
  const problem = durationProblem(duration ?? '0s');
  if (problem !== undefined) return problem;
  return (parseDurationNanoseconds(duration ?? '0s') ?? 0n) % SECOND === 0n
    ? undefined
    : `${duration} is not a whole number of seconds`;
}

/** `host:port` of a control plane, collector or sink. */
export function proxyAddressProblem(address: string): string | undefined {
  const parts = hostPortOf(address);
  if (parts === undefined) return `${JSON.stringify(address)} is not of the form host:port`;
  if (!/^[+-]?\d+$/.test(parts.port) || !isValidPort(Number(parts.port)))
    return `${JSON.stringify(parts.port)} in ${JSON.stringify(address)} is not a port`;
  if (fqdnProblem(parts.host) === undefined || isIpAddress(parts.host)) return undefined;
  return `${JSON.stringify(parts.host)} in ${JSON.stringify(address)} is neither a name nor an IP address`;
}

/** `defaultConfig`: what every proxy starts with. */
export function validateProxyDefaults(report: Report, field: string, config: MeshProxyConfig): void {
  const missing = (name: string, value: string | undefined): void => {
    if ((value ?? '') === '') report.error('meshDefaultConfig', `${field}.${name}`, `${name} is missing`);
  };
  missing('configPath', config.configPath);
  missing('binaryPath', config.binaryPath);
  if (config.serviceCluster !== undefined || config.tracingServiceName === undefined)
    missing('serviceCluster', config.serviceCluster);
  report.check('duration', `${field}.drainDuration`, drainDurationProblem(config.drainDuration));
  missing('discoveryAddress', config.discoveryAddress);
  const addresses: readonly (readonly [path: string, address: string | undefined])[] = [
    ['discoveryAddress', config.discoveryAddress],
    ['statsdUdpAddress', config.statsdUdpAddress],
    ['envoyMetricsServiceAddress', config.envoyMetricsServiceAddress],
    ['envoyMetricsService.address', config.envoyMetricsService?.address],
    ['envoyAccessLogService.address', config.envoyAccessLogService?.address],
  ];
  for (const [path, address] of addresses) {
    if ((address ?? '') !== '')
      report.check('meshDefaultConfig', `${field}.${path}`, proxyAddressProblem(address ?? ''));
  }
  validateTracing(report, `${field}.tracing`, config.tracing);
  if (config.proxyMetadata?.['ISTIO_META_DNS_AUTO_ALLOCATE'] !== undefined) {
    report.warning(
      'deprecatedField',
      `${field}.proxyMetadata.ISTIO_META_DNS_AUTO_ALLOCATE`,
      'proxies no longer allocate addresses',
      'remove it; the control plane allocates addresses for ServiceEntries that need one',
    );
  }
  report.check('port', `${field}.proxyAdminPort`, portProblem(config.proxyAdminPort ?? 0));
  report.check('port', `${field}.statusPort`, portProblem(config.statusPort ?? 0));
  report.check(
    'meshDefaultConfig',
    `${field}.controlPlaneAuthPolicy`,
    authPolicyProblem(config.controlPlaneAuthPolicy),
  );
  if (config.privateKeyProvider !== undefined) {
    validatePrivateKeyProvider(report, `${field}.privateKeyProvider`, config.privateKeyProvider);
  }
}

export function authPolicyProblem(policy: string | number = 'NONE'): string | undefined {
  if (policy === 'NONE' || policy === 'MUTUAL_TLS') return undefined;
  return `${JSON.stringify(policy)} is neither NONE nor MUTUAL_TLS`;
}

export function validatePrivateKeyProvider(
  report: Report,
  field: string,
  provider: NonNullable<MeshProxyConfig['privateKeyProvider']>,
): void {
  const settings = provider.cryptomb ?? provider.qat;
  if (settings === undefined) report.error('meshDefaultConfig', field, 'names no provider', 'set cryptomb or qat');
  else if ((parseDurationNanoseconds(settings.pollDelay ?? '0s') ?? 0n) === 0n) {
    report.error('meshDefaultConfig', `${field}.pollDelay`, 'a provider needs a pollDelay');
  }
}

export function validateTracing(report: Report, field: string, tracing: MeshProxyConfig['tracing']): void {
  if (tracing === undefined) return;
  for (const name of ['lightstep', 'zipkin', 'datadog'] as const) {
    const collector = tracing[name];
    if (collector === undefined) continue;
    const address = (collector.address ?? '').replace('$(HOST_IP)', '127.0.0.1');
    report.check('meshDefaultConfig', `${field}.${name}.address`, proxyAddressProblem(address));
  }
  if (tracing.lightstep !== undefined && (tracing.lightstep.accessToken ?? '') === '') {
    report.error('meshDefaultConfig', `${field}.lightstep.accessToken`, 'lightstep needs an access token');
  }
}

export function validateServiceSettings(report: Report, { serviceSettings = [] }: MeshConfigMessage): void {
  for (const [index, { hosts = [] }] of serviceSettings.entries()) {
    for (const [position, host] of hosts.entries()) {
      report.check('hostname', `serviceSettings[${index}].hosts[${position}]`, wildcardDomainProblem(host));
    }
  }
}

export function validateTrustDomains(
  report: Report,
  { trustDomain = '', trustDomainAliases = [] }: MeshConfigMessage,
): void {
  report.check('trustDomain', 'trustDomain', trustDomainProblem(trustDomain));
  for (const [index, alias] of trustDomainAliases.entries())
    report.check('trustDomain', `trustDomainAliases[${index}]`, trustDomainProblem(alias));
}

/** One trailing dot is allowed. */
export function trustDomainProblem(domain: string): string | undefined {
  if (domain === '') return 'a trust domain must not be empty';
  const labels = domain.split('.');
  if (labels.at(-1) === '') labels.pop();
  return labels.every(isDnsLabel) ? undefined : `${JSON.stringify(domain)} is not a trust domain`;
}

export function validateCurves(report: Report, { meshMTLS, tlsDefaults }: MeshConfigMessage): void {
  if (meshMTLS?.ecdhCurves !== undefined)
    report.error(
      'ecdhCurves',
      'meshMTLS.ecdhCurves',
      'the curves of mutual TLS inside the mesh cannot be set',
      'use tlsDefaults.ecdhCurves',
    );
  const seen = new Set<string>();
  for (const [index, curve] of (tlsDefaults?.ecdhCurves ?? []).entries()) {
    const at = `tlsDefaults.ecdhCurves[${index}]`;
    if (!ECDH_CURVES.has(curve))
      report.warning('ecdhCurves', at, `${JSON.stringify(curve)} is not a curve that Istio knows`);
    else if (seen.has(curve)) report.warning('ecdhCurves', at, `${JSON.stringify(curve)} stands twice`);
    seen.add(curve);
  }
}

/** Retries of a proxy's own workload; Istio ignores most of the policy there. */
export function validateInboundRetry(
  report: Report,
  field: string,
  policy: MeshConfigMessage['defaultInboundHttpRetryPolicy'],
): void {
  if (policy === undefined || policy === null) return;
  const { attempts = 0, perTryTimeout, retryOn = '', backoff } = policy;
  if (attempts < 0) report.error('meshRetryPolicy', `${field}.attempts`, 'attempts must not be negative');
  if (attempts === 0 && (perTryTimeout !== undefined || retryOn !== '' || backoff !== undefined)) {
    report.error(
      'meshRetryPolicy',
      `${field}.attempts`,
      'attempts 0 switches retries off; the other settings contradict it',
      'set attempts, or remove the others',
    );
  }
  for (const name of ['perTryTimeout', 'retryRemoteLocalities', 'retryIgnorePreviousHosts'] as const) {
    if (policy[name] !== undefined)
      report.warning('meshRetryPolicy', `${field}.${name}`, `${name} has no effect on inbound requests`, 'remove it');
  }
  validateDuration(report, `${field}.perTryTimeout`, perTryTimeout);
  validateDuration(report, `${field}.backoff`, backoff);
  validateRetryOn(report, `${field}.retryOn`, retryOn);
}

export function validateDefaultTrafficPolicy(
  report: Report,
  field: string,
  policy: MeshConfigMessage['defaultTrafficPolicy'],
): void {
  if (policy === undefined || policy === null) return;
  validateConnectionPool(report, `${field}.connectionPool`, policy.connectionPool);
  validateOutlierDetection(report, `${field}.outlierDetection`, policy.outlierDetection);
}
