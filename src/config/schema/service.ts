import { z } from 'zod';
import { anyMap } from './any-map.ts';
import { flag, int32, text, textMap, texts, uint32 } from './fields.ts';

const port = z.strictObject({
  name: text.optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
  appProtocol: text.optional(),
  port: z.int().min(1).max(65535),
  targetPort: z.union([z.int().min(0).max(65535), text]).optional(),
  nodePort: uint32.optional(),
});

/** ServiceSpec of Kubernetes' v1. */
export const serviceSpec = z.strictObject({
  type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).optional(),
  clusterIP: text.optional(),
  clusterIPs: texts.optional(),
  externalName: text.optional(),
  externalIPs: texts.optional(),
  ports: z.array(port).optional(),
  selector: textMap.optional(),
  publishNotReadyAddresses: flag.optional(),
  sessionAffinity: z.enum(['None', 'ClientIP']).optional(),
  sessionAffinityConfig: anyMap.optional(),
  loadBalancerIP: text.optional(),
  loadBalancerSourceRanges: texts.optional(),
  loadBalancerClass: text.optional(),
  externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
  internalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
  healthCheckNodePort: int32.optional(),
  ipFamilies: z.array(z.enum(['IPv4', 'IPv6'])).optional(),
  ipFamilyPolicy: z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack']).optional(),
  allocateLoadBalancerNodePorts: flag.optional(),
  trafficDistribution: text.optional(),
});

export type ServiceFields = z.infer<typeof serviceSpec>;
