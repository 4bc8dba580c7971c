/** Our compiled routes in the JSON form of Envoy's route API, as Istio writes it. */
import type { HeaderChanges, HeaderValue } from '../../src/core/compile/http-route-headers.ts';
import type {
  HeaderMatch,
  QueryParameterMatch,
  RouteMatch,
  ValueMatch,
} from '../../src/core/compile/http-route-match.ts';
import { clusterName } from '../../src/core/compile/http-route-destination.ts';
import type { ForwardAction } from '../../src/core/compile/http-route-action.ts';
import type { HttpRoute } from '../../src/core/compile/http-route.ts';
import type { RedirectAction } from '../../src/core/compile/http-route-redirect.ts';
import type { CorsRules, FaultPolicy, HashPolicy, RetryPolicy } from '../../src/core/model/decision.ts';
import type { HTTPFaultInjection, VirtualService } from '../../src/core/model/virtual-service.ts';

type Json = Readonly<Record<string, unknown>>;

const PREVIOUS_HOSTS = {
  name: 'envoy.retry_host_predicates.previous_hosts',
  typedConfig: {
    '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
  },
};
const PREVIOUS_PRIORITIES = {
  name: 'envoy.retry_priorities.previous_priorities',
  typedConfig: {
    '@type': 'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
    updateFrequency: 2,
  },
};
const REDIRECT_CODES: Readonly<Record<number, string | undefined>> = {
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};
const PATH_FIELDS = { exact: 'path', prefix: 'prefix', separatedPrefix: 'pathSeparatedPrefix' } as const;

export function envoyRoute(route: HttpRoute, { apiVersion, metadata }: VirtualService): Json {
  const { action, match, headers, operation, statPrefix, name, fault, cors } = route;
  const config = `/apis/${apiVersion}/namespaces/${metadata.namespace ?? ''}/virtual-service/${metadata.name}`;
  const { authority: _, ...changes } = envoyHeaders(headers);
  return {
    ...(name !== '' && { name }),
    match: envoyMatch(match, match.ignoreCase),
    metadata: { filterMetadata: { istio: { config } } },
    decorator: { operation },
    ...(statPrefix !== undefined && { statPrefix }),
    ...changes,
    ...(action.kind === 'forward' && { route: envoyAction(action) }),
    ...(action.kind === 'redirect' && { redirect: envoyRedirect(action) }),
    ...(action.kind === 'direct_response' && {
      directResponse: {
        status: action.status,
        ...(action.body !== undefined && { body: { inlineString: action.body } }),
      },
    }),
    ...(fault !== undefined && { fault }),
    ...(cors !== undefined && { cors }),
  };
}

function envoyAction(action: ForwardAction): Json {
  const { rewrite, authority, timeoutMs, retries, hashPolicy, weighted, destinations } = action;
  const timeout = `${timeoutMs / 1000}s`;
  return {
    ...(weighted
      ? { weightedClusters: { clusters: destinations.map((destination) => envoyWeight(destination)) } }
      : { cluster: destinations[0] === undefined ? '' : clusterName(destinations[0].cluster) }),
    timeout,
    maxGrpcTimeout: timeout,
    ...(action.clusterNotFoundStatus === 500 && { clusterNotFoundResponseCode: 'INTERNAL_SERVER_ERROR' }),
    ...(retries !== null && { retryPolicy: envoyRetries(retries) }),
    ...(rewrite?.prefix !== undefined && { prefixRewrite: rewrite.prefix }),
    ...(rewrite?.regex !== undefined && {
      regexRewrite: { pattern: { regex: rewrite.regex.match }, substitution: rewrite.regex.substitution },
    }),
    ...(authority !== '' && { hostRewriteLiteral: authority }),
    ...(action.appendForwardedHost && authority !== '' && { appendXForwardedHost: true }),
    ...(hashPolicy.length > 0 && { hashPolicy: hashPolicy.map(envoyHashPolicy) }),
  };
}

function envoyWeight({ cluster, weight, headers }: ForwardAction['destinations'][number]): Json {
  const { authority, ...changes } = envoyHeaders(headers);
  return {
    name: clusterName(cluster),
    weight,
    ...changes,
    ...(authority !== undefined && { hostRewriteLiteral: authority }),
  };
}

function envoyRetries(retries: RetryPolicy): Json {
  return {
    retryOn: retries.retryOn,
    numRetries: retries.attempts,
    ...(retries.ignorePreviousHosts !== false && { retryHostPredicate: [PREVIOUS_HOSTS] }),
    hostSelectionRetryMaxAttempts: '5',
    ...(retries.retryRemoteLocalities === true && { retryPriority: PREVIOUS_PRIORITIES }),
    ...(retries.perTryTimeoutMs !== undefined && { perTryTimeout: `${retries.perTryTimeoutMs / 1000}s` }),
    ...(retries.statusCodes !== undefined && { retriableStatusCodes: retries.statusCodes }),
    ...(retries.backoffMs !== undefined && { retryBackOff: { baseInterval: `${retries.backoffMs / 1000}s` } }),
  };
}

function envoyRedirect({ host, port, scheme, path, prefixRewrite, status }: RedirectAction): Json {
  const responseCode = REDIRECT_CODES[status];
  return {
    ...(host !== '' && { hostRedirect: host }),
    ...(port !== 0 && { portRedirect: port }),
    ...(scheme !== '' && { schemeRedirect: scheme }),
    ...(prefixRewrite === undefined ? { pathRedirect: path } : { prefixRewrite }),
    ...(responseCode !== undefined && { responseCode }),
  };
}

/** `said`: whether there was a match at all; without one Istio leaves the case of letters unsaid. */
export function envoyMatch(match: RouteMatch, said: unknown): Json {
  const { path, headers, queryParameters, claims, ignoreCase } = match;
  return {
    ...(path.kind === 'regex' ? { safeRegex: { regex: path.value } } : { [PATH_FIELDS[path.kind]]: path.value }),
    ...(said !== undefined && said !== null && { caseSensitive: ignoreCase !== true }),
    ...(headers.length > 0 && { headers: headers.map(envoyHeaderMatch) }),
    ...(queryParameters.length > 0 && { queryParameters: queryParameters.map(envoyQueryMatch) }),
    ...(claims.length > 0 && { dynamicMetadata: claims.map(envoyClaim) }),
  };
}

function envoyClaim({ path, match, invert }: RouteMatch['claims'][number]): Json {
  const valueMatch = envoyValueMatch(match);
  return {
    filter: 'envoy.filters.http.jwt_authn',
    path: [{ key: 'payload' }, ...path.map((key) => ({ key }))],
    ...(invert && { invert: true }),
    value: { orMatch: { valueMatchers: [{ listMatch: { oneOf: valueMatch } }, valueMatch] } },
  };
}

export function envoyHeaderMatch({ name, match, invert, missingAsEmpty }: HeaderMatch): Json {
  return {
    name,
    ...envoyValueMatch(match),
    ...(invert && { invertMatch: true }),
    ...(missingAsEmpty && { treatMissingHeaderAsEmpty: true }),
  };
}

export function envoyQueryMatch({ name, match }: QueryParameterMatch): Json {
  return { name, ...envoyValueMatch(match) };
}

function envoyValueMatch(match: ValueMatch): Json {
  if (match.kind === 'present') return { presentMatch: true };
  return {
    stringMatch: match.kind === 'regex' ? { safeRegex: { regex: match.value } } : { [match.kind]: match.value },
  };
}

/** What of a route match decides whether it takes everything. */
export function matchFromEnvoy(match: Json): RouteMatch {
  const regex = match['safeRegex'] as { regex: string } | undefined;
  const field = (['path', 'pathSeparatedPrefix', 'prefix'] as const).find((name) => name in match);
  const kind = ({ path: 'exact', pathSeparatedPrefix: 'separatedPrefix', prefix: 'prefix' } as const)[
    field ?? 'prefix'
  ];
  const present = { kind: 'present' } as const;
  return {
    path:
      regex === undefined
        ? { kind, value: (match[field ?? 'prefix'] ?? '') as string }
        : { kind: 'regex', value: regex.regex },
    headers: ((match['headers'] ?? []) as Json[]).map((header) => ({
      name: header['name'] as string,
      match: present,
      invert: false,
      missingAsEmpty: false,
    })),
    queryParameters: ((match['queryParameters'] ?? []) as Json[]).map(({ name }) => ({
      name: name as string,
      match: present,
    })),
    claims: ((match['dynamicMetadata'] ?? []) as Json[]).map((claim) => ({
      path: [],
      match: present,
      invert: claim['invert'] === true,
    })),
  };
}

export function envoyHeaders(changes: HeaderChanges): Json {
  const { requestAdd, requestRemove, responseAdd, responseRemove, authority } = changes;
  return {
    ...(requestAdd.length > 0 && { requestHeadersToAdd: requestAdd.map(headerOption) }),
    ...(requestRemove.length > 0 && { requestHeadersToRemove: requestRemove }),
    ...(responseAdd.length > 0 && { responseHeadersToAdd: responseAdd.map(headerOption) }),
    ...(responseRemove.length > 0 && { responseHeadersToRemove: responseRemove }),
    ...(authority !== '' && { authority }),
  };
}

function headerOption({ name, value, append }: HeaderValue): Json {
  return { header: { key: name, value }, ...(!append && { appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' }) };
}

/** `inMillionths`: a percentage with a fraction, and not a whole number. */
export function envoyPercent(percent: number | undefined, inMillionths: boolean): { defaultValue: Json } | null {
  if (percent === undefined) return null;
  return { defaultValue: fractionalPercent(percent, inMillionths) };
}

function fractionalPercent(percent: number, inMillionths: boolean): Json {
  const numerator = inMillionths ? Math.round(percent * 10_000) : percent;
  return { ...(numerator !== 0 && { numerator }), ...(inMillionths && { denominator: 'MILLION' }) };
}

export function envoyFault(fault: FaultPolicy | undefined, { delay: written }: HTTPFaultInjection): Json | null {
  if (fault === undefined) return null;
  const { delay, abort } = fault;
  return {
    ...(delay !== undefined && {
      delay: {
        fixedDelay: `${delay.fixedDelayMs / 1000}s`,
        percentage: fractionalPercent(delay.percent, written?.percentage !== undefined),
      },
    }),
    ...(abort !== undefined && {
      abort: {
        ...(abort.httpStatus !== undefined && { httpStatus: abort.httpStatus }),
        ...(abort.grpcStatus !== undefined && { grpcStatus: abort.grpcStatus }),
        ...(abort.percent !== undefined && { percentage: fractionalPercent(abort.percent, true) }),
      },
    }),
  };
}

export function envoyCors(cors: CorsRules | undefined): Json | null {
  if (cors === undefined) return null;
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials } = cors;
  const origins = allowOrigins.map(({ regex, ...rest }) => (regex === undefined ? rest : { safeRegex: { regex } }));
  return {
    ...(origins.length > 0 && { allowOriginStringMatch: origins }),
    ...(allowMethods !== undefined && { allowMethods }),
    ...(allowHeaders !== undefined && { allowHeaders }),
    ...(exposeHeaders !== undefined && { exposeHeaders }),
    ...(maxAge !== undefined && { maxAge }),
    ...(allowCredentials !== undefined && { allowCredentials }),
    filterEnabled: { defaultValue: { numerator: 100 } },
    forwardNotMatchingPreflights: cors.forwardUnmatchedPreflights,
  };
}

const HASH_FIELDS: Readonly<Record<string, string>> = {
  connection_properties: 'connectionProperties',
  source_ip: 'sourceIp',
  header_name: 'headerName',
  query_parameter: 'queryParameter',
};

/** Field names in camel case. */
export function envoyHashPolicy(policy: HashPolicy | undefined): unknown {
  if (policy === undefined) return null;
  return Object.fromEntries(
    Object.entries(policy).map(([key, value]) => [
      HASH_FIELDS[key] ?? key,
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? envoyHashPolicy(value as HashPolicy)
        : value,
    ]),
  );
}
