import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { destination, oneOf, optional, stringMatch, stringMatchMap, text, uint32 } from './fields.ts';
import { whenGiven } from './when-given.ts';

const headerOperations = lazily(() =>
  z.strictObject({
    set: optional.textMap,
    add: optional.textMap,
    remove: optional.texts,
  }),
);
const headers = lazily(() =>
  z.strictObject({ request: whenGiven(headerOperations), response: whenGiven(headerOperations) }),
);
const percent = lazily(() => z.strictObject({ value: optional.double }));

const httpMatchRequest = lazily(() =>
  z.strictObject({
    name: optional.text,
    uri: whenGiven(stringMatch),
    scheme: whenGiven(stringMatch),
    method: whenGiven(stringMatch),
    authority: whenGiven(stringMatch),
    headers: whenGiven(stringMatchMap),
    port: optional.uint32,
    sourceLabels: optional.textMap,
    gateways: optional.texts,
    queryParams: whenGiven(stringMatchMap),
    ignoreUriCase: optional.flag,
    withoutHeaders: whenGiven(stringMatchMap),
    sourceNamespace: optional.text,
    statPrefix: optional.text,
  }),
);

const httpRouteDestination = lazily(() =>
  z.strictObject({
    destination: destination(),
    weight: optional.int32,
    headers: whenGiven(headers),
  }),
);
const routeDestination = lazily(() => z.strictObject({ destination: destination(), weight: optional.int32 }));

const httpRedirect = lazily(() =>
  oneOf(
    z.strictObject({
      uri: optional.text,
      prefixRewrite: optional.text,
      authority: optional.text,
      port: optional.uint32,
      derivePort: whenGiven(() => z.enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'])),
      scheme: optional.text,
      redirectCode: optional.uint32,
    }),
    ['port', 'derivePort'],
  ),
);

const httpFaultInjection = lazily(() =>
  z.strictObject({
    delay: whenGiven(() =>
      oneOf(
        z.strictObject({
          percent: optional.int32,
          fixedDelay: optional.duration,
          exponentialDelay: optional.duration,
          percentage: whenGiven(percent),
        }),
        ['fixedDelay', 'exponentialDelay'],
      ),
    ),
    abort: whenGiven(() =>
      oneOf(
        z.strictObject({
          httpStatus: optional.int32,
          grpcStatus: optional.text,
          http2Error: optional.text,
          percentage: whenGiven(percent),
        }),
        ['httpStatus', 'grpcStatus', 'http2Error'],
      ),
    ),
  }),
);

const corsPolicy = lazily(() =>
  z.strictObject({
    allowOrigin: optional.texts,
    allowOrigins: whenGiven(() => z.array(stringMatch())),
    allowMethods: optional.texts,
    allowHeaders: optional.texts,
    exposeHeaders: optional.texts,
    maxAge: optional.duration,
    allowCredentials: optional.flagValue,
    unmatchedPreflights: whenGiven(() => z.enum(['UNSPECIFIED', 'FORWARD', 'IGNORE'])),
  }),
);

export const httpRetry = lazily(() =>
  z.strictObject({
    attempts: optional.int32,
    perTryTimeout: optional.duration,
    retryOn: optional.text,
    retryRemoteLocalities: optional.flagValue,
    retryIgnorePreviousHosts: optional.flagValue,
    backoff: optional.duration,
  }),
);

const httpRoute = lazily(() =>
  z.strictObject({
    name: optional.text,
    match: whenGiven(() => z.array(httpMatchRequest())),
    route: whenGiven(() => z.array(httpRouteDestination())),
    redirect: whenGiven(httpRedirect),
    directResponse: whenGiven(() =>
      z.strictObject({
        status: uint32,
        body: whenGiven(() =>
          oneOf(z.strictObject({ string: optional.text, bytes: optional.text }), ['string', 'bytes']),
        ),
      }),
    ),
    delegate: whenGiven(() => z.strictObject({ name: optional.text, namespace: optional.text })),
    rewrite: whenGiven(() =>
      z.strictObject({
        uri: optional.text,
        authority: optional.text,
        uriRegexRewrite: whenGiven(() => z.strictObject({ match: optional.text, rewrite: optional.text })),
      }),
    ),
    timeout: optional.duration,
    retries: whenGiven(httpRetry),
    fault: whenGiven(httpFaultInjection),
    mirror: whenGiven(destination),
    mirrors: whenGiven(() => z.array(z.strictObject({ destination: destination(), percentage: whenGiven(percent) }))),
    mirrorPercent: optional.uint32Value,
    mirror_percent: optional.uint32Value,
    mirrorPercentage: whenGiven(percent),
    corsPolicy: whenGiven(corsPolicy),
    headers: whenGiven(headers),
  }),
);

const tlsMatchAttributes = lazily(() =>
  z.strictObject({
    sniHosts: z.array(text),
    destinationSubnets: optional.texts,
    port: optional.uint32,
    sourceLabels: optional.textMap,
    gateways: optional.texts,
    sourceNamespace: optional.text,
  }),
);

const l4MatchAttributes = lazily(() =>
  z.strictObject({
    destinationSubnets: optional.texts,
    port: optional.uint32,
    sourceSubnet: optional.text,
    sourceLabels: optional.textMap,
    gateways: optional.texts,
    sourceNamespace: optional.text,
  }),
);

const tlsRoute = lazily(() =>
  z.strictObject({
    match: z.array(tlsMatchAttributes()),
    route: whenGiven(() => z.array(routeDestination())),
  }),
);
const tcpRoute = lazily(() =>
  z.strictObject({
    match: whenGiven(() => z.array(l4MatchAttributes())),
    route: whenGiven(() => z.array(routeDestination())),
  }),
);

/** networking.istio.io VirtualService. */
export const virtualServiceSpec = lazily(() =>
  z.strictObject({
    hosts: optional.texts,
    gateways: optional.texts,
    http: whenGiven(() => z.array(httpRoute())),
    tls: whenGiven(() => z.array(tlsRoute())),
    tcp: whenGiven(() => z.array(tcpRoute())),
    exportTo: optional.texts,
  }),
);

export type VirtualServiceFields = z.infer<ReturnType<typeof virtualServiceSpec>>;
export type HTTPRouteFields = z.infer<ReturnType<typeof httpRoute>>;
export type HTTPMatchFields = z.infer<ReturnType<typeof httpMatchRequest>>;
export type HTTPRouteDestinationFields = z.infer<ReturnType<typeof httpRouteDestination>>;
export type RouteDestinationFields = z.infer<ReturnType<typeof routeDestination>>;
export type HeadersFields = z.infer<ReturnType<typeof headers>>;
export type HTTPFaultFields = z.infer<ReturnType<typeof httpFaultInjection>>;
export type CorsFields = z.infer<ReturnType<typeof corsPolicy>>;
export type HTTPRetryFields = z.infer<ReturnType<typeof httpRetry>>;
export type HTTPRedirectFields = z.infer<ReturnType<typeof httpRedirect>>;
export type TLSRouteFields = z.infer<ReturnType<typeof tlsRoute>>;
export type TCPRouteFields = z.infer<ReturnType<typeof tcpRoute>>;
export type DestinationFields = z.infer<ReturnType<typeof destination>>;
export type StringMatchFields = z.infer<ReturnType<typeof stringMatch>>;
