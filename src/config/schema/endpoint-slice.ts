import { z } from 'zod';
import { anyMap } from './any-map.ts';
import { flag, text, textMap, texts } from './fields.ts';

const objectReference = z.strictObject({
  kind: text.optional(),
  name: text.optional(),
  namespace: text.optional(),
  uid: text.optional(),
  apiVersion: text.optional(),
  resourceVersion: text.optional(),
  fieldPath: text.optional(),
});

const endpoint = z.strictObject({
  addresses: texts,
  conditions: z
    .strictObject({ ready: flag.optional(), serving: flag.optional(), terminating: flag.optional() })
    .optional(),
  hostname: text.optional(),
  targetRef: objectReference.optional(),
  nodeName: text.optional(),
  zone: text.optional(),
  hints: anyMap.optional(),
  topology: textMap.optional(),
  deprecatedTopology: textMap.optional(),
});

const portNumber = z.int().min(1).max(65535);
const portNames = { name: text.optional(), protocol: text.optional(), appProtocol: text.optional() };

/** The fields of discovery.k8s.io EndpointSlice that stand beside its metadata. */
export const endpointSliceFields = {
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']).optional(),
  endpoints: z.array(endpoint).optional(),
  ports: z.array(z.strictObject({ ...portNames, port: portNumber.optional() })).optional(),
};

const address = z.strictObject({
  ip: text,
  hostname: text.optional(),
  nodeName: text.optional(),
  targetRef: objectReference.optional(),
});

/** The fields of Kubernetes' v1 Endpoints that stand beside its metadata. */
export const endpointsFields = {
  subsets: z
    .array(
      z.strictObject({
        addresses: z.array(address).optional(),
        notReadyAddresses: z.array(address).optional(),
        ports: z.array(z.strictObject({ ...portNames, port: portNumber })).optional(),
      }),
    )
    .optional(),
};
