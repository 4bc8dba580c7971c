import { z } from 'zod';
import {
  destination,
  double,
  duration,
  flag,
  flagValue,
  int32,
  oneOf,
  stringMatch,
  stringMatchMap,
  text,
  textMap,
  texts,
  uint32,
  uint32Value,
} from './fields.ts';

const headerOperations = z.strictObject({
  set: textMap.optional(),
  add: textMap.optional(),
  remove: texts.optional(),
});
const headers = z.strictObject({ request: headerOperations.optional(), response: headerOperations.optional() });
const percent = z.strictObject({ value: double.optional() });

const httpMatchRequest = z.strictObject({
  name: text.optional(),
  uri: stringMatch.optional(),
  scheme: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  headers: stringMatchMap.optional(),
  port: uint32.optional(),
  sourceLabels: textMap.optional(),
  gateways: texts.optional(),
  queryParams: stringMatchMap.optional(),
  ignoreUriCase: flag.optional(),
  withoutHeaders: stringMatchMap.optional(),
  sourceNamespace: text.optional(),
  statPrefix: text.optional(),
});

const httpRouteDestination = z.strictObject({
  destination,
  weight: int32.optional(),
  headers: headers.optional(),
});
const routeDestination = z.strictObject({ destination, weight: int32.optional() });

const httpRedirect = oneOf(
  z.strictObject({
    uri: text.optional(),
    prefixRewrite: text.optional(),
    authority: text.optional(),
    port: uint32.optional(),
    derivePort: z.enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']).optional(),
    scheme: text.optional(),
    redirectCode: uint32.optional(),
  }),
  ['port', 'derivePort'],
);

const httpFaultInjection = z.strictObject({
  delay: oneOf(
    z.strictObject({
      percent: int32.optional(),
      fixedDelay: duration.optional(),
      exponentialDelay: duration.optional(),
      percentage: percent.optional(),
    }),
    ['fixedDelay', 'exponentialDelay'],
  ).optional(),
  abort: oneOf(
    z.strictObject({
      httpStatus: int32.optional(),
      grpcStatus: text.optional(),
      http2Error: text.optional(),
      percentage: percent.optional(),
    }),
    ['httpStatus', 'grpcStatus', 'http2Error'],
  ).optional(),
});

const corsPolicy = z.strictObject({
  allowOrigin: texts.optional(),
  allowOrigins: z.array(stringMatch).optional(),
  allowMethods: texts.optional(),
  allowHeaders: texts.optional(),
  exposeHeaders: texts.optional(),
  maxAge: duration.optional(),
  allowCredentials: flagValue.optional(),
  unmatchedPreflights: z.enum(['UNSPECIFIED', 'FORWARD', 'IGNORE']).optional(),
});

export const httpRetry = z.strictObject({
  attempts: int32.optional(),
  perTryTimeout: duration.optional(),
  retryOn: text.optional(),
  retryRemoteLocalities: flagValue.optional(),
  retryIgnorePreviousHosts: flagValue.optional(),
  backoff: duration.optional(),
});

const httpRoute = z.strictObject({
  name: text.optional(),
  match: z.array(httpMatchRequest).optional(),
  route: z.array(httpRouteDestination).optional(),
  redirect: httpRedirect.optional(),
  directResponse: z
    .strictObject({
      status: uint32,
      body: oneOf(z.strictObject({ string: text.optional(), bytes: text.optional() }), ['string', 'bytes']).optional(),
    })
    .optional(),
  delegate: z.strictObject({ name: text.optional(), namespace: text.optional() }).optional(),
  rewrite: z
    .strictObject({
      uri: text.optional(),
      authority: text.optional(),
      uriRegexRewrite: z.strictObject({ match: text.optional(), rewrite: text.optional() }).optional(),
    })
    .optional(),
  timeout: duration.optional(),
  retries: httpRetry.optional(),
  fault: httpFaultInjection.optional(),
  mirror: destination.optional(),
  mirrors: z.array(z.strictObject({ destination, percentage: percent.optional() })).optional(),
  mirrorPercent: uint32Value.optional(),
  mirror_percent: uint32Value.optional(),
  mirrorPercentage: percent.optional(),
  corsPolicy: corsPolicy.optional(),
  headers: headers.optional(),
});

const tlsMatchAttributes = z.strictObject({
  sniHosts: z.array(text),
  destinationSubnets: texts.optional(),
  port: uint32.optional(),
  sourceLabels: textMap.optional(),
  gateways: texts.optional(),
  sourceNamespace: text.optional(),
});

const l4MatchAttributes = z.strictObject({
  destinationSubnets: texts.optional(),
  port: uint32.optional(),
  sourceSubnet: text.optional(),
  sourceLabels: textMap.optional(),
  gateways: texts.optional(),
  sourceNamespace: text.optional(),
});

const tlsRoute = z.strictObject({ match: z.array(tlsMatchAttributes), route: z.array(routeDestination).optional() });
const tcpRoute = z.strictObject({
  match: z.array(l4MatchAttributes).optional(),
  route: z.array(routeDestination).optional(),
});

/** networking.istio.io VirtualService. */
export const virtualServiceSpec = z.strictObject({
  hosts: texts.optional(),
  gateways: texts.optional(),
  http: z.array(httpRoute).optional(),
  tls: z.array(tlsRoute).optional(),
  tcp: z.array(tcpRoute).optional(),
  exportTo: texts.optional(),
});

export type VirtualServiceFields = z.infer<typeof virtualServiceSpec>;
export type HTTPRouteFields = z.infer<typeof httpRoute>;
export type HTTPMatchFields = z.infer<typeof httpMatchRequest>;
export type HTTPRouteDestinationFields = z.infer<typeof httpRouteDestination>;
export type RouteDestinationFields = z.infer<typeof routeDestination>;
export type HeadersFields = z.infer<typeof headers>;
export type HTTPFaultFields = z.infer<typeof httpFaultInjection>;
export type CorsFields = z.infer<typeof corsPolicy>;
export type HTTPRetryFields = z.infer<typeof httpRetry>;
export type HTTPRedirectFields = z.infer<typeof httpRedirect>;
export type TLSRouteFields = z.infer<typeof tlsRoute>;
export type TCPRouteFields = z.infer<typeof tcpRoute>;
export type DestinationFields = z.infer<typeof destination>;
export type StringMatchFields = z.infer<typeof stringMatch>;
