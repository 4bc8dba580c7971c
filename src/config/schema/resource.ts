/** A whole resource of each kind: what the API server checks before any webhook is asked. */
import * as form from './form.ts';
import { destinationRuleSpec } from './destination-rule.ts';
import { endpointSliceFields, endpointsFields } from './endpoint-slice.ts';
import { text } from './fields.ts';
import { gatewaySpec } from './gateway.ts';
import { metadata } from './metadata.ts';
import { podSpec, podStatus } from './pod.ts';
import { serviceEntrySpec } from './service-entry.ts';
import { serviceSpec } from './service.ts';
import { sidecarSpec } from './sidecar.ts';
import { virtualServiceSpec } from './virtual-service.ts';
import { workloadEntrySpec } from './workload-entry.ts';

const envelope = { apiVersion: text, kind: text, metadata };

/** Written by controllers, never part of a decision. */
const anyStatus = form.looseObject({}).optional();

/** Written by Istio: the addresses it allocated to the hosts. */
const serviceEntryStatus = form.looseObject({
  addresses: form.array(form.looseObject({ value: text.optional(), host: text.optional() })).optional(),
});

/** By kind. A `spec` that is left out is an empty one for kinds of Kubernetes, and missing for kinds of Istio. */
export const resourceSchemas: Readonly<Record<string, form.ObjectForm>> = {
  ServiceEntry: form.strictObject({ ...envelope, spec: serviceEntrySpec, status: serviceEntryStatus.optional() }),
  VirtualService: form.strictObject({ ...envelope, spec: virtualServiceSpec, status: anyStatus }),
  DestinationRule: form.strictObject({ ...envelope, spec: destinationRuleSpec, status: anyStatus }),
  Gateway: form.strictObject({ ...envelope, spec: gatewaySpec, status: anyStatus }),
  Sidecar: form.strictObject({ ...envelope, spec: sidecarSpec, status: anyStatus }),
  WorkloadEntry: form.strictObject({ ...envelope, spec: workloadEntrySpec, status: anyStatus }),
  Service: form.strictObject({ ...envelope, spec: serviceSpec.optional(), status: anyStatus }),
  EndpointSlice: form.strictObject({ ...envelope, ...endpointSliceFields }),
  Endpoints: form.strictObject({ ...envelope, ...endpointsFields }),
  Pod: form.strictObject({ ...envelope, spec: podSpec.optional(), status: podStatus.optional() }),
  Namespace: form.strictObject({ ...envelope, spec: anyStatus, status: anyStatus }),
};
