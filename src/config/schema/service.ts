import * as form from './form.ts';
import { anyMap } from './any-map.ts';
import { flag, int32, text, textMap, texts, uint32 } from './fields.ts';

const port = form.strictObject({
  name: text.optional(),
  protocol: form.oneWordOf(['TCP', 'UDP', 'SCTP']).optional(),
  appProtocol: text.optional(),
  port: form.int().min(1).max(65535),
  targetPort: form.either(form.int().min(0).max(65535), text).optional(),
  nodePort: uint32.optional(),
});

/** ServiceSpec of Kubernetes' v1. */
export const serviceSpec = form.strictObject({
  type: form.oneWordOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).optional(),
  clusterIP: text.optional(),
  clusterIPs: texts.optional(),
  externalName: text.optional(),
  externalIPs: texts.optional(),
  ports: form.array(port).optional(),
  selector: textMap.optional(),
  publishNotReadyAddresses: flag.optional(),
  sessionAffinity: form.oneWordOf(['None', 'ClientIP']).optional(),
  sessionAffinityConfig: anyMap.optional(),
  loadBalancerIP: text.optional(),
  loadBalancerSourceRanges: texts.optional(),
  loadBalancerClass: text.optional(),
  externalTrafficPolicy: form.oneWordOf(['Cluster', 'Local']).optional(),
  internalTrafficPolicy: form.oneWordOf(['Cluster', 'Local']).optional(),
  healthCheckNodePort: int32.optional(),
  ipFamilies: form.array(form.oneWordOf(['IPv4', 'IPv6'])).optional(),
  ipFamilyPolicy: form.oneWordOf(['SingleStack', 'PreferDualStack', 'RequireDualStack']).optional(),
  allocateLoadBalancerNodePorts: flag.optional(),
  trafficDistribution: text.optional(),
});

export type ServiceFields = form.Infer<typeof serviceSpec>;
