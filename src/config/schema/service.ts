import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { optional, text } from './fields.ts';
import { whenGiven } from './when-given.ts';

const port = lazily(() =>
  z.strictObject({
    name: optional.text,
    protocol: whenGiven(() => z.enum(['TCP', 'UDP', 'SCTP'])),
    appProtocol: optional.text,
    port: z.int().check(z.gte(1), z.lte(65535)),
    targetPort: whenGiven(() => z.union([z.int().check(z.gte(0), z.lte(65535)), text])),
    nodePort: optional.uint32,
  }),
);

/** ServiceSpec of Kubernetes' v1. */
export const serviceSpec = lazily(() =>
  z.strictObject({
    type: whenGiven(() => z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
    clusterIP: optional.text,
    clusterIPs: optional.texts,
    externalName: optional.text,
    externalIPs: optional.texts,
    ports: whenGiven(() => z.array(port())),
    selector: optional.textMap,
    publishNotReadyAddresses: optional.flag,
    sessionAffinity: whenGiven(() => z.enum(['None', 'ClientIP'])),
    sessionAffinityConfig: whenGiven(() => anyMap),
    loadBalancerIP: optional.text,
    loadBalancerSourceRanges: optional.texts,
    loadBalancerClass: optional.text,
    externalTrafficPolicy: whenGiven(() => z.enum(['Cluster', 'Local'])),
    internalTrafficPolicy: whenGiven(() => z.enum(['Cluster', 'Local'])),
    healthCheckNodePort: optional.int32,
    ipFamilies: whenGiven(() => z.array(z.enum(['IPv4', 'IPv6']))),
    ipFamilyPolicy: whenGiven(() => z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])),
    allocateLoadBalancerNodePorts: optional.flag,
    trafficDistribution: optional.text,
  }),
);

export type ServiceFields = z.infer<ReturnType<typeof serviceSpec>>;
