import * as form from './form.ts';
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

const headerOperations = form.strictObject({
  set: textMap.optional(),
  add: textMap.optional(),
  remove: texts.optional(),
});
const headers = form.strictObject({ request: headerOperations.optional(), response: headerOperations.optional() });
const percent = form.strictObject({ value: double.optional() });

const httpMatchRequest = form.strictObject({
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

const httpRouteDestination = form.strictObject({
  destination,
  weight: int32.optional(),
  headers: headers.optional(),
});
const routeDestination = form.strictObject({ destination, weight: int32.optional() });

const httpRedirect = oneOf(
  form.strictObject({
    uri: text.optional(),
    prefixRewrite: text.optional(),
    authority: text.optional(),
    port: uint32.optional(),
    derivePort: form.oneWordOf(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']).optional(),
    scheme: text.optional(),
    redirectCode: uint32.optional(),
  }),
  ['port', 'derivePort'],
);

const httpFaultInjection = form.strictObject({
  delay: oneOf(
    form.strictObject({
      percent: int32.optional(),
      fixedDelay: duration.optional(),
      exponentialDelay: duration.optional(),
      percentage: percent.optional(),
    }),
    ['fixedDelay', 'exponentialDelay'],
  ).optional(),
  abort: oneOf(
    form.strictObject({
      httpStatus: int32.optional(),
      grpcStatus: text.optional(),
      http2Error: text.optional(),
      percentage: percent.optional(),
    }),
    ['httpStatus', 'grpcStatus', 'http2Error'],
  ).optional(),
});

const corsPolicy = form.strictObject({
  allowOrigin: texts.optional(),
  allowOrigins: form.array(stringMatch).optional(),
  allowMethods: texts.optional(),
  allowHeaders: texts.optional(),
  exposeHeaders: texts.optional(),
  maxAge: duration.optional(),
  allowCredentials: flagValue.optional(),
  unmatchedPreflights: form.oneWordOf(['UNSPECIFIED', 'FORWARD', 'IGNORE']).optional(),
});

export const httpRetry = form.strictObject({
  attempts: int32.optional(),
  perTryTimeout: duration.optional(),
  retryOn: text.optional(),
  retryRemoteLocalities: flagValue.optional(),
  retryIgnorePreviousHosts: flagValue.optional(),
  backoff: duration.optional(),
});

const httpRoute = form.strictObject({
  name: text.optional(),
  match: form.array(httpMatchRequest).optional(),
  route: form.array(httpRouteDestination).optional(),
  redirect: httpRedirect.optional(),
  directResponse: form
    .strictObject({
      status: uint32,
      body: oneOf(form.strictObject({ string: text.optional(), bytes: text.optional() }), [
        'string',
        'bytes',
      ]).optional(),
    })
    .optional(),
  delegate: form.strictObject({ name: text.optional(), namespace: text.optional() }).optional(),
  rewrite: form
    .strictObject({
      uri: text.optional(),
      authority: text.optional(),
      uriRegexRewrite: form.strictObject({ match: text.optional(), rewrite: text.optional() }).optional(),
    })
    .optional(),
  timeout: duration.optional(),
  retries: httpRetry.optional(),
  fault: httpFaultInjection.optional(),
  mirror: destination.optional(),
  mirrors: form.array(form.strictObject({ destination, percentage: percent.optional() })).optional(),
  mirrorPercent: uint32Value.optional(),
  mirror_percent: uint32Value.optional(),
  mirrorPercentage: percent.optional(),
  corsPolicy: corsPolicy.optional(),
  headers: headers.optional(),
});

const tlsMatchAttributes = form.strictObject({
  sniHosts: form.array(text),
  destinationSubnets: texts.optional(),
  port: uint32.optional(),
  sourceLabels: textMap.optional(),
  gateways: texts.optional(),
  sourceNamespace: text.optional(),
});

const l4MatchAttributes = form.strictObject({
  destinationSubnets: texts.optional(),
  port: uint32.optional(),
  sourceSubnet: text.optional(),
  sourceLabels: textMap.optional(),
  gateways: texts.optional(),
  sourceNamespace: text.optional(),
});

const tlsRoute = form.strictObject({
  match: form.array(tlsMatchAttributes),
  route: form.array(routeDestination).optional(),
});
const tcpRoute = form.strictObject({
  match: form.array(l4MatchAttributes).optional(),
  route: form.array(routeDestination).optional(),
});

/** networking.istio.io VirtualService. */
export const virtualServiceSpec = form.strictObject({
  hosts: texts.optional(),
  gateways: texts.optional(),
  http: form.array(httpRoute).optional(),
  tls: form.array(tlsRoute).optional(),
  tcp: form.array(tcpRoute).optional(),
  exportTo: texts.optional(),
});

export type VirtualServiceFields = form.Infer<typeof virtualServiceSpec>;
export type HTTPRouteFields = form.Infer<typeof httpRoute>;
export type HTTPMatchFields = form.Infer<typeof httpMatchRequest>;
export type HTTPRouteDestinationFields = form.Infer<typeof httpRouteDestination>;
export type RouteDestinationFields = form.Infer<typeof routeDestination>;
export type HeadersFields = form.Infer<typeof headers>;
export type HTTPFaultFields = form.Infer<typeof httpFaultInjection>;
export type CorsFields = form.Infer<typeof corsPolicy>;
export type HTTPRetryFields = form.Infer<typeof httpRetry>;
export type HTTPRedirectFields = form.Infer<typeof httpRedirect>;
export type TLSRouteFields = form.Infer<typeof tlsRoute>;
export type TCPRouteFields = form.Infer<typeof tcpRoute>;
export type DestinationFields = form.Infer<typeof destination>;
export type StringMatchFields = form.Infer<typeof stringMatch>;
