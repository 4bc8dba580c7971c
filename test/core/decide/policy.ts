/** Policies for tests: Istio YAML under REGISTRY_ONLY, unless it begins with another MeshConfig. */
import { parseMeshConfig } from '../../../src/config/load.ts';
import type { LoadOptions } from '../../../src/config/load.ts';
import type { AllowDecision, Connection, Decision, DenyDecision, RouteDecision } from '../../../src/core/index.ts';
import { decide } from '../../../src/core/index.ts';
import type { MeshConfig } from '../../../src/core/model/mesh-config.ts';

export interface Port {
  readonly number: number;
  readonly protocol?: string;
  readonly targetPort?: number;
}

export function policy(resources: string, options: LoadOptions & { readonly mode?: string } = {}): MeshConfig {
  const { mode = 'REGISTRY_ONLY', ...rest } = options;
  const meshConfig = `outboundTrafficPolicy: { mode: ${mode} }`;
  return parseMeshConfig([{ text: meshConfig, as: 'MeshConfig' }, resources], rest);
}

/** YAML of a ServiceEntry; `more` is further YAML under `spec`, at its indentation. */
export function serviceEntry(
  host: string,
  ports: readonly Port[],
  more = 'resolution: DNS',
  namespace = 'default',
): string {
  const name = host
    .replaceAll(/[^a-z0-9]+/gi, '-')
    .replaceAll(/^-|-$/g, '')
    .toLowerCase();
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  hosts: ['${host}']
  ports:
${ports
  .map(({ number, protocol, targetPort }) => {
    const fields = [`number: ${number}`, `name: p-${number}`];
    if (protocol !== undefined) fields.push(`protocol: ${protocol}`);
    if (targetPort !== undefined) fields.push(`targetPort: ${targetPort}`);
    return `    - { ${fields.join(', ')} }`;
  })
  .join('\n')}
${more
  .split('\n')
  .map((line) => `  ${line}`)
  .join('\n')}
---`;
}

/** A plaintext GET of `path`. */
export function get(host: string, port = 80, path = '/'): Connection {
  return { host, port, protocol: 'http1', request: { method: 'GET', path, headers: {} } };
}

export function tls(host: string, port = 443): Connection {
  return { host, port, transport: 'tls' };
}

export function denied(connection: Connection, mesh: MeshConfig): DenyDecision {
  const decision = decide(connection, mesh);
  if (decision.action !== 'deny') throw new Error(`${decision.action}: ${decision.reason}, ${decision.cluster}`);
  return decision;
}

/** The forward inside a decision that lets go. */
export function passed(connection: Connection, mesh: MeshConfig): AllowDecision | RouteDecision {
  return forwardOf(decide(connection, mesh));
}

export function forwardOf(decision: Decision): AllowDecision | RouteDecision {
  if (decision.action === 'deny') throw new Error(`denied: ${decision.reason}`);
  return decision.action === 'timeout' ? decision.then : decision;
}
