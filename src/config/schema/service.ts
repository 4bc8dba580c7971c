import { z } from 'zod';
import { anyMap } from './any-map.ts';
import { celRule, flag, int32, text, textMap, texts, uint32 } from './fields.ts';

const port = z.strictObject({
  name: text.optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
  appProtocol: text.optional(),
  port: z.int().min(1).max(65535),
  targetPort: z.union([z.int().min(0).max(65535), text]).optional(),
  nodePort: uint32.optional(),
});

/** ServiceSpec of Kubernetes' v1, and what the API server asks of it. */
const fields = z.strictObject({
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

type ServiceFields = z.infer<typeof fields>;

export const serviceSpec = fields
  .refine(hasExternalName, celRule('SCL0308', 'a Service of type ExternalName needs `externalName`'))
  .refine(hasPorts, celRule('SCL0308', 'a Service with an address needs ports'))
  .refine(hasPortNames, celRule('SCL0308', 'several ports need names that differ'))
  .refine(hasDistinctPorts, celRule('SCL0308', 'two ports have the same number and protocol'));

function hasExternalName({ type, externalName }: ServiceFields): boolean {
  return type !== 'ExternalName' || (externalName ?? '') !== '';
}

/** A headless Service may do without; an alias has no ports of its own. */
function hasPorts({ type, clusterIP, ports = [] }: ServiceFields): boolean {
  return type === 'ExternalName' || clusterIP === 'None' || ports.length > 0;
}

function hasPortNames({ ports = [] }: ServiceFields): boolean {
  const names = new Set(ports.map(({ name }) => name ?? ''));
  return ports.length < 2 || (names.size === ports.length && !names.has(''));
}

function hasDistinctPorts({ ports = [] }: ServiceFields): boolean {
  return new Set(ports.map(({ port: number, protocol = 'TCP' }) => `${number} ${protocol}`)).size === ports.length;
}
