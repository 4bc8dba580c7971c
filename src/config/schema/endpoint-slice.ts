import * as form from './form.ts';
import { anyMap } from './any-map.ts';
import { flag, text, textMap, texts } from './fields.ts';

const objectReference = form.strictObject({
  kind: text.optional(),
  name: text.optional(),
  namespace: text.optional(),
  uid: text.optional(),
  apiVersion: text.optional(),
  resourceVersion: text.optional(),
  fieldPath: text.optional(),
});

const endpoint = form.strictObject({
  addresses: texts,
  conditions: form
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

const portNumber = form.int().min(1).max(65535);
const portNames = { name: text.optional(), protocol: text.optional(), appProtocol: text.optional() };

/** The fields of discovery.k8s.io EndpointSlice that stand beside its metadata. */
export const endpointSliceFields = {
  addressType: form.oneWordOf(['IPv4', 'IPv6', 'FQDN']).optional(),
  endpoints: form.array(endpoint).optional(),
  ports: form.array(form.strictObject({ ...portNames, port: portNumber.optional() })).optional(),
};

const address = form.strictObject({
  ip: text,
  hostname: text.optional(),
  nodeName: text.optional(),
  targetRef: objectReference.optional(),
});

/** The fields of Kubernetes' v1 Endpoints that stand beside its metadata. */
export const endpointsFields = {
  subsets: form
    .array(
      form.strictObject({
        addresses: form.array(address).optional(),
        notReadyAddresses: form.array(address).optional(),
        ports: form.array(form.strictObject({ ...portNames, port: portNumber })).optional(),
      }),
    )
    .optional(),
};
