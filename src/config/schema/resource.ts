/** A whole resource of each kind: what the API server checks before any webhook is asked. */
import { z } from 'zod';
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
const anyStatus = z.looseObject({}).optional();

/** Written by Istio: the addresses it allocated to the hosts. */
const serviceEntryStatus = z.looseObject({
  addresses: z.array(z.looseObject({ value: text.optional(), host: text.optional() })).optional(),
});

/** By kind. A `spec` that is left out is an empty one for kinds of Kubernetes, and missing for kinds of Istio. */
export const resourceSchemas: Readonly<Record<string, z.ZodObject>> = {
  ServiceEntry: z.strictObject({ ...envelope, spec: serviceEntrySpec, status: serviceEntryStatus.optional() }),
  VirtualService: z.strictObject({ ...envelope, spec: virtualServiceSpec, status: anyStatus }),
  DestinationRule: z.strictObject({ ...envelope, spec: destinationRuleSpec, status: anyStatus }),
  Gateway: z.strictObject({ ...envelope, spec: gatewaySpec, status: anyStatus }),
  Sidecar: z.strictObject({ ...envelope, spec: sidecarSpec, status: anyStatus }),
  WorkloadEntry: z.strictObject({ ...envelope, spec: workloadEntrySpec, status: anyStatus }),
  Service: z.strictObject({ ...envelope, spec: serviceSpec.optional(), status: anyStatus }),
  EndpointSlice: z.strictObject({ ...envelope, ...endpointSliceFields }),
  Endpoints: z.strictObject({ ...envelope, ...endpointsFields }),
  Pod: z.strictObject({ ...envelope, spec: podSpec.optional(), status: podStatus.optional() }),
  Namespace: z.strictObject({ ...envelope, spec: anyStatus, status: anyStatus }),
};
