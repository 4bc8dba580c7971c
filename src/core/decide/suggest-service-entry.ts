import type { CompiledMesh } from '../compile/compile-mesh.ts';
import { parseIp } from '../match/ip-address.ts';
import type { Connection } from '../model/connection.ts';
import type { DenyDecision } from '../model/decision.ts';
import type { Arrival } from './arrival.ts';
import { namedHost } from './nearest-miss.ts';

/** Denials that a ServiceEntry could lift. */
const LIFTED: ReadonlySet<DenyDecision['reason']> = new Set(['no_service_entry', 'cluster_not_found']);

/** A ServiceEntry that would admit a denied connection, as YAML to paste; undefined when none would. */
export function suggestServiceEntry(
  { workload, scope }: CompiledMesh,
  arrival: Arrival,
  connection: Connection,
  decision: DenyDecision,
): string | undefined {
  if (!LIFTED.has(decision.reason) || scope.type === 'router') return undefined;
  const missing = decision.reason === 'cluster_not_found' ? /^outbound\|(\d+)\|\|(.+)$/.exec(decision.cluster) : null;
  const named = (missing?.[2] ?? namedHost(arrival, connection)).replace(/^\[(.*)\]$/, '$1');
  // An address in the place of a name: of a request to an address, the Host header.
  const host = parseIp(named) === undefined ? named : '';
  const port = missing?.[1] === undefined ? arrival.port : Number(missing[1]);
  const address = host === '' ? (arrival.address?.text ?? (named === '' ? undefined : named)) : undefined;
  if (host === '' && address === undefined) return undefined;
  const protocol = protocolOf(arrival, connection);
  const name = address === undefined ? host : `address-${address.replaceAll(/[.:]+/g, '-')}`;
  return [
    'apiVersion: networking.istio.io/v1',
    'kind: ServiceEntry',
    'metadata:',
    `  name: ${resourceName(name)}`,
    `  namespace: ${workload.namespace}`,
    'spec:',
    '  hosts:',
    `    - ${address === undefined ? host : `${resourceName(name)}.internal`}`,
    ...(address === undefined ? [] : ['  addresses:', `    - ${address.includes(':') ? `'${address}'` : address}`]),
    '  ports:',
    `    - number: ${port}`,
    `      name: ${protocol.toLowerCase()}-${port}`,
    `      protocol: ${protocol}`,
    '  location: MESH_EXTERNAL',
    `  resolution: ${address === undefined ? 'DNS' : 'NONE'}`,
    '',
  ].join('\n');
}

function protocolOf({ tls, application }: Arrival, { protocol }: Connection): string {
  if (tls) return protocol === 'tcp' ? 'TLS' : 'HTTPS';
  if (application === undefined) return 'TCP';
  if (protocol === 'grpc') return 'GRPC';
  return application === 'h2c' ? 'HTTP2' : 'HTTP';
}

/** A DNS label: letters, digits and hyphens, at most 63. */
function resourceName(host: string): string {
  return host
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
}
