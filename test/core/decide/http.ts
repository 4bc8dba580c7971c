/** A mesh with one HTTP service, `h.example`, whose VirtualService a test writes; and requests to it. */
import { parseMeshConfig } from '../../../src/config/load.ts';
import { decide } from '../../../src/core/decide/decide.ts';
import type { Connection, HttpRequest } from '../../../src/core/model/connection.ts';
import type { AllowDecision, Decision, RouteDecision } from '../../../src/core/model/decision.ts';
import type { MeshConfig } from '../../../src/core/model/mesh-config.ts';

const ENTRIES = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: h, namespace: default }
spec:
  hosts: [h.example, o.example]
  ports:
    - { number: 80, name: http, protocol: HTTP }
    - { number: 8080, name: http-8080, protocol: HTTP }
  resolution: DNS
`;

/** `http`: the VirtualService's http routes in YAML, indented by four. */
export function meshWithRoutes(
  http: string,
  meshConfig = 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }',
): MeshConfig {
  const virtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec:
  hosts: [h.example]
  http:
${http}`;
  return parseMeshConfig([meshConfig, ENTRIES, virtualService].join('\n---\n'));
}

export function meshWithoutRoutes(meshConfig: string): MeshConfig {
  return parseMeshConfig([meshConfig, ENTRIES].join('\n---\n'));
}

export interface Asked extends Partial<HttpRequest> {
  readonly authority?: string;
  readonly port?: number;
  readonly protocol?: 'http1' | 'http2' | 'grpc';
}

/** A plaintext request as a proxy sees it. */
export function request({ authority = 'h.example', port = 80, protocol = 'http1', ...rest }: Asked = {}): Connection {
  return {
    address: '198.18.0.1',
    port,
    protocol,
    authority,
    request: { method: 'GET', path: '/', headers: {}, ...rest },
  };
}

export function ask(mesh: MeshConfig, asked: Asked = {}): Decision {
  return decide(request(asked), mesh);
}

/** What goes on, or is answered by the route, inside a deadline or not. Fails on a denial. */
export function followed(decision: Decision): AllowDecision | RouteDecision {
  if (decision.action === 'deny') throw new Error(`denied: ${decision.reason}`);
  return decision.action === 'timeout' ? decision.then : decision;
}

export function routeOf(mesh: MeshConfig, asked: Asked = {}): RouteDecision {
  const forward = followed(ask(mesh, asked));
  if (forward.action !== 'route') throw new Error(`not a route: ${forward.reason}`);
  return forward;
}
