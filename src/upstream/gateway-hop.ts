import { decide } from '../core/index.ts';
import type { Connection } from '../core/model/connection.ts';
import type { Decision, ForwardedRequest, UpstreamCluster } from '../core/model/decision.ts';
import type { MeshConfig } from '../core/model/mesh-config.ts';

/**
 * The second hop: what the pods behind an egress gateway's Service decide about what reaches them. They are known by the
 * labels that the Service selects.
 */
export function decideAtGateway(
  connection: Connection,
  upstream: UpstreamCluster,
  request: ForwardedRequest | undefined,
  meshConfig: MeshConfig,
): Decision | undefined {
  const { service } = upstream;
  const resource = meshConfig.services.find(
    ({ metadata }) => metadata.name === service?.name && (metadata.namespace ?? 'default') === service.namespace,
  );
  if (!service || !resource) return undefined;
  const { host: _host, address: _address, request: asked, authority, ...rest } = connection;
  return decide(
    {
      ...rest,
      port: upstream.port,
      ...(request ? { authority: request.authority } : authority !== undefined && { authority }),
      ...(asked && { request: request ? { ...asked, method: request.method, path: request.path } : asked }),
      workload: { namespace: service.namespace, labels: { ...resource.spec.selector }, type: 'router' },
    },
    meshConfig,
  );
}
