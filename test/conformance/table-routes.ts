import { destinationCluster } from '../../src/core/compile/http-route-destination.ts';
import { translateCorsPolicy } from '../../src/core/compile/http-route-cors.ts';
import { mirrorPercent, mirrorPercentByPolicy, translateFault } from '../../src/core/compile/http-route-fault.ts';
import { consistentHashToHashPolicy, portLevelConsistentHash } from '../../src/core/compile/http-route-hash-policy.ts';
import { translateHeaderOperations } from '../../src/core/compile/http-route-headers.ts';
import { matchesSource, translateRouteMatch, type RouteSemantics } from '../../src/core/compile/http-route-match.ts';
import { catchAllsLast } from '../../src/core/compile/gateway-route-table.ts';
import type { RouteOptions } from '../../src/core/compile/http-route-action.ts';
import { buildHttpRoutes } from '../../src/core/compile/http-route.ts';
import { isCatchAllMatch } from '../../src/core/compile/http-route-match.ts';
import type { PortTrafficPolicy } from '../../src/core/model/destination-rule.ts';
import type { Destination, HTTPMatchRequest, HTTPRoute, StringMatch } from '../../src/core/model/virtual-service.ts';
import type { VirtualService } from '../../src/core/model/virtual-service.ts';
import {
  envoyCors,
  envoyFault,
  envoyHashPolicy,
  envoyHeaderMatch,
  envoyHeaders,
  envoyMatch,
  envoyPercent,
  envoyQueryMatch,
  envoyRoute,
  matchFromEnvoy,
} from './envoy-route.ts';
import { compare, notApplicable, type TableCase, type Verdict, withoutNulls } from './table.ts';

type Input = Readonly<Record<string, unknown>>;

/** A VirtualService as Envoy routes. */
export function routesTable(tableCase: TableCase): Verdict[] {
  const { result } = tableCase;
  const input = withoutNulls(tableCase['input']) as Input;
  const ask = QUESTIONS[tableCase.function ?? ''];
  if (ask === undefined) return [notApplicable('unknown function')];
  const answer = ask(input);
  return [typeof answer === 'string' ? notApplicable(answer) : compare(result, answer.value)];
}

const NO_OPERATIONS = {
  requestHeadersToAdd: [],
  requestHeadersToRemove: [],
  responseHeadersToAdd: [],
  responseHeadersToRemove: [],
  authority: '',
};

/** An answer, or why the question cannot be asked. */
type Question = (input: Input) => { readonly value: unknown } | string;

const QUESTIONS: Readonly<Record<string, Question>> = {
  BuildHTTPRoutesForVirtualService: buildRoutes,
  IsCatchAllRoute: (route) => ({ value: isCatchAllMatch(matchFromEnvoy(route['match'] as Input)) }),
  SortVHostRoutes: (input) => ({ value: sortRoutes(input as unknown as Input[]) }),
  TranslateRouteMatch: ({ in: match, vs }) => ({
    value: envoyMatch(translateRouteMatch(match ?? undefined, semanticsOf(vs)), match),
  }),
  translateHeaderMatch: ({ name, in: match }) => {
    const [header] = translateRouteMatch({ headers: { [name as string]: match as StringMatch } }).headers;
    return { value: header === undefined ? null : envoyHeaderMatch(header) };
  },
  translateQueryParamMatch: ({ name, in: match }) => {
    const [parameter] = translateRouteMatch({
      queryParams: { [name as string]: match as StringMatch },
    }).queryParameters;
    return { value: parameter === undefined ? null : envoyQueryMatch(parameter) };
  },
  sourceMatchHTTP: ({ match, proxyLabels, proxyNamespace, gatewayNames }) => ({
    value: matchesSource(match as HTTPMatchRequest | undefined, {
      labels: (proxyLabels ?? {}) as Record<string, string>,
      namespace: (proxyNamespace ?? '') as string,
      gateways: new Set((gatewayNames ?? []) as string[]),
    }),
  }),
  TranslateHeadersOperations: (headers) => ({
    value: { ...NO_OPERATIONS, ...envoyHeaders(translateHeaderOperations(headers)) },
  }),
  TranslateFault: (fault) => ({ value: envoyFault(translateFault(fault), fault) }),
  TranslateCORSPolicy: ({ in: policy }) => ({
    value: envoyCors(translateCorsPolicy(policy as HTTPRoute['corsPolicy'])),
  }),
  MirrorPercent: (route) => ({ value: envoyPercent(mirrorPercent(route), 'mirrorPercentage' in route) }),
  MirrorPercentByPolicy: (mirror) => ({ value: envoyPercent(mirrorPercentByPolicy(mirror), 'percentage' in mirror) }),
  translateIntegerToFractionalPercent: (percent) => ({
    value: envoyPercent(mirrorPercent({ mirrorPercent: percent as unknown as number }), false)?.defaultValue,
  }),
  translatePercentToFractionalPercent: (percentage) => ({
    value: envoyPercent(mirrorPercent({ mirrorPercentage: percentage }), true)?.defaultValue,
  }),
  ConsistentHashToHashPolicy: (hash) => ({ value: envoyHashPolicy(consistentHashToHashPolicy(hash ?? undefined)) }),
  portLevelSettingsConsistentHash: ({ dst, pls }) => ({
    value: portLevelConsistentHash((dst as Destination).port?.number, pls as PortTrafficPolicy[]) ?? null,
  }),
  GetDestinationCluster: ({ destination, service, listenerPort }) => {
    const { host, port, subset } = destinationCluster(
      destination as Destination,
      service as Parameters<typeof destinationCluster>[1],
      listenerPort as number,
    );
    return { value: `outbound|${port}|${subset}|${host}` };
  },
};

interface RoutesInput {
  readonly virtualService: VirtualService;
  readonly listenPort: number;
  readonly gatewayNames?: readonly string[];
  readonly isTLS?: boolean;
  readonly http3AltSvc?: boolean;
  readonly node: { readonly configNamespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly services?: Readonly<Record<string, { readonly ports?: readonly { readonly port: number }[] } | undefined>>;
  readonly hashes?: readonly {
    readonly destination: { readonly destination: Destination };
    readonly consistentHash: ReturnType<RouteOptions['consistentHash']>;
  }[];
  readonly meshConfig: {
    readonly defaultHttpRetryPolicy?: HTTPRoute['retries'];
    readonly defaultConfig?: { readonly proxyHeaders?: { readonly xForwardedHost?: { readonly enabled?: boolean } } };
  };
}

function buildRoutes(raw: Input): ReturnType<Question> {
  const input = raw as unknown as RoutesInput;
  if (input.http3AltSvc === true) return 'no server of ours speaks HTTP/3, so none is advertised';
  const options: RouteOptions = {
    port: input.listenPort,
    source: {
      labels: input.node.labels ?? {},
      namespace: input.node.configNamespace ?? '',
      gateways: new Set(input.gatewayNames ?? []),
    },
    tls: input.isTLS === true,
    defaultRetries: input.meshConfig.defaultHttpRetryPolicy,
    appendForwardedHost: input.meshConfig.defaultConfig?.proxyHeaders?.xForwardedHost?.enabled === true,
    service: (host) => {
      const service = input.services?.[host];
      return service === undefined ? undefined : { ports: service.ports ?? [] };
    },
    consistentHash: (destination) =>
      input.hashes?.find((hash) => JSON.stringify(hash.destination.destination) === JSON.stringify(destination))
        ?.consistentHash,
  };
  const routes = buildHttpRoutes(input.virtualService, options);
  return { value: routes.length === 0 ? null : routes.map((route) => envoyRoute(route, input.virtualService)) };
}

function sortRoutes(routes: readonly Input[]): readonly Input[] {
  const ours = routes.map((route) => ({ route, match: matchFromEnvoy(route['match'] as Input) }));
  return catchAllsLast(ours).map(({ route }) => route);
}

function semanticsOf(virtualService: unknown): RouteSemantics {
  const annotations = (virtualService as VirtualService | undefined)?.metadata.annotations;
  return annotations?.['internal.istio.io/route-semantics'] as RouteSemantics;
}
