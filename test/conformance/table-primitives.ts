/** Istio's small validation functions, each put to the function of ours that answers the same question. */
import type { NetworkFields } from '../../src/config/validate/mesh-networks.ts';
import * as cors from '../../src/config/validate/cors-policy.ts';
import { validateDestination } from '../../src/config/validate/destination.ts';
import { subsetNameProblem, validateSubset } from '../../src/config/validate/destination-rule.ts';
import { labelKeyProblem } from '../../src/config/validate/dns-label.ts';
import { validateConnectionPool } from '../../src/config/validate/connection-pool.ts';
import { validateExportTo } from '../../src/config/validate/export-to.ts';
import * as gateway from '../../src/config/validate/gateway.ts';
import { validateGatewayNames } from '../../src/config/validate/gateway-name.ts';
import * as value from '../../src/config/validate/header-value.ts';
import * as hostname from '../../src/config/validate/hostname.ts';
import * as fault from '../../src/config/validate/http-fault.ts';
import * as header from '../../src/config/validate/http-header.ts';
import { validateHttpMatch } from '../../src/config/validate/http-match.ts';
import { validateHttpRetry } from '../../src/config/validate/http-retry.ts';
import * as route from '../../src/config/validate/http-route.ts';
import * as action from '../../src/config/validate/http-route-action.ts';
import * as ip from '../../src/config/validate/ip-address.ts';
import { validateLabels } from '../../src/config/validate/labels.ts';
import { validateLoadBalancer } from '../../src/config/validate/load-balancer.ts';
import * as locality from '../../src/config/validate/locality-lb.ts';
import * as mesh from '../../src/config/validate/mesh-config.ts';
import { validateNetwork } from '../../src/config/validate/mesh-networks.ts';
import * as opaque from '../../src/config/validate/opaque-route.ts';
import { percentProblem, validateOutlierDetection } from '../../src/config/validate/outlier-detection.ts';
import * as port from '../../src/config/validate/port.ts';
import { Report } from '../../src/config/validate/problem.ts';
import { regexProblem } from '../../src/config/validate/regex.ts';
import { usesWaypoint } from '../../src/config/validate/service-entry.ts';
import * as sidecar from '../../src/config/validate/sidecar.ts';
import { validateStringMatch } from '../../src/config/validate/string-match.ts';
import { durationProblem } from '../../src/config/validate/time.ts';
import { validateClientTLS, validateServerTLS } from '../../src/config/validate/tls-settings.ts';
import { validatePortPolicy, validateTrafficPolicy } from '../../src/config/validate/traffic-policy.ts';
import { validateWorkloadEntry } from '../../src/config/validate/workload-entry.ts';
import { validateSelector } from '../../src/config/validate/workload-selector.ts';
import { labelsMatch } from '../../src/core/compile/age.ts';
import { isHttpServer, isPassthroughServer, isTlsServer } from '../../src/core/compile/gateway-server.ts';
import { compare, notApplicable, type TableCase, type Verdict, withoutNulls } from './table.ts';

/** The names of all arguments; each function has a few of them. */
type Argument =
  | 'allowFQDNAddresses'
  | 'bind'
  | 'captureMode'
  | 'configNamespace'
  | 'context'
  | 'delegate'
  | 'domain'
  | 'exportTo'
  | 'gatewayNames'
  | 'gatewaySemantics'
  | 'hostname'
  | 'http'
  | 'isDelegate'
  | 'isDestinationRuleWithSelector'
  | 'isGateway'
  | 'isServiceEntry'
  | 'labels'
  | 'lb'
  | 'match'
  | 'matches'
  | 'matchLabels'
  | 'namespace'
  | 'outlier'
  | 'pls'
  | 'policy'
  | 're'
  | 'receiver'
  | 'redirect'
  | 'routeType'
  | 'server'
  | 'servicePorts'
  | 'settings'
  | 'sm'
  | 'sni'
  | 'sniHost'
  | 'subset'
  | 'tcp'
  | 'that'
  | 'tls'
  | 'we'
  | 'weights'
  | 'port';
type Fields = Readonly<Record<Argument, never>>;
/** What it said: problems, a text for an error, or a value where Istio's function has one. */
type Answer = (input: never) => Report | string | undefined | { readonly value: unknown };

export function primitivesTable(tableCase: TableCase): Verdict[] {
  const name = tableCase.function ?? '';
  const answer = answers[name];
  if (answer === undefined) return [notApplicable(unasked[name] ?? 'unknown function')];
  const said = answer((withoutNulls(tableCase['input']) ?? undefined) as never);
  if (typeof said === 'object' && 'value' in said) return [compare(tableCase['values'], said.value)];
  const levels = said instanceof Report ? said.problems.map(({ level }) => level) : said === undefined ? [] : ['error'];
  const ours = { ok: !levels.includes('error'), warning: levels.includes('warning') };
  return [compare({ ok: tableCase['ok'], warning: tableCase['warning'] !== null }, ours)];
}

function reported(run: (report: Report) => void): Report {
  const report = new Report();
  run(report);
  return report;
}

/** `nil` is always valid. */
function optional<T>(run: (report: Report, input: T) => void): Answer {
  return (input: T | undefined) => reported((report) => input !== undefined && run(report, input));
}

const MESH_WIDE = 'settings of the control plane or of proxies in general';
const PROVIDER = 'extension providers; Istio logs what is wrong with them and accepts the MeshConfig';

const unasked: Readonly<Record<string, string>> = {
  validateExtensionProviderService: PROVIDER,
  validateExtensionProvider: PROVIDER,
  validateExtensionProviderTracingDatadog: PROVIDER,
  validateExtensionProviderTracingOpenCensusAgent: PROVIDER,
  validateExtensionProviderTracingZipkin: PROVIDER,
  validateExtensionProviderTracingLightStep: PROVIDER,
  validateExtensionProviderEnvoyExtAuthzStatusOnError: PROVIDER,
  ValidateExtensionProviderEnvoyOtelAls: PROVIDER,
  ValidateExtensionProviderEnvoyHTTPAls: PROVIDER,
  ValidateExtensionProviderEnvoyTCPAls: PROVIDER,
  ValidateExtensionProviderEnvoyExtAuthzHTTP: PROVIDER,
  ValidateMaxServerConnectionAge: 'a flag of the control plane',
  IsNegativeDuration: 'a flag of the control plane',
  ValidateDurationRange: 'part of ValidateConnectTimeout',
  ValidateProbeHeaderName: 'readiness probes of WorkloadGroup, a kind that egress does not read',
  validateCustomTags: 'checks for nil, which JSON cannot say',
  validateConnectionSettings: MESH_WIDE,
  IsEligibleForHTTP3Upgrade: 'HTTP/3 at a gateway',
};

const answers: Readonly<Record<string, Answer>> = {
  CheckDNS1123Preconditions: hostname.nameLengthProblem,
  ValidateDNS1123Labels: hostname.labelsProblem,
  ValidateFQDN: hostname.fqdnProblem,
  ValidateWildcardDomain: hostname.wildcardDomainProblem,
  ValidatePartialWildCard: hostname.partialWildcardProblem,
  ValidateWildcardDomainForVirtualServiceBoundToGateway: ({ sni, domain }: Fields) =>
    hostname.gatewayDomainProblem(domain, sni),
  parseAutoGeneratedSNIDomain: (name: string) => {
    const { prefix, port: number, host } = hostname.splitGeneratedSni(name);
    return { value: [prefix, number, host] };
  },
  ValidateNamespaceSlashWildcardHostname: ({ hostname: entry, isGateway, gatewaySemantics }: Fields) =>
    hostname.namespacedHostProblems(entry, isGateway ? 'gateway' : 'sidecar', {
      kubernetesGateway: gatewaySemantics,
    })[0],
  validateSidecarOrGatewayHostnamePart: ({ hostname: host, isGateway }: Fields) =>
    hostname.listenerHostProblems(host, isGateway ? 'gateway' : 'sidecar')[0],
  ValidateIPAddress: ip.ipProblem,
  ValidateIPSubnet: ip.subnetProblem,
  ValidateUnixAddress: ip.unixPathProblem,
  ValidatePort: port.portProblem,
  ValidatePortName: port.portNameProblem,
  ValidateProtocol: port.protocolProblem,
  validatePortSelector: ({ number = 0 }: { number?: number }) => port.portProblem(number),
  ValidateDuration: (text: string | undefined) => durationProblem(text ?? '0s'),
  ValidatePercent: percentProblem,
  validatePercent: percentProblem,
  validatePercentage: fault.fractionalPercentProblem,
  validateWeight: route.weightProblem,
  validateTagKey: labelKeyProblem,
  'Instance.SubsetOf': ({ receiver, that }: Fields) => ({ value: [labelsMatch(receiver ?? {}, that ?? {})] }),
  'Instance.Match': ({ receiver, that }: Fields) => ({
    value: [Object.keys(receiver ?? {}).length > 0 && labelsMatch(receiver ?? {}, that ?? {})],
  }),
  'Instance.Validate': optional<Record<string, string>>((report, labels) => validateLabels(report, 'labels', labels)),
  validateExportTo: ({ namespace, exportTo, isServiceEntry, isDestinationRuleWithSelector }: Fields) =>
    reported((report) =>
      validateExportTo(report, 'exportTo', exportTo, {
        namespace,
        allowNone: isServiceEntry,
        ownNamespaceOnly: isDestinationRuleWithSelector,
      }),
    ),
  validateWorkloadSelector: optional<Fields>((report, { matchLabels }) => {
    validateSelector(report, 'selector', 'matchLabels', matchLabels);
  }),
  ValidateAlphaWorkloadSelector: optional<Fields>((report, { labels }) => {
    validateSelector(report, 'selector', 'labels', labels);
  }),

  validateHTTPRoute: ({ http, delegate, gatewaySemantics }: Fields) =>
    reported((report) =>
      route.validateHttpRoute(report, 'http', http, { delegate, kubernetesGateway: gatewaySemantics }),
    ),
  validateHTTPRouteConflict: ({ http, routeType }: Fields) =>
    reported((report) => action.validateRouteActions(report, 'http', http, ROLES[routeType] ?? 'independent')),
  getHTTPRouteType: ({ http, isDelegate }: Fields) => ({
    value: [ROLES.indexOf(action.routeRoleOf(http ?? {}, isDelegate))],
  }),
  validateHTTPRouteMatchRequest: ({ match = [] }: { match?: never[] }) =>
    reported((report) => match.forEach((each) => validateHttpMatch(report, 'match', each))),
  validateHTTPRouteDestinations: ({ weights, gatewaySemantics }: Fields) =>
    reported((report) =>
      route.validateHttpDestinations(report, 'route', weights, { kubernetesGateway: gatewaySemantics }),
    ),
  validateRouteDestinations: ({ weights, gatewaySemantics }: Fields) =>
    reported((report) => route.validateDestinations(report, 'route', weights, { kubernetesGateway: gatewaySemantics })),
  validateHTTPRedirect: ({ redirect, matches }: Fields) =>
    reported((report) => action.validateRedirect(report, 'redirect', redirect, matches ?? [])),
  validateHTTPRewrite: (input: never) => reported((report) => action.validateRewrite(report, 'rewrite', input)),
  validateURIRegexRewrite: optional<Fields>((report, input) => action.validateRegexRewrite(report, 'rewrite', input)),
  validateHTTPDirectResponse: (input: never) =>
    reported((report) => action.validateDirectResponse(report, 'directResponse', input)),
  validateAuthorityRewrite: (input: never) =>
    reported((report) => action.validateAuthorityRewrite(report, 'http', input)),
  ValidateHTTPRetry: (input: never) => reported((report) => validateHttpRetry(report, 'retries', input)),
  validateHTTPFaultInjection: (input: never) => reported((report) => fault.validateHttpFault(report, 'fault', input)),
  validateHTTPFaultInjectionAbort: optional((report, input) => fault.validateAbort(report, 'abort', input as never)),
  validateHTTPFaultInjectionDelay: optional((report, input) => fault.validateDelay(report, 'delay', input as never)),
  validateHTTPStatus: fault.httpStatusProblem,
  validateGRPCStatus: fault.grpcStatusProblem,
  validateHTTPMirrors: (input: never) => reported((report) => route.validateHttpMirrors(report, 'mirrors', input)),
  validateCORSPolicy: (input: never) => reported((report) => cors.validateCorsPolicy(report, 'corsPolicy', input)),
  validateAllowOrigins: (input: never) => reported((report) => cors.validateOrigin(report, 'origin', input)),
  validateCORSHTTPMethod: cors.methodProblem,
  validateStringMatch: ({ sm }: Fields) => reported((report) => validateStringMatch(report, 'match', sm)),
  validateStringMatchRegexp: ({ sm }: Fields) =>
    reported((report) => validateStringMatch(report, 'match', sm, { emptyPrefix: true })),
  validateStringRegexp: ({ re }: Fields) => regexProblem(re),
  ValidateStrictHTTPHeaderName: header.strictHeaderProblem,
  ValidateCORSHTTPHeaderName: header.corsHeaderProblem,
  ValidateHTTPHeaderWithAuthorityOperationName: header.requestHeaderProblem,
  ValidateHTTPHeaderOperationName: header.changedHeaderProblem,
  isInternalHeader: (name: string) => ({ value: [header.isInternalHeader(name)] }),
  isAuthorityHeader: (name: string) => ({ value: [header.isAuthorityHeader(name)] }),
  ValidateHTTPHeaderValue: value.headerValueProblem,
  validateHeaderValue: value.headerFormatProblem,
  validateDestination: optional((report, input) => validateDestination(report, 'destination', input as never)),
  validateSubsetName: subsetNameProblem,
  validateGatewayNames: ({ gatewayNames, gatewaySemantics }: Fields) =>
    reported((report) => validateGatewayNames(report, 'gateways', gatewayNames, gatewaySemantics)),
  validateTLSRoute: ({ tls, context, gatewaySemantics }: Fields) =>
    reported((report) => opaque.validateTlsRoute(report, 'tls', tls, context, { kubernetesGateway: gatewaySemantics })),
  validateTLSMatch: ({ match, context }: Fields) =>
    reported((report) => opaque.validateTlsMatch(report, 'match', match, context)),
  validateSniHost: ({ sniHost, context }: Fields) =>
    reported((report) => opaque.validateSniHost(report, 'sniHost', sniHost, context)),
  validateTCPRoute: ({ tcp, gatewaySemantics }: Fields) =>
    reported((report) => opaque.validateTcpRoute(report, 'tcp', tcp, { kubernetesGateway: gatewaySemantics })),
  validateTCPMatch: (match: never) => reported((report) => opaque.validateTcpMatch(report, 'match', match)),

  validateTrafficPolicy: ({ policy, configNamespace }: Fields) =>
    reported((report) => validateTrafficPolicy(report, 'trafficPolicy', policy, configNamespace)),
  validatePortTrafficPolicies: ({ pls, configNamespace }: Fields) =>
    reported((report) => [pls].flat().forEach((each) => validatePortPolicy(report, 'port', each, configNamespace))),
  validateTunnelSettings: (tunnel: never) =>
    reported((report) => tunnel !== undefined && validateTrafficPolicy(report, 'trafficPolicy', { tunnel })),
  validateProxyProtocol: (proxyProtocol: never) =>
    reported(
      (report) => proxyProtocol !== undefined && validateTrafficPolicy(report, 'trafficPolicy', { proxyProtocol }),
    ),
  validateConnectionPool: (input: never) =>
    reported((report) => validateConnectionPool(report, 'connectionPool', input)),
  validateOutlierDetection: (input: never) =>
    reported((report) => validateOutlierDetection(report, 'outlierDetection', input)),
  validateLoadBalancer: ({ settings, outlier }: Fields) =>
    reported((report) => validateLoadBalancer(report, 'loadBalancer', settings, outlier !== undefined)),
  ValidateLocalityLbSetting: ({ lb, outlier }: Fields) =>
    reported((report) => locality.validateLocalityLb(report, 'localityLbSetting', lb, outlier !== undefined)),
  ValidateZoneAwareLbSetting: ({ lb, outlier }: Fields) =>
    reported((report) => locality.validateZoneAwareLb(report, 'zoneAwareLbSetting', lb, outlier !== undefined)),
  validateLocalities: (input: never) => locality.localitiesProblem(input ?? []),
  getLocalityParam: (input: string) => {
    const parts = locality.splitLocality(input);
    if (parts === undefined) return 'an empty part';
    return { value: [parts[0], parts[1] ?? '', parts[2] ?? '', parts.length - 1] };
  },
  validateSubset: ({ subset, configNamespace }: Fields) =>
    reported((report) => validateSubset(report, 'subset', subset, configNamespace)),
  ValidateTLS: ({ settings, configNamespace }: Fields) =>
    reported((report) => validateClientTLS(report, 'tls', settings, configNamespace)),

  validateServer: ({ server, gatewaySemantics }: Fields) =>
    reported((report) => gateway.validateServer(report, 'server', server, gatewaySemantics)),
  validateServerPort: ({ port: serverPort, bind }: Fields) =>
    reported((report) => gateway.validateServerPort(report, 'port', serverPort, bind)),
  validateServerBind: ({ port: serverPort, bind }: Fields) =>
    reported((report) => gateway.validateServerBind(report, 'server', serverPort, bind)),
  validateTLSOptions: (input: never) => reported((report) => validateServerTLS(report, 'tls', input)),

  IsPassThroughServer: (server: never) => ({ value: [isPassthroughServer(server)] }),
  IsTLSServer: (server: never) => ({ value: [isTlsServer(server)] }),
  IsHTTPServer: (server: never) => ({ value: [isHttpServer(server)] }),
  IsTCPServerWithTLSTermination: (server: never) => ({
    value: [isTlsServer(server) && !isHttpServer(server) && !isPassthroughServer(server)],
  }),
  IsHTTPSServerWithTLSTermination: (server: never) => ({
    value: [isTlsServer(server) && isHttpServer(server) && !isPassthroughServer(server)],
  }),

  validateSidecarOutboundTrafficPolicy: (input: never) =>
    reported((report) => sidecar.validateSidecarPolicy(report, 'outboundTrafficPolicy', input)),
  validateSidecarEgressPortBindAndCaptureMode: ({ port: listenerPort, bind, captureMode }: Fields) =>
    reported((report) =>
      sidecar.validateEgressListener(report, 'egress', listenerPort, bind, captureMode ?? 'DEFAULT'),
    ),
  validateSidecarIngressPortAndBind: ({ port: listenerPort, bind }: Fields) =>
    reported((report) => sidecar.validateIpListener(report, 'ingress', listenerPort, bind)),

  validateWorkloadEntry: ({ we, servicePorts, allowFQDNAddresses }: Fields) =>
    reported((report) => {
      // The table writes no ports and "not known" alike; a name or a unix socket stands for the latter.
      const names: string[] = [servicePorts].flat();
      const known = names.length > 0 ? { servicePorts: new Set(names) } : {};
      validateWorkloadEntry(report, 'endpoint', we, { ...known, allowNames: allowFQDNAddresses });
    }),
  usesWaypoint: ({ metadata }: { metadata?: { labels?: Record<string, string> } }) => ({
    value: [usesWaypoint(metadata?.labels ?? {})],
  }),
  validateConcurrency: (count = 0) => (count < 0 ? 'negative' : undefined),

  ValidateMeshConfigProxyConfig: (input: never) =>
    reported((report) => mesh.validateProxyDefaults(report, 'defaultConfig', input)),
  ValidateControlPlaneAuthPolicy: (policy: never) => mesh.authPolicyProblem(policy),
  validatePrivateKeyProvider: (input: never) =>
    reported((report) => mesh.validatePrivateKeyProvider(report, 'privateKeyProvider', input)),
  ValidateLightstepCollector: (lightstep: never) =>
    reported((report) => mesh.validateTracing(report, 'tracing', { lightstep })),
  ValidateZipkinCollector: (zipkin: never) => reported((report) => mesh.validateTracing(report, 'tracing', { zipkin })),
  ValidateDatadogCollector: (datadog: never) =>
    reported((report) => mesh.validateTracing(report, 'tracing', { datadog })),
  ValidateProxyAddress: mesh.proxyAddressProblem,
  ValidateDrainDuration: mesh.drainDurationProblem,
  ValidateConnectTimeout: mesh.connectTimeoutProblem,
  ValidateProtocolDetectionTimeout: mesh.detectionTimeoutProblem,
  ValidateTrustDomain: mesh.trustDomainProblem,
  validateTrustDomainConfig: (input: never) => reported((report) => mesh.validateTrustDomains(report, input)),
  validateServiceSettings: (input: never) => reported((report) => mesh.validateServiceSettings(report, input)),
  ValidateMeshTLSConfig: (input: never) => reported((report) => mesh.validateCurves(report, input)),
  ValidateMeshTLSDefaults: (input: never) => reported((report) => mesh.validateCurves(report, input)),
  validateMeshConfigDefaultInboundHTTPRetryPolicy: (input: never) =>
    reported((report) => mesh.validateInboundRetry(report, 'defaultInboundHttpRetryPolicy', input)),
  validateMeshConfigDefaultTrafficPolicy: (input: never) =>
    reported((report) => mesh.validateDefaultTrafficPolicy(report, 'defaultTrafficPolicy', input)),
  validateNetwork: (input: NetworkFields) => reported((report) => validateNetwork(report, 'network', input)),
};

const ROLES: readonly action.RouteRole[] = ['independent', 'root', 'delegate'];
