/** A whole resource of each kind: what the API server checks before any webhook is asked. */
import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { destinationRuleSpec } from './destination-rule.ts';
import { endpointSliceFields, endpointsFields } from './endpoint-slice.ts';
import { optional, text } from './fields.ts';
import { gatewaySpec } from './gateway.ts';
import { metadata } from './metadata.ts';
import { podSpec, podStatus } from './pod.ts';
import { serviceEntrySpec } from './service-entry.ts';
import { serviceSpec } from './service.ts';
import { sidecarSpec } from './sidecar.ts';
import { virtualServiceSpec } from './virtual-service.ts';
import { workloadEntrySpec } from './workload-entry.ts';
import { whenGiven } from './when-given.ts';

const envelope = lazily(() => ({ apiVersion: text, kind: text, metadata: metadata() }));

/** Written by controllers, never part of a decision. */
const anyStatus = lazily(() => whenGiven(() => z.looseObject({})));

/** Written by Istio: the addresses it allocated to the hosts. */
const serviceEntryStatus = lazily(() =>
  z.looseObject({
    addresses: whenGiven(() => z.array(z.looseObject({ value: optional.text, host: optional.text }))),
  }),
);

/** By kind. A `spec` that is left out is an empty one for kinds of Kubernetes, and missing for kinds of Istio. */
export const resourceSchemas: Readonly<Record<string, () => z.ZodMiniObject>> = {
  ServiceEntry: lazily(() =>
    z.strictObject({ ...envelope(), spec: serviceEntrySpec(), status: whenGiven(serviceEntryStatus) }),
  ),
  VirtualService: lazily(() => z.strictObject({ ...envelope(), spec: virtualServiceSpec(), status: anyStatus() })),
  DestinationRule: lazily(() => z.strictObject({ ...envelope(), spec: destinationRuleSpec(), status: anyStatus() })),
  Gateway: lazily(() => z.strictObject({ ...envelope(), spec: gatewaySpec(), status: anyStatus() })),
  Sidecar: lazily(() => z.strictObject({ ...envelope(), spec: sidecarSpec(), status: anyStatus() })),
  WorkloadEntry: lazily(() => z.strictObject({ ...envelope(), spec: workloadEntrySpec(), status: anyStatus() })),
  Service: lazily(() => z.strictObject({ ...envelope(), spec: whenGiven(serviceSpec), status: anyStatus() })),
  EndpointSlice: lazily(() => z.strictObject({ ...envelope(), ...endpointSliceFields() })),
  Endpoints: lazily(() => z.strictObject({ ...envelope(), ...endpointsFields() })),
  Pod: lazily(() => z.strictObject({ ...envelope(), spec: whenGiven(podSpec), status: whenGiven(podStatus) })),
  Namespace: lazily(() => z.strictObject({ ...envelope(), spec: anyStatus(), status: anyStatus() })),
};
