import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { optional, text, texts } from './fields.ts';

const objectReference = lazily(() =>
  z.strictObject({
    kind: optional.text,
    name: optional.text,
    namespace: optional.text,
    uid: optional.text,
    apiVersion: optional.text,
    resourceVersion: optional.text,
    fieldPath: optional.text,
  }),
);

const endpoint = lazily(() =>
  z.strictObject({
    addresses: texts,
    conditions: z.optional(
      z.strictObject({ ready: optional.flag, serving: optional.flag, terminating: optional.flag }),
    ),
    hostname: optional.text,
    targetRef: z.optional(objectReference()),
    nodeName: optional.text,
    zone: optional.text,
    hints: z.optional(anyMap),
    topology: optional.textMap,
    deprecatedTopology: optional.textMap,
  }),
);

const portNumber = z.int().check(z.gte(1), z.lte(65535));
const portNames = lazily(() => ({ name: optional.text, protocol: optional.text, appProtocol: optional.text }));

/** The fields of discovery.k8s.io EndpointSlice that stand beside its metadata. */
export const endpointSliceFields = lazily(() => ({
  addressType: z.optional(z.enum(['IPv4', 'IPv6', 'FQDN'])),
  endpoints: z.optional(z.array(endpoint())),
  ports: z.optional(z.array(z.strictObject({ ...portNames(), port: z.optional(portNumber) }))),
}));

const address = lazily(() =>
  z.strictObject({
    ip: text,
    hostname: optional.text,
    nodeName: optional.text,
    targetRef: z.optional(objectReference()),
  }),
);

/** The fields of Kubernetes' v1 Endpoints that stand beside its metadata. */
export const endpointsFields = lazily(() => ({
  subsets: z.optional(
    z.array(
      z.strictObject({
        addresses: z.optional(z.array(address())),
        notReadyAddresses: z.optional(z.array(address())),
        ports: z.optional(z.array(z.strictObject({ ...portNames(), port: portNumber }))),
      }),
    ),
  ),
}));
