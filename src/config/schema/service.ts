import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { optional, text } from './fields.ts';

const port = lazily(() =>
  z.strictObject({
    name: optional.text,
    protocol: z.optional(z.enum(['TCP', 'UDP', 'SCTP'])),
    appProtocol: optional.text,
    port: z.int().check(z.gte(1), z.lte(65535)),
    targetPort: z.optional(z.union([z.int().check(z.gte(0), z.lte(65535)), text])),
    nodePort: optional.uint32,
  }),
);

/** ServiceSpec of Kubernetes' v1. */
export const serviceSpec = lazily(() =>
  z.strictObject({
    type: z.optional(z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
    clusterIP: optional.text,
    clusterIPs: optional.texts,
    externalName: optional.text,
    externalIPs: optional.texts,
    ports: z.optional(z.array(port())),
    selector: optional.textMap,
    publishNotReadyAddresses: optional.flag,
    sessionAffinity: z.optional(z.enum(['None', 'ClientIP'])),
    sessionAffinityConfig: z.optional(anyMap),
    loadBalancerIP: optional.text,
    loadBalancerSourceRanges: optional.texts,
    loadBalancerClass: optional.text,
    externalTrafficPolicy: z.optional(z.enum(['Cluster', 'Local'])),
    internalTrafficPolicy: z.optional(z.enum(['Cluster', 'Local'])),
    healthCheckNodePort: optional.int32,
    ipFamilies: z.optional(z.array(z.enum(['IPv4', 'IPv6']))),
    ipFamilyPolicy: z.optional(z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])),
    allocateLoadBalancerNodePorts: optional.flag,
    trafficDistribution: optional.text,
  }),
);

export type ServiceFields = z.infer<ReturnType<typeof serviceSpec>>;
