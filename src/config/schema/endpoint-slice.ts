import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { optional, text, texts } from './fields.ts';
import { whenGiven } from './when-given.ts';

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
    conditions: whenGiven(() =>
      z.strictObject({ ready: optional.flag, serving: optional.flag, terminating: optional.flag }),
    ),
    hostname: optional.text,
    targetRef: whenGiven(objectReference),
    nodeName: optional.text,
    zone: optional.text,
    hints: whenGiven(() => anyMap),
    topology: optional.textMap,
    deprecatedTopology: optional.textMap,
  }),
);

const portNumber = z.int().check(z.gte(1), z.lte(65535));
const portNames = lazily(() => ({ name: optional.text, protocol: optional.text, appProtocol: optional.text }));

/** The fields of discovery.k8s.io EndpointSlice that stand beside its metadata. */
export const endpointSliceFields = lazily(() => ({
  addressType: whenGiven(() => z.enum(['IPv4', 'IPv6', 'FQDN'])),
  endpoints: whenGiven(() => z.array(endpoint())),
  ports: whenGiven(() => z.array(z.strictObject({ ...portNames(), port: whenGiven(() => portNumber) }))),
}));

const address = lazily(() =>
  z.strictObject({
    ip: text,
    hostname: optional.text,
    nodeName: optional.text,
    targetRef: whenGiven(objectReference),
  }),
);

/** The fields of Kubernetes' v1 Endpoints that stand beside its metadata. */
export const endpointsFields = lazily(() => ({
  subsets: whenGiven(() =>
    z.array(
      z.strictObject({
        addresses: whenGiven(() => z.array(address())),
        notReadyAddresses: whenGiven(() => z.array(address())),
        ports: whenGiven(() => z.array(z.strictObject({ ...portNames(), port: portNumber }))),
      }),
    ),
  ),
}));
